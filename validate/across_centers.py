"""Performance across the centres of the validation cohort: pooled, heterogeneity, prediction.

Pooled-patient numbers can hide centres that are wrong in opposite directions; these rows show
them. They are made from the rows of the centres, so nothing is estimated twice.
"""

from collections.abc import Iterator, Sequence
from math import nan

from extval.stats.meta import PooledEstimate, leave_one_center_out, pool_centers
from extval.stats.results import Estimate, Interval
from extval.validate.cohort import ALL_CENTERS, DEVELOPMENT, VALIDATION, Group
from extval.validate.findings import GroupFindings
from extval.validate.store import MetricRow

TEST, WITHOUT = "hartung-knapp-adhoc", "_without"
FEWEST_INFLUENTIAL, MOST_INFLUENTIAL = 3, 30
SCALES = {
    "auc": "logit",
    "c_harrell": "logit",
    "oe_ratio": "log",
    "oe_t": "log",
    "calibration_intercept": "identity",
    "calibration_slope": "identity",
}


def pool(group: Group, rows: Sequence[MetricRow], *, confidence_level: float) -> GroupFindings:
    """Return the random-effects rows of the pooled validation cohort, from its centres' rows.

    For each measure: ``NAME_random_effects``, ``NAME_prediction`` (the interval for a new
    centre), ``NAME_tau2`` and ``NAME_i2``. With one centre there is nothing to pool.
    """
    found = GroupFindings(group)
    for (model, metric, horizon), centers in _families(rows).items():
        if len(centers) < 2:
            continue
        pooled = pool_centers(
            [nan if row.estimate is None else row.estimate for row in centers],
            [nan if row.se is None else row.se for row in centers],
            scale=SCALES[metric],
            test=TEST,
            confidence_level=confidence_level,
        )
        for suffix, estimate in _estimates(pooled, centers):
            found.metric(model, metric + suffix, estimate, horizon=horizon)
    return found


def influence(
    groups: Sequence[Group], rows: Sequence[MetricRow], *, confidence_level: float
) -> list[GroupFindings]:
    """Return, for every validation centre, the mean of the others: ``NAME_random_effects_without``.

    Fewer than three centres leave nothing to pool; with more than 30 none weighs much, and
    pooling once a centre would take longer than everything else.
    """
    found = {
        group.center: GroupFindings(group)
        for group in groups
        if group.cohort == VALIDATION and group.center != ALL_CENTERS
    }
    for (model, metric, horizon), centers in _families(rows).items():
        if not FEWEST_INFLUENTIAL <= len(centers) <= MOST_INFLUENTIAL:
            continue
        without = leave_one_center_out(
            [nan if row.estimate is None else row.estimate for row in centers],
            [nan if row.se is None else row.se for row in centers],
            scale=SCALES[metric],
            test=TEST,
            confidence_level=confidence_level,
        )
        for row, pooled in zip(centers, without, strict=True):
            others = [other for other in centers if other is not row]
            suffix, estimate = next(_estimates(pooled, others))
            name = f"{metric}{suffix}{WITHOUT}"
            found[row.center].metric(model, name, estimate, horizon=horizon)
    return list(found.values())


def _families(
    rows: Sequence[MetricRow],
) -> dict[tuple[str, str, float | None], list[MetricRow]]:
    """Return the rows of centres that did not develop, by model, measure and horizon."""
    found: dict[tuple[str, str, float | None], list[MetricRow]] = {}
    for row in rows:
        in_center = row.cohort != DEVELOPMENT and row.center != ALL_CENTERS
        if in_center and row.metric in SCALES:
            found.setdefault((row.model, row.metric, row.horizon), []).append(row)
    return found


def _estimates(
    pooled: PooledEstimate, centers: Sequence[MetricRow]
) -> Iterator[tuple[str, Estimate]]:
    left_out = f", {pooled.n_not_estimable} not estimable" if pooled.n_not_estimable else ""
    method = f"{pooled.method}; {pooled.n_centers} centres{left_out}"
    parts: tuple[tuple[str, float, Interval, str], ...] = (
        ("_random_effects", pooled.value, pooled.interval, method),
        (
            "_prediction",
            pooled.value,
            pooled.prediction_interval,
            f"{method}; prediction interval for a new centre",
        ),
        ("_tau2", pooled.tau2, pooled.tau2_interval, f"{method}; Q-profile interval"),
        ("_i2", pooled.i2, pooled.i2_interval, f"{method}; Q-profile interval"),
    )
    for suffix, value, interval, text in parts:
        yield (
            suffix,
            Estimate(
                value=value,
                interval=interval,
                method=text,
                n=sum(row.n for row in centers),
                events=sum(row.events for row in centers),
                status=pooled.status,
            ),
        )
