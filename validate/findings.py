"""What the evaluation of one group of patients yields, before it is put into the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from extval.stats.multiplicity import holm
from extval.stats.results import Comparison, Estimate, SignificanceTest
from extval.validate.cohort import Group
from extval.validate.store import (
    ComparisonRow,
    MetricRow,
    comparison_row,
    metric_row,
    significance_rows,
)


@dataclass(slots=True)
class Findings:
    """Rows and curves that accumulate in the order in which they are found."""

    metrics: list[MetricRow] = field(default_factory=list)
    comparisons: list[ComparisonRow] = field(default_factory=list)
    curves: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def merge(self, others: Iterable[Self]) -> None:
        """Append the rows and curves of `others`, in their order."""
        for other in others:
            self.metrics += other.metrics
            self.comparisons += other.comparisons
            for kind, table in other.curves.items():
                mine = self.curves.setdefault(kind, {name: [] for name in table})
                for name, values in table.items():
                    mine[name] += values


class GroupFindings(Findings):
    """Findings in one group, which fills in who they are about."""

    __slots__ = ("_group",)

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def metric(self, model: str, metric: str, found: Estimate, **where: Any) -> None:
        """Add one number; `where` may hold horizon, threshold and note."""
        group = self._group
        self.metrics.append(
            metric_row(
                found,
                cohort=group.cohort,
                center=group.center,
                role=group.role,
                model=model,
                metric=metric,
                **where,
            )
        )

    def test(self, model: str, metric: str, found: SignificanceTest, **where: Any) -> None:
        """Add the rows of one test."""
        group = self._group
        self.metrics += significance_rows(
            found,
            cohort=group.cohort,
            center=group.center,
            role=group.role,
            model=model,
            metric=metric,
            **where,
        )

    def family(
        self,
        metric: str,
        pairs: Sequence[tuple[str, str, Comparison]],
        *,
        adjustment: str,
        horizon: float | None = None,
    ) -> None:
        """Add a family of comparisons; Holm's adjustment runs over the family."""
        raw = [found.p_value for _, _, found in pairs]
        adjusted = holm(raw) if adjustment == "holm" else np.array(raw)
        for (model_a, model_b, found), p_adjusted in zip(pairs, adjusted, strict=True):
            self.comparisons.append(
                comparison_row(
                    found,
                    cohort=self._group.cohort,
                    center=self._group.center,
                    metric=metric,
                    horizon=horizon,
                    model_a=model_a,
                    model_b=model_b,
                    p_adjusted=float(p_adjusted),
                    adjustment=adjustment,
                )
            )

    def curve(self, kind: str, labels: Mapping[str, Any], **columns: ArrayLike) -> None:
        """Add points to the tidy table of one kind; `labels` are repeated on every point."""
        arrays = {name: np.asarray(values).tolist() for name, values in columns.items()}
        count = len(next(iter(arrays.values())))
        who = {"cohort": self._group.cohort, "center": self._group.center, **labels}
        table = self.curves.setdefault(kind, {name: [] for name in (*who, *arrays)})
        for name, label in who.items():
            table[name] += [label] * count
        for name, values in arrays.items():
            table[name] += values
