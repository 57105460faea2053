"""Write docs/agreement.md: how far this package and each other implementation lie apart.

``make agreement`` runs the tests that compare with another implementation; while they run, every
comparison that they make is measured, and the tables are written from those measurements. A
comparison with `err_msg` belongs to the row ``module:function:err_msg`` of tests/agreement.csv if
there is one, else to ``module:function``; without either it is not counted. What a test compares
with this package itself goes through ``numpy.testing`` by its full name and is not counted.
"""

import csv
import json
import re
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"
TOLERANCE = 1e-8
LAST = "Other"

# Test, statistic, other implementation, reference file, section, and why a difference is large.
with (ROOT / "tests" / "agreement.csv").open(encoding="utf-8", newline="") as _file:
    ROWS = {row["test"]: row for row in csv.DictReader(_file)}
TESTS = {":".join(key.split(":")[:2]) for key in ROWS}


class Differences:
    """Largest differences that the comparisons of one statistic met."""

    def __init__(self):
        self.cases, self.values, self.absolute, self.relative = set(), 0, 0.0, 0.0

    def add(self, case, actual, desired):
        """Measure one comparison: absolute, and relative where the reference is not zero."""
        actual, desired = np.broadcast_arrays(np.asarray(actual, float), np.asarray(desired, float))
        both = np.isfinite(actual) & np.isfinite(desired)
        gap, size = np.abs(actual[both] - desired[both]), np.abs(desired[both])
        self.cases.add(case)
        self.values += int(both.sum())
        self.absolute = max(self.absolute, float(gap.max(initial=0.0)))
        large = size > TOLERANCE
        self.relative = max(self.relative, float((gap[large] / size[large]).max(initial=0.0)))


class AgreementTable:
    """A pytest plugin: measures the comparisons of the tests in `ROWS`, then writes the tables."""

    def __init__(self, path):
        self.path, self.found, self.wrong = Path(path), defaultdict(Differences), []

    def pytest_collection_modifyitems(self, items):
        """Keep the tests of the table."""
        items[:] = [item for item in items if test_of(item) in TESTS]

    def pytest_runtest_setup(self, item):
        """Let the test's own module measure what it compares."""
        test, case = test_of(item), item.name

        def measured(actual, desired, *args, **options):
            key = f"{test}:{options.get('err_msg', '')}"
            key = key if key in ROWS else test
            if key in ROWS:
                self.found[key].add(case, actual, desired)
            assert_allclose(actual, desired, *args, **options)

        if hasattr(item.module, "assert_allclose"):
            item.module.assert_allclose = measured

    def pytest_sessionfinish(self, session, exitstatus):
        """Write the tables, unless a test failed or a row is without measurement or explanation."""
        self.wrong = [f"{key}: nothing was compared" for key in ROWS if key not in self.found]
        self.wrong += [
            f"{key}: {found.relative:.1e} is beyond {TOLERANCE:.0e} and has no explanation"
            for key, found in self.found.items()
            if found.relative > TOLERANCE and not ROWS[key].get("why")
        ]
        if exitstatus == 0 and self.wrong:
            session.exitstatus = 1
        elif exitstatus == 0:
            text = (ROOT / "docs" / "agreement-notes.md").read_text(encoding="utf-8")
            self.path.write_text(text.replace("TABLE", self.tables()), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter):
        """Name the rows that kept the tables from being written."""
        for sentence in self.wrong:
            terminalreporter.line(sentence)

    def tables(self):
        """Return a table a section, in the order of the file."""
        sections = {}
        for key, row in ROWS.items():
            sections.setdefault(row.get("section") or LAST, []).append(self.row(key))
        parts = ("\n".join([f"### {name}\n", HEADER, *rows]) for name, rows in sections.items())
        return "\n\n".join(parts)

    def row(self, key):
        """Return the line of one statistic."""
        row, found = ROWS[key], self.found[key]
        cells = (
            row["statistic"],
            row["compared_with"] + versions(row["reference"], row["compared_with"]),
            f"{found.absolute:.1e}",
            f"{found.relative:.1e}",
            str(len(found.cases)),
            str(found.values),
            row.get("why") or "",
        )
        return f"| {' | '.join(cells)} |"


HEADER = (
    "| statistic | compared with | largest absolute difference | largest relative difference "
    "| cases | values | why |\n| --- | --- | --- | --- | --- | --- | --- |"
)


def test_of(item):
    """Return ``module:function`` of a test item."""
    return f"{item.path.stem}:{getattr(item, 'originalname', item.name)}"


def versions(file, said):
    """Return in brackets the versions of R or Python and of the packages that `said` names."""
    if not file:  # numbers as published
        return ""
    if file.startswith("pip:"):  # a package that the test itself calls
        return f" ({file[4:]} {version(file[4:])})"
    meta = json.loads((REFERENCE / f"{file}.json").read_text(encoding="utf-8"))["meta"]
    plain = {name: v[0] if isinstance(v, list) else v for name, v in meta.items()}
    short = {name: re.sub(r"^R version (\S+).*", r"\1", v) for name, v in plain.items()}
    named = {
        name: number
        for name, number in short.items()
        if name in ("R", "python") or re.search(rf"\b{re.escape(name)}\b", said, re.IGNORECASE)
    }
    return f" ({', '.join(f'{name} {number}' for name, number in (named or short).items())})"
