"""Inverse-probability-of-censoring weights, from the cohort that is being validated."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extval.stats import _checks
from extval.stats.results import Status

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CensoringWeights:
    """How many patients each patient stands for at a horizon.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        1 / G(T-) for an event by the horizon, 1 / G(t) for a patient known to be free of it, 0 for
        a patient censored earlier. NaN where `status` says that they cannot be had.
    mean, largest : float
        Of the weights. The mean is 1, up to rounding, when the weights come from the patients
        they are used for; weights of another cohort give themselves away here.
    uncensored : float
        G(t), the probability of not being censored by the horizon.
    horizon : float
    n, known : int
        Patients, and those whose state at the horizon is known (the weights above 0).
    method : str
    status : Status
    """

    weights: FloatArray
    mean: float
    largest: float
    uncensored: float
    horizon: float
    n: int
    known: int
    method: str
    status: Status = Status.OK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CensoringCurve:
    """The Kaplan-Meier curve of the censoring times at the m distinct observed times.

    Attributes
    ----------
    time : ndarray of shape (m,)
        Increasing.
    before, after : ndarray of shape (m,)
        Probability of being uncensored just before and at `time`.
    at_risk, censored : ndarray of shape (m,)
        Patients still followed at `time`, those with an event then included; censored then.
    position : ndarray of shape (n,)
        Index of each patient's own time.
    is_censored : ndarray of shape (n,)
    """

    time: FloatArray
    before: FloatArray
    after: FloatArray
    at_risk: IntArray
    censored: IntArray
    position: IntArray
    is_censored: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a horizon lies on a censoring curve.

    Attributes
    ----------
    n_times : int
        Distinct times at or before the horizon.
    n_jumps : int
        Those whose censorings enter the weight of the patients free of the event.
    free_from : int
        Patients censored at this position or later count as free of the event, although the
        horizon is not after their time: the last time, if nobody is followed for longer than the
        horizon, else m (nobody).
    uncensored : float
        G(t), whose inverse is the weight of the free patients.
    status : Status
        `OK`, `NO_PATIENTS` or `BEYOND_FOLLOW_UP`.
    """

    n_times: int
    n_jumps: int
    free_from: int
    uncensored: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateAtHorizon:
    """Who is known to have had an event by the horizon, who is known to be free of it.

    Attributes
    ----------
    had_event, free : ndarray of shape (n,)
        Neither is true for a patient censored before the horizon.
    weights : ndarray of shape (n,)
        NaN where the state is not known of enough patients.
    at : Location
    """

    had_event: BoolArray
    free: BoolArray
    weights: FloatArray
    at: Location

    @property
    def status(self) -> Status:
        """Return `OK`, `NO_PATIENTS` or `BEYOND_FOLLOW_UP`."""
        return self.at.status


def censoring_weights(time: ArrayLike, event: ArrayLike, *, horizon: float) -> CensoringWeights:
    r"""Weight the patients whose state at the horizon is known for those whose state is not.

    Parameters
    ----------
    time : array_like of shape (n,), finite, non-negative
        Follow-up in any one unit.
    event : array_like of shape (n,), 0 or 1
        1 if the event (or, with competing risks, any of the events) happened at `time`.
    horizon : float, finite, non-negative

    Returns
    -------
    CensoringWeights
        NaN with a status beyond the last follow-up, unless the last patient had the event.

    Raises
    ------
    ValueError
        If an argument leaves the domain given above.

    Notes
    -----
    :math:`w_i(t) = 1\{T_i \le t\}\Delta_i / \hat G(T_i-) + 1\{T_i > t\} / \hat G(t)` [1]_ with
    :math:`\hat G` the Kaplan-Meier curve of the censoring times *of these patients*. A patient
    with an event and one censored at the same time: the event comes first, so that the patient
    with the event is not at risk of that censoring. With this order the weights of the patients
    with an event sum to :math:`n(1 - \hat S(t))` and those of the others to :math:`n\hat S(t)`.

    A patient censored exactly at the horizon is not counted as free of the event, as in R
    riskRegression, with one exception: when nobody is followed for longer (administrative
    censoring at the horizon), those censored at it are the patients free of the event, with
    :math:`1/\hat G(t-)`. Times are equal only if they are the same float.

    References
    ----------
    .. [1] Gerds & Schumacher (2006), Biom J 48:1029. :doi:`10.1002/bimj.200610301`

    Examples
    --------
    >>> found = censoring_weights([1, 2, 3, 4], [1, 0, 1, 0], horizon=3.5)
    >>> found.weights.tolist(), found.mean
    ([1.0, 0.0, 1.5, 1.5], 1.0)
    """
    follow_up, had_event = checked_times(time, event)
    at = _checks.horizon(horizon)
    state = state_at_horizon(censoring_curve(follow_up, had_event), at)
    defined = state.status is Status.OK
    return CensoringWeights(
        weights=state.weights,
        mean=float(state.weights.mean()) if defined else nan,
        largest=float(state.weights.max()) if defined else nan,
        uncensored=state.at.uncensored,
        horizon=at,
        n=follow_up.size,
        known=int(np.count_nonzero(state.had_event | state.free)),
        method="inverse probability of censoring; marginal Kaplan-Meier of these patients",
        status=state.status,
    )


