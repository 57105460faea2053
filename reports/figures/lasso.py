"""LASSO: the cross-validation curve, the paths of the coefficients, how often features return."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from extval.features.modelling.lasso_path import LassoCrossValidation, LassoPath
from extval.reports.figures.axes import QUINTS, draw_segments, dress
from extval.reports.palette import BLACK, GREY, LIGHT_GREY, model_looks, tint

LAMBDA = "log(\u03bb)"
MEASURES = {
    ("logistic", "deviance"): "Cross-validated deviance",
    ("logistic", "auc"): "Cross-validated AUC",
    ("logistic", "misclassification"): "Cross-validated misclassification",
    ("linear", "deviance"): "Cross-validated mean squared error",
    ("cox", "deviance"): "Cross-validated partial likelihood deviance",
}
DASHES = {"min": (3.0, 1.5), "1se": (1.0, 1.4)}
COUNTS = 8  # numbers of coefficients above the axes
NAMED = 6  # paths with a colour of their own


def plot_lasso_cv(cv: LassoCrossValidation, ax: Axes) -> Axes:
    """Draw the mean of the measure with one standard error on either side, over log lambda.

    The lines mark the two lambdas (dashed: the best; dotted: within one standard error of it); the
    numbers above are those of the coefficients that are not zero.
    """
    x = np.log(cv.path.lambdas)
    low, high = cv.mean - cv.se, cv.mean + cv.se
    bars = [((a, b), (a, c)) for a, b, c in zip(x, low, high, strict=True)]
    draw_segments(ax, bars, color=LIGHT_GREY, linewidth=0.8)
    ax.plot(
        x, cv.mean, linestyle="", marker="o", markersize=1.6, color=model_looks(["rs"])["rs"].color
    )
    _mark_lambdas(cv, ax)
    dress(ax, xlabel=LAMBDA, ylabel=MEASURES[cv.path.family, cv.measure])
    return _count_on_top(cv.path, ax)


def plot_lasso_paths(
    path: LassoPath,
    ax: Axes,
    *,
    scale: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    cv: LassoCrossValidation | None = None,
) -> Axes:
    """Draw every coefficient over log lambda.

    `scale` (p,), the standard deviations of the features, makes coefficients in different units
    comparable. With `names` (p,) the largest at the smallest lambda of the path, or at that of
    `cv`, are named; with `cv` its two lambdas are marked.
    """
    x = np.log(path.lambdas)
    values = path.coefficients * (1.0 if scale is None else np.asarray(scale))
    kept = np.flatnonzero(values.any(axis=0))
    at = len(x) - 1 if cv is None else cv.index_min
    order = kept[np.argsort(-np.abs(values[at, kept]), kind="stable")]
    shown = [int(j) for j in order[:NAMED]] if names is not None else []
    for j in order[::-1]:
        if j not in shown:
            ax.plot(x, values[:, j], color=GREY, linewidth=0.5)
    labels = [] if names is None else [str(names[j]) for j in shown]
    looks = model_looks([f"feature {label}" for label in labels])
    for j, label, look in zip(shown, labels, looks.values(), strict=True):
        dash = (0, look.dash) if look.dash else "-"
        ax.plot(x, values[:, j], color=look.color, linestyle=dash, label=label)
    if cv is not None:
        _mark_lambdas(cv, ax)
    if labels:
        ax.legend(frameon=False, fontsize=5.5, handlelength=2.2)
    unit = "Coefficient" if scale is None else "Coefficient per standard deviation"
    return _count_on_top(path, dress(ax, xlabel=LAMBDA, ylabel=unit))


def plot_selection_frequency(
    frequency: Mapping[str, float],
    ax: Axes,
    *,
    kept: Sequence[str] = (),
    at_most: int = 20,
) -> Axes:
    """Draw the share of models in which a feature was kept: the most frequent, from the top.

    Features of the final model, `kept`, have a dark bar.
    """
    order = sorted(frequency, key=lambda name: -frequency[name])
    shown = [name for name in order if frequency[name] > 0.0][:at_most]
    color = model_looks(["rs"])["rs"].color
    rows = np.arange(len(shown))
    fills = [color if name in set(kept) else tint(color, 0.35) for name in shown]
    ax.barh(rows, [frequency[name] for name in shown], height=0.7, color=fills, linewidth=0)
    dress(
        ax,
        xlabel="Share of models that keep the feature",
        xlim=(0, 1),
        ylim=(max(len(shown), 1) - 0.5, -0.5),
        xticks=QUINTS,
    )
    ax.yaxis.set_major_locator(FixedLocator([float(row) for row in rows]))
    ax.set_yticks(rows, shown)
    ax.tick_params(axis="y", length=0)
    return ax


def _mark_lambdas(cv: LassoCrossValidation, ax: Axes) -> None:
    for name, value in (("min", cv.lambda_min), ("1se", cv.lambda_1se)):
        ax.axvline(float(np.log(value)), color=BLACK, linewidth=0.6, dashes=DASHES[name])


def _count_on_top(path: LassoPath, ax: Axes) -> Axes:
    """Write numbers of non-zero coefficients above the axes, the largest lambda on the right."""
    x = np.log(path.lambdas)
    at = np.unique(np.linspace(0, len(x) - 1, COUNTS).round().astype(int))
    for i in at:
        ax.text(
            x[i],
            1.02,
            str(path.n_nonzero[i]),
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=5.5,
            color=GREY,
        )
    return ax
