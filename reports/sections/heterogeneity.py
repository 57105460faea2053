"""What random-effects pooling says of the differences between centres."""

from extval.reports import format as fmt
from extval.reports.blocks import INTERVAL, RIGHT, Band, Cell, Column, Row, Table
from extval.reports.index import VALIDATION, Index, Measure
from extval.reports.labels import heading, label, shown
from extval.reports.tabulation import Footnotes, at_horizon, metric_table
from extval.validate.store import MetricRow

POOLED_SUFFIX, PREDICTION_SUFFIX = "_random_effects", "_prediction"
WITHOUT = "_random_effects_without"
SUFFIXES = (POOLED_SUFFIX, PREDICTION_SUFFIX, "_tau2", "_i2")


def pooled_measures(index: Index) -> tuple[Measure, ...]:
    """Return the measures that were pooled across centres, in the order of the store."""
    return tuple(
        dict.fromkeys(
            Measure(row.metric.removesuffix(POOLED_SUFFIX), row.horizon)
            for row in index.results.metrics
            if row.metric.endswith(POOLED_SUFFIX)
        )
    )


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this table shows."""
    return tuple(
        Measure(measure.metric + suffix, measure.horizon)
        for measure in pooled_measures(index)
        for suffix in (*SUFFIXES, WITHOUT)
    )


def influence_table(index: Index) -> Table | None:
    """Return the mean of the centres without each of them in turn; None with two centres."""
    return metric_table(
        index,
        caption="Influence of single centres: the random-effects mean without the centre named.",
        groups=index.centers(VALIDATION),
        measures=tuple(
            Measure(measure.metric + WITHOUT, measure.horizon) for measure in pooled_measures(index)
        ),
    )


def heterogeneity_table(index: Index) -> Table | None:
    """Return the pooled estimates with heterogeneity, a band a measure; None without any."""
    group = index.pooled(VALIDATION)
    notes = Footnotes()
    rows: list[Row | Band] = []
    found: list[MetricRow] = []
    for measure in pooled_measures(index):
        at = "" if measure.horizon is None else f" at {at_horizon(index, measure.horizon)}"
        rows.append(Band(f"{heading(measure.metric)}{at}"))
        for model in index.models:
            parts = [
                index.row(group, model, Measure(measure.metric + suffix, measure.horizon))
                for suffix in SUFFIXES
                if group is not None
            ]
            if not any(parts):
                continue
            found += [part for part in parts if part is not None]
            rows.append(Row((Cell(model), *(_cell(measure.metric, part, notes) for part in parts))))
    if not found:
        return None
    return Table(
        caption="Random-effects summary of the validation centres.",
        columns=(
            Column("Model"),
            Column(f"Mean of centres {index.ci}", INTERVAL),
            Column(f"{index.level} prediction interval", RIGHT),
            Column(f"τ² {index.ci}", INTERVAL),
            Column(f"I², % {index.ci}", INTERVAL),
        ),
        rows=tuple(rows),
        footnotes=notes.listed(),
        remarks=(
            "Prediction interval, where the value of a new centre is expected; τ², variance "
            "between centres on the scale of pooling; I², share of the variation that is between "
            "centres.",
            f"Estimators. {_estimators(found)}.",
        ),
    )


def _estimators(rows: list[MetricRow]) -> str:
    """Return the methods of the means, then what the other columns add to them."""
    means = [row for row in rows if row.metric.endswith(POOLED_SUFFIX)]
    said = dict.fromkeys(
        f"{heading(row.metric.removesuffix(POOLED_SUFFIX))}: {row.method}" for row in means
    )
    added = dict.fromkeys(row.method.rpartition("; ")[2] for row in rows if row not in means)
    return ". ".join([*said, "; ".join(added)])


def _cell(metric: str, row: MetricRow | None, notes: Footnotes) -> Cell:
    if row is None:
        return Cell(fmt.ABSENT)
    mark = notes.mark(row.note)
    if row.metric.endswith(PREDICTION_SUFFIX):
        return Cell(fmt.limits(row.lower, row.upper, digits=label(metric).digits), mark)
    return Cell(shown(row), mark)
