"""The LASSO of the signatures: cross-validation, paths, and selection frequency."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import nan

import numpy as np
from matplotlib.axes import Axes

from extval.features.modelling.lasso_path import LassoCrossValidation, LassoPath
from extval.reports import format as fmt
from extval.reports.blocks import Figure, Key, Panel, Plot
from extval.reports.figures.lasso import (
    DASHES,
    NAMED,
    plot_lasso_cv,
    plot_lasso_paths,
    plot_selection_frequency,
)
from extval.reports.index import Index
from extval.reports.palette import BLACK
from extval.reports.sections.learned_rows import link_of, records

HEIGHT_MM, PANELS, FEWEST_BARS, BLANK = 50.0, 3, 9.5, "\u00a0"
LEGEND_SHARE = 0.3  # of the width of the paths
FAMILIES = {"log-hazard": "cox", "identity": "linear"}


def figure(index: Index, listed: Mapping[str, Sequence[str]]) -> Figure:
    """Return a row of panels a model; `listed` has the features of each in the table's order."""
    return Figure(
        caption="The LASSO of the signatures.",
        panels=tuple(panel for model in listed for panel in _panels(index, model, listed[model])),
        columns=PANELS,
        keys=(
            Key("lambda with the best mean (min)", BLACK, DASHES["min"]),
            Key("largest lambda within one standard error of it (1-SE)", BLACK, DASHES["1se"]),
        ),
        left_mm=11.0,
        remarks=(
            "Cross-validation: mean and one standard error. Numbers above an axis: coefficients "
            "that are not zero. Coefficients are per standard deviation of a feature; the largest "
            "have a colour. Features have the numbers of the table of selected features; dark "
            "bars, features of the model.",
        ),
    )


def _panels(index: Index, model: str, listed: Sequence[str]) -> tuple[Panel, ...]:
    features, cv = cross_validation(index, model)
    numbers = {name: fmt.integer(place) for place, name in enumerate(listed, start=1)}
    # No legend has an entry that begins with an underscore.
    names = [numbers.get(feature, f"_{feature}") for feature in features]
    named = names if cv.path.n_nonzero[cv.index_min] else None
    frequency = {
        numbers[str(row["feature"])]: float(row["frequency"])
        for row in records(index, "lasso_frequency", model)
        if row["feature"] in numbers
    }
    formula = records(index, "formula", model)
    kept = [numbers[str(row["term"])] for row in formula if row["term"] in numbers]
    draws = (
        (f"{model}: cross-validation", partial(plot_lasso_cv, cv)),
        (f"{model}: coefficients", partial(_paths, cv, named)),
        (f"{model}: selection frequency", partial(_frequency, frequency, kept)),
    )
    # The blank subtitle leaves room for the numbers above the axes.
    return tuple(Panel(title, (Plot(draw, HEIGHT_MM),), BLANK) for title, draw in draws)


def _paths(cv: LassoCrossValidation, names: Sequence[str] | None, ax: Axes) -> Axes:
    """Draw the paths with their legend beside them, where no line runs."""
    plot_lasso_paths(cv.path, ax, names=names, cv=cv)
    if ax.get_legend() is not None:
        left, right = ax.get_xlim()
        ax.set_xlim(left, right + LEGEND_SHARE * (right - left))
        ax.legend(
            frameon=False,
            fontsize=5.5,
            handlelength=2.2,
            handletextpad=0.4,
            borderaxespad=0.0,
            loc="center right",
        )
    return ax


def _frequency(frequency: Mapping[str, float], kept: Sequence[str], ax: Axes) -> Axes:
    """Draw the bars; few of them no thicker than many."""
    plot_selection_frequency(frequency, ax, kept=kept)
    ax.set_ylim(max(FEWEST_BARS, ax.get_ylim()[0]), -0.5)
    return ax


def largest(index: Index, model: str) -> list[str]:
    """Return the features with the largest coefficients at the best lambda, which are named."""
    if not records(index, "lasso_cv", model):
        return []
    features, cv = cross_validation(index, model)
    at_best = np.abs(cv.path.coefficients[cv.index_min])
    order = np.argsort(-at_best, kind="stable")[:NAMED]
    return [features[j] for j in order if at_best[j] > 0.0]


def cross_validation(index: Index, model: str) -> tuple[list[str], LassoCrossValidation]:
    """Return the features that ever had a coefficient, and the curve and the path of a model.

    What the results do not hold (deviances, folds) is NaN or empty; no figure shows it.
    """
    curve = records(index, "lasso_cv", model)
    lambdas = np.array([row["lambda"] for row in curve])
    steps = records(index, "lasso_path", model)
    features = list(dict.fromkeys(str(row["feature"]) for row in steps))
    coefficients = np.zeros((len(lambdas), len(features)))
    column = {name: j for j, name in enumerate(features)}
    line = {value: i for i, value in enumerate(lambdas.tolist())}
    for row in steps:
        coefficients[line[row["lambda"]], column[str(row["feature"])]] = row["coefficient"]
    unknown = np.full(len(lambdas), nan)
    path = LassoPath(
        family=FAMILIES.get(link_of(index, model), "logistic"),
        lambdas=lambdas,
        intercepts=unknown,
        coefficients=coefficients,
        n_nonzero=np.array([row["nonzero"] for row in curve]),
        deviance_ratio=unknown,
        null_deviance=nan,
        converged=np.ones(len(lambdas), dtype=np.bool_),
        n=0,
        events=0,
        status="",
    )
    marks = [str(row["mark"]).split(", ") for row in curve]
    least, sparse = (
        next(i for i, mark in enumerate(marks) if name in mark) for name in ("min", "1se")
    )
    return features, LassoCrossValidation(
        path=path,
        measure=str(curve[0]["measure"]),
        mean=np.array([row["mean"] for row in curve], dtype=np.float64),
        se=np.array([row["se"] for row in curve], dtype=np.float64),
        by_fold=np.empty((0, 0, len(lambdas))),
        lambda_min=float(lambdas[least]),
        lambda_1se=float(lambdas[sparse]),
        index_min=least,
        index_1se=sparse,
        selection_frequency=np.empty((len(lambdas), 0)),
        folds=np.empty((0, 0), dtype=np.intp),
        n_folds=0,
        repeats=0,
        converged=True,
    )
