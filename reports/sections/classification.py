"""Decisions at the threshold that was frozen on the development cohort."""

from extval.reports import format as fmt
from extval.reports.blocks import Block, Paragraph, Section
from extval.reports.index import Index, Measure
from extval.reports.labels import AT_PREVALENCE
from extval.reports.sections.differences import differences
from extval.reports.tabulation import metric_table

PROPORTIONS = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
COMBINED = ("balanced_accuracy", "f1", "youden", "lr_positive", "lr_negative", "dor")


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if index.is_survival:
        return ()
    return tuple(map(Measure, (*PROPORTIONS, *COMBINED, *_at_prevalences(index))))


def _at_prevalences(index: Index) -> tuple[str, ...]:
    """Return the predictive values at stated prevalences, in the order of the store."""
    return tuple(
        dict.fromkeys(r.metric for r in index.results.metrics if AT_PREVALENCE in r.metric)
    )


def section(index: Index) -> Section:
    """Return the measures of a two-by-two table at each model's frozen threshold."""
    blocks: list[Block] = []
    for caption, metrics in (
        ("Classification at the frozen threshold.", PROPORTIONS),
        ("Classification at the frozen threshold: combined measures and ratios.", COMBINED),
        (
            "Predictive values that sensitivity and specificity imply at stated event rates.",
            _at_prevalences(index),
        ),
    ):
        table = metric_table(
            index,
            caption=caption,
            groups=index.cohorts,
            measures=[Measure(metric) for metric in metrics] if not index.is_survival else [],
        )
        if table is not None:
            blocks.append(table)
    if blocks:
        blocks.insert(0, Paragraph(_thresholds(index)))
    compared = () if index.is_survival else differences(index, (*PROPORTIONS, *COMBINED))
    return Section("Classification at the frozen threshold", (*blocks, *compared))


def _thresholds(index: Index) -> str:
    """Return the sentence that names every threshold, its rule and where it comes from."""
    models = index.results.models
    rules = list(dict.fromkeys(model.threshold_rule for model in models if model.threshold_rule))
    values = "; ".join(f"{model.name}, {fmt.threshold(model.threshold)}" for model in models)
    return (
        "A patient is test-positive when the prediction is at or above the threshold. Thresholds "
        "were fixed before any external outcome was read and are the same in every cohort "
        f"(rule: {'; '.join(rules) or fmt.ABSENT}). They are: {values}."
    )
