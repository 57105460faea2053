"""How every number was made, and what it takes to make it again."""

from collections.abc import Iterator, Mapping
from typing import Any

from extval.reports import format as fmt
from extval.reports.blocks import Cell, Column, Paragraph, Row, Section, Table
from extval.reports.index import APPARENT, Index
from extval.reports.labels import heading, label


def section(index: Index) -> Section:
    """Return estimators as run and the protocol as resolved."""
    return Section(
        "Methods and protocol",
        (
            Paragraph(_principles(index)),
            _estimators(index),
            _protocol(index),
        ),
    )


def provenance(index: Index) -> Section:
    """Return the last page: command, seed, inputs with their hashes, versions."""
    about = index.results.provenance
    inputs = about.get("inputs", ())
    versions = {
        "extval": about.get("extval", ""),
        "Python": about.get("python", ""),
        **about.get("packages", {}),
    }
    return Section(
        "Provenance",
        (
            Paragraph(
                f"Command: {about.get('command', '')}. Seed of all resampling: "
                f"{fmt.plain(about.get('seed'))}. Results schema: {index.results.schema}. The same "
                "inputs, seed and versions give the same bytes; \u201cextval verify\u201d "
                "recomputes and compares them."
            ),
            Table(
                caption="Inputs.",
                columns=(Column("File"), Column("Role"), Column("SHA-256")),
                rows=tuple(
                    Row(tuple(Cell(str(item.get(key, ""))) for key in ("name", "role", "sha256")))
                    for item in inputs
                ),
            ),
            Table(
                caption="Versions.",
                columns=(Column("Software"), Column("Version")),
                rows=tuple(Row((Cell(name), Cell(str(v)))) for name, v in versions.items()),
            ),
        ),
        new_page=True,
    )


def _principles(index: Index) -> str:
    frozen = "risk groups" if index.is_survival else "decision thresholds"
    return (
        f"Predictions were frozen before validation. All {frozen} were learned on the development "
        "cohort alone and then applied unchanged to every other cohort and centre. The development "
        f"cohort is shown for comparison; {_development(index)} "
        "A number that cannot be estimated is printed as "
        f"\u201c{fmt.NOT_ESTIMABLE}\u201d with the reason in a footnote; it is never left out. "
        f"\u201c{fmt.ABSENT}\u201d means that a number does not apply. Limits are two-sided at the "
        f"{index.level} level."
    )


def _development(index: Index) -> str:
    if index.development_shows == APPARENT:
        return "its performance is apparent performance and is optimistic for models fitted on it."
    return (
        "its numbers are those of out-of-fold predictions, by models fitted without the patients "
        "they predict."
    )


def _estimators(index: Index) -> Table:
    """Return every metric with its meaning and the estimators that were run for it."""
    used: dict[tuple[str, str], dict[str, None]] = {}
    for row in index.results.metrics:
        if not row.metric.endswith(("_df", "_p")):
            key = heading(row.metric), label(row.metric).meaning
            used.setdefault(key, {})[row.method] = None
    for line in index.results.comparisons:
        key = f"Difference in {heading(line.metric)}", ""
        used.setdefault(key, {})[line.method] = None
    return Table(
        caption="Estimators as run.",
        columns=(Column("Metric"), Column("Meaning"), Column("Estimator and interval")),
        rows=tuple(
            Row(
                (
                    Cell(name),
                    Cell(meaning or fmt.ABSENT),
                    Cell("; ".join(filter(None, methods)) or fmt.ABSENT),
                )
            )
            for (name, meaning), methods in used.items()
        ),
    )


def _protocol(index: Index) -> Table:
    return Table(
        caption="The protocol with every default written out.",
        columns=(Column("Setting"), Column("Value")),
        rows=tuple(
            Row((Cell(path), Cell(value))) for path, value in _flattened(index.protocol, "")
        ),
    )


def _flattened(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = fmt.plain(key) if isinstance(key, float | int) else str(key)
            yield from _flattened(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        yield path, ", ".join(_plain(item) for item in value) or fmt.ABSENT
    else:
        yield path, _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return fmt.ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return fmt.plain(value) if isinstance(value, float | int) else str(value)
