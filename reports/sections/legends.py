"""The curves of all models with their looks, and the legend that goes with them."""

from extval.reports.blocks import Key
from extval.reports.index import Columns, Index
from extval.reports.palette import TREAT_ALL, TREAT_NONE, Look
from extval.validate.store import CohortRow

TREAT_ALL_NAME, TREAT_NONE_NAME = "treat all", "treat none"


def model_curves(index: Index, kind: str, group: CohortRow) -> list[tuple[Look, Columns]]:
    """Return the curve of every model that has one in this cohort or centre."""
    found = ((index.looks[name], index.curve(kind, group, model=name)) for name in index.models)
    return [(look, curve) for look, curve in found if curve]


def model_keys(index: Index) -> tuple[Key, ...]:
    """Return the legend of the models."""
    return tuple(
        Key(name, look.color, look.dash, look.marker) for name, look in index.looks.items()
    )


def strategy_keys() -> tuple[Key, ...]:
    """Return the legend of treating everybody and nobody."""
    return (
        Key("Treat all", TREAT_ALL.color, TREAT_ALL.dash),
        Key("Treat none", TREAT_NONE.color, TREAT_NONE.dash),
    )
