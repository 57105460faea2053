"""Numbers that the data do not allow: the row stays, without a value and with the reason."""

from math import nan

import numpy as np

from extval.stats.results import Comparison, Estimate, Interval, Status
from extval.validate.study import SurvivalStudy


def unavailable(study: SurvivalStudy, method: str, status: Status) -> Estimate:
    """Return the estimate that these patients do not have, for the reason in `status`."""
    return Estimate(
        value=nan,
        interval=Interval.undefined(study.protocol.confidence_level),
        method=method,
        n=study.time.size,
        events=int(np.count_nonzero(study.event)),
        status=status,
    )


def not_compared(study: SurvivalStudy, method: str, status: Status) -> Comparison:
    """Return the comparison that these patients do not allow, for the reason in `status`."""
    return Comparison(
        difference=nan,
        interval=Interval.undefined(study.protocol.confidence_level),
        method=method,
        n=study.time.size,
        events=int(np.count_nonzero(study.event)),
        status=status,
    )
