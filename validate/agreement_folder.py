"""The folder of `extval agreement`: table, report and a manifest without clock or host."""

import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from extval.validate import folder as results_folder

SCHEMA = "extval-agreement/1"
PACKAGES = ("numpy", "scipy", "pyarrow", "numba", "matplotlib", "reportlab")


def provenance(
    table: Path, masks: Sequence[Path], options: Mapping[str, str | float]
) -> dict[str, Any]:
    """Return what was read, by which versions, and the command as typed beside the table."""
    words = ["extval", "agreement", table.name]
    for flag, value in options.items():
        words += [flag, f"{value:g}" if isinstance(value, float) else value]
    inputs = [results_folder.input_record(table, "table")]
    inputs += [results_folder.input_record(path, "mask") for path in masks if path.is_file()]
    return {
        "extval": metadata.version("extval"),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "seed": None,
        "inputs": inputs,
        "command": shlex.join(words),
    }


def write(
    folder: Path,
    name: str,
    text: str,
    about: Mapping[str, Any],
    *,
    report: Callable[[Path], None] | None,
) -> None:
    """Write the table, the report if there is one, and the manifest, which comes last."""
    (folder / name).write_text(text, encoding="utf-8", newline="\n")
    if report is not None:
        report(folder / "report.pdf")
    results_folder.write_manifest(folder, results_schema=SCHEMA, provenance=about)
