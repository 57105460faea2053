"""Rows of the tables about learned models, by table and model."""

from collections.abc import Mapping
from math import isnan
from typing import Any

from extval.reports.index import Index

Record = Mapping[str, Any]

SCALES = {
    "logit": "log odds",
    "log-hazard": "log hazard",
    "identity": "least squares of the 0/1 outcome, no log odds",
}


def records(index: Index, kind: str, model: str | None = None) -> list[Record]:
    """Return the rows of a table of `modelling`, of all models or of one; [] without the table.

    NaN is None: results in memory and results from a file give the same report.
    """
    columns = index.results.modelling.get(kind) or {}
    names = list(columns)
    return [
        {name: _known(cell) for name, cell in zip(names, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
        if model is None or row[names.index("model")] == model
    ]


def _known(cell: Any) -> Any:
    return None if isinstance(cell, float) and isnan(cell) else cell


def models_with(index: Index, kind: str) -> list[str]:
    """Return the models that a table of `modelling` has rows of, in the order of the study."""
    there = {row["model"] for row in records(index, kind)}
    known = [model for model in index.models if model in there]
    return [*known, *sorted(there.difference(known))]


def link_of(index: Index, model: str) -> str:
    """Return the scale of a model's score; empty where the results do not say.

    Models without steps are logistic or Cox regressions; a LASSO of a 0/1 outcome may be linear.
    """
    if index.is_survival:
        return "log-hazard"
    said = [str(row["link"]) for row in records(index, "formula", model) if row.get("link")]
    if said:
        return said[0]
    return "" if records(index, "steps", model) else "logit"


def scale_of(index: Index, model: str) -> str:
    """Return that scale in words."""
    return SCALES.get(link_of(index, model), "")
