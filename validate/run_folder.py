"""The folder of `extval run`: what is kept in `stages/`, and results that replace older ones whole.

Only what a run writes is ever removed; whatever else lies in the folder stays there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extval.validate.errors import InputError

STAGES = "stages"
README = "README.txt"
FILES = (
    *("results.json", "metrics.csv", "comparisons.csv", "subgroups.csv", "baseline.csv"),
    *("cox.csv", "missing.csv", "missing_patterns.csv", "predictions.csv", "protocol.yaml"),
    *("study.yaml", "report.pdf", "manifest.json"),
)
FOLDERS = ("curves", "modelling", "models", "figures", "tables", "checklists")
PRIVATE = """\
This folder is private: do not publish it, and do not send it to anyone who may not see patient
data. It holds identifiers of patients as they are in your tables, features and fits, so that
`extval run` goes on where it was stopped. No result needs it: the files beside it name patients
by pseudonyms only. You may delete it; the next run then starts from the beginning.
"""


def check_folder(out: Path, *, force: bool) -> Path:
    """Return the folder of the stages, after refusing an `out` that holds something else.

    Raises
    ------
    InputError
        If `out` is a file, holds other files, or results that are not to be replaced.
    """
    stages = out / STAGES
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the results.")
    if out.is_dir() and any(out.iterdir()):
        begun = list(out.iterdir()) == [stages] and not any(stages.iterdir())  # killed at once
        if not (stages / README).is_file() and not begun:
            raise InputError(f"{out} holds other files than those of a run. Name another folder.")
        if (out / "manifest.json").is_file() and not force:
            raise InputError(
                f"{out} already holds the results of a run. Name another folder, or add --force "
                "to replace them; features and fits that did not change are used again."
            )
    try:
        stages.mkdir(parents=True, exist_ok=True)
        (stages / README).write_text(PRIVATE, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{out} cannot be made or written to: {error.strerror}.") from error
    return stages


@contextmanager
def results_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files replace those of `out` when the block ends well.

    Raises
    ------
    InputError
        If a file cannot be written or moved; the file is named.
    """
    temporary = out / STAGES / f".{os.getpid()}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _replace(out, temporary)
    except OSError as error:
        name = error.filename or out
        raise InputError(f"{name} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(out: Path, temporary: Path) -> None:
    """Remove older results, the manifest first, and move the new ones, the manifest last."""
    (out / "manifest.json").unlink(missing_ok=True)
    names = sorted(path.name for path in temporary.iterdir())
    for stale in sorted({*FILES, *names}):
        if (out / stale).is_file():
            (out / stale).unlink()
    for stale in sorted({*FOLDERS, *names}):
        if (out / stale).is_dir():
            shutil.rmtree(out / stale)
    for name in sorted(names, key=lambda each: each == "manifest.json"):
        (temporary / name).rename(out / name)
