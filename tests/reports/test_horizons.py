"""Figures at a horizon say what observed risk is: Cox and Kaplan-Meier, or Fine-Gray and Aalen."""

import pytest

from extval.reports.index import Index
from extval.reports.sections.horizons import horizon_figures
from tests.reports.factory import survival_results
from tests.reports.test_cumulative_incidence import with_competing


@pytest.mark.parametrize("competing", [False, True])
def test_remarks_name_the_estimators(competing):
    results = with_competing(survival_results()) if competing else survival_results()
    found = list(horizon_figures(Index(results)))
    calibration = [f for f in found if f.caption.startswith("Calibration at")]
    decision = [f for f in found if f.caption.startswith("Decision curves at")]
    observed = "Aalen-Johansen incidence" if competing else "1 \u2212 Kaplan-Meier"
    model = "Fine-Gray" if competing else "Cox"
    assert calibration
    for figure in calibration:
        (said,) = figure.remarks
        assert f"flexible curve ({model}, restricted cubic spline)" in said
        assert f"{observed} with" in said
        assert len(figure.panels) == 2
    assert {f.remarks for f in decision} == {
        (f"Net benefit per patient, {observed} among those treated.",)
    }
