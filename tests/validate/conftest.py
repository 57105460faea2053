"""A command line that runs in this process, and a small study to run it on."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from extval.validate import cli

REFERENCE = Path(__file__).parents[1] / "reference" / "evaluate.json"


@dataclass(frozen=True)
class Outcome:
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def extval(monkeypatch, capsys):
    """Return a function that runs the command line as a shell would and says what came out."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["extval", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return Outcome(stopped.value.code or 0, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def reference():
    """Return the simulated study and what R says of it."""
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture
def study(reference):
    """Return the simulated study as a data frame."""
    return pd.DataFrame(reference["study"])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a data frame as CSV and returns the path."""

    def csv(frame, name="study.csv"):
        path = tmp_path / name
        frame.to_csv(path, index=False)
        return path

    return csv
