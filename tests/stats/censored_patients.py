"""Small, heavily tied time-to-event data for the property tests, and R's numbers."""

import json
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "survival_performance.json").read_text()
)
CASES = {case["id"]: case for case in REFERENCE["cases"]}
COMPETING = {case["id"]: case for case in REFERENCE["competing"]}


@st.composite
def patients(draw, least=1, most=14, kinds=2):
    """Draw times in 0..6, kinds, two scores in -2..2 and two risks in tenths, one row each."""
    n = draw(st.integers(least, most))

    def column(low, high):
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    return (
        column(0, 6).astype(float),
        column(0, kinds - 1),
        np.vstack([column(-2, 2), column(-2, 2)]).astype(float),
        np.vstack([column(0, 10), column(0, 10)]) / 10,
    )


def shuffled(order, *arrays):
    """Return the arrays with patients (last axis) in another order."""
    return tuple(np.asarray(a)[..., order] for a in arrays)
