"""Value types shared by every routine in `extval.stats`: plain, frozen, never the raw data."""

from dataclasses import dataclass
from enum import Enum
from math import nan


class Status(Enum):
    """Why a result is or is not defined; the value is the sentence that a report prints.

    Members are added where a routine meets a new reason; the sentence names the reason in the
    reader's terms, not the routine's.
    """

    OK = ""
    NO_PATIENTS = "Not estimable: there is no patient in this group."
    ONE_CLASS = "Not estimable: all patients have the same outcome."
    TOO_FEW_PER_CLASS = (
        "The interval is not estimable: it needs at least two patients with and two without "
        "the event."
    )
    ZERO_VARIANCE = (
        "Every case and every control favours one score over the other by the same amount, "
        "so the estimated variance of the difference is zero: the test is undefined."
    )


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval: `low <= high`, or both NaN; `level` in (0, 1)."""

    low: float
    high: float
    level: float

    @classmethod
    def undefined(cls, level: float) -> "Interval":
        """Return the interval that could not be estimated."""
        return cls(nan, nan, level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number with its uncertainty and the name of its estimator.

    Attributes
    ----------
    value : float
        The estimate; NaN when it is not estimable, and then `status` says why.
    se : float
        Standard error on the scale of `value`; NaN when the method gives none.
    interval : Interval
        Two-sided confidence interval; NaN limits when not estimable.
    method : str
        Estimator and interval method as run, for example ``"Mann-Whitney; DeLong"``.
    n, events : int
        Patients that entered, and how many of them had the event.
    status : Status
        `Status.OK`, or the reason why `value` or `interval` is undefined or needs a caution.
    """

    value: float
    se: float = nan
    interval: Interval
    method: str
    n: int
    events: int
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A difference `a - b` between two models (or cohorts) with its test.

    `statistic` is z unless `df` is given (then t or chi-square, as `method` says); `df` is NaN for
    a normal reference; `p_value` is two-sided. NaN fields are explained by `status`.
    """

    difference: float
    se: float = nan
    interval: Interval
    statistic: float = nan
    df: float = nan
    p_value: float = nan
    method: str
    n: int
    events: int
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificanceTest:
    """A test of one hypothesis: statistic, reference degrees of freedom, two-sided P.

    `df` is NaN for a normal reference distribution. NaN fields are explained by `status`.
    """

    statistic: float
    df: float = nan
    p_value: float
    method: str
    n: int
    events: int
    status: Status = Status.OK
