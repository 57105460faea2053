"""Write docs/agreement.md: how far this package and each other implementation lie apart.

``make agreement`` runs the tests that compare with another implementation; while they run, every
comparison that they make is measured, and the table is written from those measurements.
"""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"

# Test (module:function), statistic, other implementation and reference file.
with (ROOT / "tests" / "agreement.csv").open(encoding="utf-8", newline="") as _file:
    ROWS = {row["test"]: row for row in csv.DictReader(_file)}


class Differences:
    """Largest differences that the comparisons of one test met."""

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
        large = size > 1e-8
        self.relative = max(self.relative, float((gap[large] / size[large]).max(initial=0.0)))


class AgreementTable:
    """A pytest plugin: measures the comparisons of the tests in `ROWS`, then writes the table."""

    def __init__(self, path):
        self.path, self.found = Path(path), defaultdict(Differences)

    def pytest_collection_modifyitems(self, items):
        """Keep the tests of the table."""
        items[:] = [item for item in items if key_of(item) in ROWS]

    def pytest_runtest_setup(self, item):
        """Let the test's own module measure what it compares."""
        key, case = key_of(item), item.name

        def measured(actual, desired, *args, **options):
            self.found[key].add(case, actual, desired)
            assert_allclose(actual, desired, *args, **options)

        if hasattr(item.module, "assert_allclose"):
            item.module.assert_allclose = measured

    def pytest_sessionfinish(self, exitstatus):
        """Write the table, unless a test failed."""
        if exitstatus == 0:
            lines = [self.row(key) for key in ROWS if key in self.found]
            text = (ROOT / "docs" / "agreement-notes.md").read_text(encoding="utf-8")
            table = "\n".join([HEADER, *lines])
            self.path.write_text(text.replace("TABLE", table), encoding="utf-8")

    def row(self, key):
        """Return the line of one statistic."""
        row, found = ROWS[key], self.found[key]
        cells = (
            row["statistic"],
            f"{row['compared_with']} ({versions(row['reference'])})",
            f"{found.absolute:.1e}",
            f"{found.relative:.1e}",
            str(len(found.cases)),
            str(found.values),
        )
        return f"| {' | '.join(cells)} |"


HEADER = (
    "| statistic | compared with | largest absolute difference | largest relative difference "
    "| cases | values |\n| --- | --- | --- | --- | --- | --- |"
)


def key_of(item):
    """Return ``module:function`` of a test item."""
    return f"{item.path.stem}:{getattr(item, 'originalname', item.name)}"


def versions(file):
    """Return the versions that a reference file was made with."""
    meta = json.loads((REFERENCE / f"{file}.json").read_text(encoding="utf-8"))["meta"]
    plain = {name: v[0] if isinstance(v, list) else v for name, v in meta.items()}
    short = {name: re.sub(r"^R version (\S+).*", r"\1", v) for name, v in plain.items()}
    return ", ".join(f"{name} {version}" for name, version in short.items())
