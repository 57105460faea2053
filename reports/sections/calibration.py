"""Whether predicted probabilities are right: binary outcome."""

from collections.abc import Iterator
from functools import partial

from extval.reports import format as fmt
from extval.reports.blocks import Block, Figure, Panel, Plot, Section
from extval.reports.figures.calibration import (
    end_of_axes,
    plot_belt,
    plot_calibration,
    plot_calibration_overlay,
    plot_risk_distribution,
)
from extval.reports.index import Index, Measure
from extval.reports.sections.legends import model_curves
from extval.reports.tabulation import metric_table
from extval.validate.store import CohortRow

OVERALL = ("calibration_intercept", "calibration_slope", "oe_ratio", "brier", "brier_scaled")
CURVE = ("ici", "e50", "e90", "emax", "hosmer_lemeshow", "hosmer_lemeshow_p")
FURTHER = (
    "nagelkerke_r2",
    "log_loss",
    "spiegelhalter_z",
    "spiegelhalter_z_p",
    "pigeon_heyse",
    "pigeon_heyse_p",
    "le_cessie",
    "le_cessie_p",
)
# The interval that the protocol did not choose, and the smoothers that it did not.
OTHER_INTERVAL = tuple(
    f"calibration_{part}_{method}"
    for method in ("wald", "profile")
    for part in ("intercept", "slope")
)
OTHER_CURVES = {
    smoother: tuple(f"{metric}_{smoother}" for metric in ("ici", "e50", "e90", "emax"))
    for smoother in ("loess", "rcs", "lowess")
}
PARTS = ("brier_miscalibration", "brier_discrimination", "brier_uncertainty")
TESTS = (
    "weak_calibration",
    "weak_calibration_p",
    "weak_calibration_intercept",
    "weak_calibration_intercept_p",
    "weak_calibration_slope",
    "weak_calibration_slope_p",
    "calibration_belt",
    "calibration_belt_p",
)
DEGREES = (
    "hosmer_lemeshow_df",
    "pigeon_heyse_df",
    "weak_calibration_df",
    "weak_calibration_intercept_df",
    "weak_calibration_slope_df",
)
_OTHERS = tuple(metric for metrics in OTHER_CURVES.values() for metric in metrics)
_SHOWN = (*OVERALL, *CURVE, *_OTHERS, *OTHER_INTERVAL, *FURTHER, *PARTS, *TESTS, *DEGREES)
CURVE_MM, DISTRIBUTION_MM = 40.0, 9.0


def measures(index: Index) -> tuple[Measure, ...]:
    """Return the metrics that this section shows."""
    if index.is_survival:
        return ()
    return tuple(map(Measure, _SHOWN))


def section(index: Index) -> Section:
    """Return calibration in numbers and in curves."""
    if index.is_survival:
        return Section("Calibration", ())
    blocks: list[Block] = []
    for caption, metrics in (
        ("Calibration and overall error.", OVERALL),
        ("Distance of the flexible calibration curve from ideal, and goodness of fit.", CURVE),
        *(
            (f"Distance of another flexible calibration curve ({name}) from ideal.", metrics)
            for name, metrics in OTHER_CURVES.items()
        ),
        ("Intercept and slope with the other interval.", OTHER_INTERVAL),
        ("Explained variation, error and further tests of fit.", FURTHER),
        ("Parts of the Brier score: miscalibration \u2212 discrimination + uncertainty.", PARTS),
        ("Tests of intercept 0 and slope 1, and the calibration belt.", TESTS),
    ):
        table = metric_table(
            index,
            caption=caption,
            groups=index.cohorts,
            measures=[Measure(metric) for metric in metrics],
        )
        blocks += [table] if table else []
    blocks += _figures(index)
    return Section("Calibration", tuple(blocks))


def _figures(index: Index) -> Iterator[Block]:
    for group in index.cohorts:
        end = end_of_axes(
            index.curve(kind, group, model=name)
            for kind in ("calibration", "calibration_groups")
            for name in index.models
        )
        panels = tuple(
            panel for name in index.models if (panel := calibration_panel(index, group, name, end))
        )
        if panels:
            yield Figure(
                caption=f"Calibration. {index.title(group)}.",
                panels=panels,
                columns=3,
                left_mm=10.0,
                remarks=(_legend(index, group),),
            )
    for group in index.cohorts:
        belts = tuple(panel for name in index.models if (panel := _belt(index, group, name)))
        if belts:
            yield Figure(
                caption=f"Calibration belts. {index.title(group)}.",
                panels=belts,
                columns=3,
                left_mm=10.0,
                remarks=(
                    "The belt holds the calibration curve with the confidence of its legend, taken "
                    "as a whole; where it leaves the diagonal, the predictions are wrong.",
                ),
            )


def _belt(index: Index, group: CohortRow, model: str) -> Panel | None:
    belt = index.curve("calibration_belt", group, model=model)
    if not belt:
        return None
    levels = ", ".join(fmt.level(level) for level in dict.fromkeys(belt["level"]))
    draw = partial(plot_belt, belt, index.looks[model])
    return Panel(model, (Plot(draw, CURVE_MM),), f"{levels} belt")


def _legend(index: Index, group: CohortRow) -> str:
    """Return what is drawn in the panels of one cohort."""
    curves = (index.curve("calibration", group, model=name) for name in index.models)
    smoothers = dict.fromkeys(name for curve in curves for name in curve.get("smoother", ()))
    smoother = f" ({', '.join(smoothers)})" if smoothers else ""
    return (
        f"Line, flexible curve{smoother} with its pointwise {index.level} bootstrap band; symbols, "
        f"groups of equal size by predicted probability with {index.level} limits; grey diagonal, "
        "ideal. Below: number of patients by predicted probability, with the event upwards "
        "(coloured) and without it downwards (grey)."
    )


def calibration_panel(index: Index, group: CohortRow, model: str, end: float = 1.0) -> Panel | None:
    """Return the calibration of one model in one cohort, or None."""
    curve = index.curve("calibration", group, model=model)
    groups = index.curve("calibration_groups", group, model=model)
    if not curve and not groups:
        return None
    look = index.looks[model]
    plots = [Plot(partial(plot_calibration, curve, groups, look, end=end), CURVE_MM)]
    events = index.curve("risk_distribution", group, model=model, outcome=1)
    others = index.curve("risk_distribution", group, model=model, outcome=0)
    if events or others:
        counts = partial(plot_risk_distribution, events, others, look, end=end)
        plots.append(Plot(counts, DISTRIBUTION_MM))
    return Panel(model, tuple(plots))


def overlay_panel(
    index: Index, group: CohortRow, size_mm: float, *, title: str = ""
) -> Panel | None:
    """Return the flexible curves of all models in one panel, or None."""
    curves = model_curves(index, "calibration", group)
    if not curves:
        return None
    end = end_of_axes(curve for _, curve in curves)
    return Panel(
        title or index.name(group),
        (Plot(partial(plot_calibration_overlay, curves, end=end), size_mm),),
        "" if title else index.size(group),
    )