def checked_times(time: ArrayLike, event: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Return follow-up times and event marks of equal length, or raise."""
    follow_up = _checks.durations(time)
    had_event = _checks.binary(event, name="event")
    _checks.same_length(had_event, follow_up.size, name="event")
    return follow_up, had_event


def checked_kinds(
    time: ArrayLike, event: ArrayLike, cause: int | None
) -> tuple[FloatArray, NDArray[np.int8]]:
    """Return follow-up times, and 0 censored, 1 event of interest, 2 competing event."""
    follow_up = _checks.durations(time)
    if cause is None:
        kind = _checks.binary(event, name="event").astype(np.int8)
    else:
        codes = _checks.event_codes(event)
        wanted = _checks.positive_integer(cause, name="cause")
        kind = np.where(codes == wanted, 1, np.where(codes > 0, 2, 0)).astype(np.int8)
    _checks.same_length(kind, follow_up.size, name="event")
    return follow_up, kind


def censoring_curve(time: FloatArray, any_event: BoolArray) -> CensoringCurve:
    """Return the Kaplan-Meier curve of the censoring times, events first at equal times."""
    distinct, position = np.unique(time, return_inverse=True)
    ended = np.bincount(position, minlength=distinct.size)
    events = np.bincount(position[any_event], minlength=distinct.size)
    at_risk = time.size - np.cumsum(ended) + ended
    left, staying = at_risk - events, at_risk - ended  # at risk of the censorings, and after them
    steps = np.divide(staying, left, out=np.ones(left.size), where=left > 0)
    after = np.cumprod(steps)
    return CensoringCurve(
        time=distinct,
        before=np.append(1.0, after)[: after.size],
        after=after,
        at_risk=at_risk,
        censored=left - staying,
        position=position,
        is_censored=~any_event,
    )


def locate(curve: CensoringCurve, horizon: float) -> Location:
    """Return where a horizon lies on the curve."""
    m = curve.time.size
    n_times = int(np.searchsorted(curve.time, horizon, side="right"))
    last_censored = m > 0 and curve.censored[-1] > 0
    n_jumps, free_from, status = n_times, m, Status.OK
    if m == 0:
        status = Status.NO_PATIENTS
    elif last_censored and horizon > curve.time[-1]:
        status = Status.BEYOND_FOLLOW_UP
    elif last_censored and n_times == m:
        n_jumps = free_from = m - 1
    defined = status is Status.OK
    uncensored = float(curve.after[n_jumps - 1]) if defined and n_jumps else 1.0
    return Location(
        n_times=n_times,
        n_jumps=n_jumps,
        free_from=free_from,
        uncensored=uncensored if defined else nan,
        status=status,
    )


def state_at_horizon(curve: CensoringCurve, horizon: float) -> StateAtHorizon:
    """Return each patient's state at the horizon with its weight."""
    own, at = curve.position, locate(curve, horizon)
    had_event = (own < at.n_times) & ~curve.is_censored
    free = (own >= at.n_times) | ((own >= at.free_from) & curve.is_censored)
    weights = np.zeros(own.size)
    if at.status is Status.OK:
        weights[had_event] = 1.0 / curve.before[own[had_event]]
        weights[free] = 1.0 / at.uncensored
    else:
        weights[:] = nan
    return StateAtHorizon(had_event=had_event, free=free, weights=weights, at=at)


def censoring_influence(
    curve: CensoringCurve, state: StateAtHorizon, weighted: FloatArray
) -> FloatArray:
    r"""Return what each patient adds to an estimate through the estimated censoring curve.

    Parameters
    ----------
    weighted : ndarray of shape (n,)
        Each patient's weight times the value that the weight multiplies; the estimate is their
        mean.

    Notes
    -----
    :math:`\frac1n \sum_j a_j \phi_i(t_j)` with :math:`\phi_i(s) = n \{1(T_i < s, \Delta_i = 0) /
    Y(T_i) - \sum_{u < s, u \le T_i} c(u) / Y(u)^2\}`, the influence function of the cumulative
    hazard of being censored (Nelson-Aalen), as R riskRegression has it; :math:`t_j` is the
    patient's own time after an event and the horizon otherwise. All sums over j are done once a
    distinct time, from the last.
    """
    own, m, used = curve.position, curve.time.size, state.at.n_jumps
    at_event = np.bincount(own, np.where(state.had_event, weighted, 0.0), m)
    from_here = np.append(np.cumsum(at_event[::-1])[::-1], 0.0)
    later = from_here[1 : used + 1] + float(weighted[state.free].sum())
    at_risk, censored = curve.at_risk[:used], curve.censored[:used]
    compensator = np.append(0.0, np.cumsum(censored * later / at_risk**2))
    jump = np.zeros(m)
    jump[:used] = later / at_risk
    drift = compensator[np.minimum(own + 1, used)]
    added: FloatArray = np.where(curve.is_censored, jump[own], 0.0) - drift
    return added
