"""Write the report of a results store; every number in it is a field of the store."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extval.reports import format as fmt
from extval.reports import typefaces
from extval.reports.blocks import Report
from extval.reports.document import write_pdf
from extval.reports.errors import ReportError
from extval.reports.index import Index
from extval.reports.sections import (
    adjusted,
    baseline,
    calibration,
    case_mix,
    centers,
    classification,
    cohorts,
    discrimination,
    leakage,
    methods,
    missing,
    modelling,
    others,
    sample_size,
    subgroups,
    summary,
    survival,
    updating,
    utility,
)
from extval.validate.store import Results

__all__ = ["ReportError", "build_report", "write_report"]


def write_report(results: Results, path: Path) -> None:
    """Write `report.pdf`; the bytes depend on the results alone.

    Raises
    ------
    ReportError
        If a name or sentence holds a character that no font can draw.
    """
    typefaces.check(_texts(results))
    write_pdf(build_report(results), path)


def build_report(results: Results) -> Report:
    """Return the report as plain data: the first page, then the sections that have content."""
    index = Index(results)
    parts = (
        cohorts.section(index),
        baseline.section(index),
        missing.section(index),
        modelling.section(index),
        leakage.audit(index),
        leakage.shift(index),
        discrimination.section(index),
        classification.section(index),
        calibration.section(index),
        utility.section(index),
        survival.section(index),
        adjusted.section(index),
        centers.section(index),
        subgroups.section(index),
        case_mix.section(index),
        updating.section(index),
        sample_size.section(index),
        others.section(index),
        methods.section(index),
        methods.provenance(index),
    )
    provenance = results.provenance
    return Report(
        title=results.title,
        subtitle=summary.subtitle(index),
        facts=summary.facts(index),
        summary=summary.blocks(index),
        sections=tuple(part for part in parts if part.blocks),
        footer=f"extval {provenance.get('extval', '')}, seed {fmt.plain(provenance.get('seed'))}",
    )


def _texts(results: Results) -> Iterator[tuple[str, str]]:
    """Yield every text that comes from outside, with the place where it stands."""
    yield "title", results.title
    yield from (("model", model.name) for model in results.models)
    seen = dict.fromkeys(row.center for row in results.cohorts)
    yield from (("centre", center) for center in seen)
    yield from (("caution", sentence) for sentence in results.cautions)
    named = dict.fromkeys(f"{row.subgroup} {row.level_name}" for row in results.subgroups)
    yield from (("subgroup", name) for name in named)
    named = dict.fromkeys(f"{row.predictor} {row.contrast}" for row in results.cox)
    yield from (("predictor", name) for name in named)
    seen = dict.fromkeys(f"{r.variable} {r.category} {r.group}" for r in results.baseline)
    yield from (("baseline table", name) for name in seen)
    said = [(row.note, row.method) for row in (*results.metrics, *results.subgroups, *results.cox)]
    said += [(row.note, row.method) for row in results.comparisons]
    yield from (("note", note) for note in dict.fromkeys(note for note, _ in said))
    yield from (("method", method) for method in dict.fromkeys(method for _, method in said))
    for kind, columns in results.modelling.items():
        cells = (cell for column in columns.values() for cell in column)
        found = dict.fromkeys(cell for cell in cells if isinstance(cell, str))
        yield from ((f"modelling/{kind}", text) for text in found)
    yield from _leaves(results.protocol, "protocol")
    yield from _leaves(results.provenance, "provenance")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the texts inside plain data with their paths; keys are texts too."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield path, str(key)
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, path)
    elif isinstance(value, str):
        yield path, value
