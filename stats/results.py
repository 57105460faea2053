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
    COMPETING_EVENTS = (
        "Not estimated with competing events: this measure is defined here for a single kind of "
        "event."
    )
    DELAYED_ENTRY = (
        "Not estimated with delayed entry: this measure is defined here for patients who are all "
        "followed from time zero."
    )
    TOO_MANY_PATIENTS = (
        "Not computed, so not estimable here: there are more patients than the protocol's limit "
        "for this measure."
    )
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
    PERFECT_SEPARATION = (
        "The score separates the patients with and without the event completely (AUC of 0 or 1), "
        "so its estimated variance is zero: an interval would claim a certainty that is not there."
    )
    CONSTANT_SCORE = (
        "The score is the same for every patient, so its estimated variance is zero: the interval "
        "is not estimable."
    )
    ONE_AUC_PERFECT = (
        "One of the two AUCs is exactly 0 or 1; its own uncertainty is estimated as zero, so the "
        "interval may be too narrow."
    )
    UNPAIRED_ZERO_VARIANCE = (
        "Neither AUC shows any variation (complete separation or a constant score), so the "
        "variance of the difference is estimated as zero: the test is undefined."
    )
    NONE_POSITIVE = "Not estimable: no patient is at or above the threshold."
    NONE_NEGATIVE = "Not estimable: no patient is below the threshold."
    NO_EVENT_NONE_POSITIVE = (
        "Not estimable: no patient has the event and none is at or above the threshold."
    )
    ZERO_CELL = (
        "A cell of the two-by-two table is zero: 0.5 was added to all four cells for this ratio "
        "and its interval."
    )
    NO_THRESHOLD = (
        "Not estimable: the rule chose no threshold on the development cohort, so nobody can be "
        "called positive or negative."
    )
    NOT_ATTAINABLE = "Not attainable: no observed score reaches the wanted value."
    BCA_OUT_OF_RANGE = (
        "The BCa correction exceeds its range at this confidence level: the interval is not "
        "estimable."
    )
    NRI_CAUTION = (
        "Net reclassification can favour a worthless marker when a model is miscalibrated, and "
        "weighs events and non-events alike: read it beside the net benefit, not instead of it."
    )
    IDI_CAUTION = (
        "The integrated discrimination improvement depends on calibration and its test is too "
        "liberal for nested models: read it beside the net benefit, not instead of it."
    )
    NOT_RESAMPLED = "No interval: resampling was switched off."
    TOO_FEW_CLUSTERS = (
        "The interval is not estimable: it needs at least two clusters that hold patients with "
        "and two that hold patients without the event."
    )
    CLUSTERS_SHARED = (
        "The interval and the test are not estimable: a cluster (patient) lies in both groups, so "
        "they are not independent."
    )
    NEGATIVE_VARIANCE = (
        "The clustered variance estimate is negative, which happens with few clusters: the "
        "interval is not estimable."
    )
    RESAMPLES_EQUAL = (
        "All bootstrap resamples give the same value, so they show no uncertainty: the interval "
        "is not estimable."
    )
    RESAMPLES_UNDEFINED = (
        "The interval is not estimable: fewer than two bootstrap resamples have a defined value."
    )
    SOME_RESAMPLES_UNDEFINED = (
        "In some bootstrap resamples the value is undefined; they were left out of the interval."
    )
    RESAMPLES_ONE_SIDED = (
        "All bootstrap resamples lie on one side of the estimate, so the BCa correction is "
        "infinite: the interval is not estimable."
    )
    COLLINEAR = "Not estimable: a predictor is a linear combination of the others."
    SEPARATION = (
        "Not estimable: the predictor separates the patients with and without the event "
        "completely, so the logistic model has no finite maximum-likelihood estimate."
    )
    NOT_CONVERGED = "Not estimable: the iterations of the model fit did not converge."
    LOGIT_UNDEFINED = (
        "Not estimable: some predicted risks are exactly 0 or 1, whose logit is infinite."
    )
    CONSTANT_PREDICTION = "Not estimable: all patients have the same predicted risk."
    TOO_FEW_DISTINCT_PREDICTIONS = (
        "Not estimable: a flexible calibration curve needs at least four distinct predicted risks."
    )
    ZERO_BANDWIDTH = (
        "Not estimable: so many patients share one predicted risk that the smoother's window "
        "around it has zero width."
    )
    NO_EXPECTED_EVENTS = "Not estimable: the expected number of events is zero."
    CERTAIN_AND_WRONG = (
        "Not estimable: a predicted risk of exactly 0 or 1 is contradicted by the outcome, so the "
        "log-likelihood is minus infinity."
    )
    EXACT_LIMITS_FOR_OE = (
        "No patient, or every patient, had the event: the limits of O:E are the exact "
        "(Clopper-Pearson) limits of the observed risk divided by the mean predicted risk."
    )
    TOO_FEW_PATIENTS = "The interval is not estimable: it needs at least two patients."
    NO_VARIANCE_OF_SCORE = (
        "Not estimable: the predicted risks leave the score no variance under calibration."
    )
    NO_VARIATION = (
        "Every patient contributes the same amount, so the estimated variance is zero: the "
        "interval is not estimable."
    )
    APPARENT_UNDEFINED = (
        "Not estimable: the measure is undefined for the predictions of the fitted model itself."
    )
    OPTIMISM_WITHOUT_INTERVAL = (
        "The value is estimable, but resampling the patients shows no interval for this "
        "optimism-corrected measure."
    )
    DISTANCE_OUTSIDE_ITS_INTERVAL = (
        "The interval does not contain the estimate: a distance is never negative, so resampling "
        "adds to it, and with few patients or a nearly perfect curve all resamples lie above it."
    )
    OPTIMISM_INTERVAL_ELSEWHERE = (
        "The value is estimable, but its interval is not: the models fitted to resamples look so "
        "much better there that their spread, moved by the optimism, does not contain the value."
    )
    RISK_GROUPS_MERGED = (
        "Equal predicted risks merged risk groups, so fewer groups were used than asked for."
    )
    TOO_FEW_RISK_GROUPS = (
        "Not estimable: equal predicted risks leave too few risk groups for this test."
    )
    CERTAIN_RISK_GROUP = (
        "Not estimable: in a risk group every predicted risk is 0 or every one is 1, so it allows "
        "no deviation, and the outcomes deviate."
    )
    CERTAIN_RISK_GROUP_KEPT = (
        "In a risk group every predicted risk is 0 or every one is 1, and the outcomes agree: it "
        "adds nothing to the statistic."
    )
    TOO_FEW_SUBJECTS = "Not estimable: fewer than two subjects were rated by all raters."
    EQUAL_RATINGS = "Not estimable: all ratings are equal."
    ICC_OUTSIDE_DOMAIN = (
        "Some intraclass correlations or their limits are not estimable: the subjects' mean "
        "ratings vary less than the disagreement of the raters allows."
    )
    ONE_CENTER = "Only one centre could be used: the variation between centres is not estimable."
    NO_CENTER = "Not estimable: no centre has an estimate with a standard error."
    EQUAL_CENTERS = (
        "All centres have the same estimate: the Hartung-Knapp standard error is zero and its "
        "interval is not estimable."
    )
    TOO_FEW_CENTERS_TO_PREDICT = (
        "The prediction interval is not estimable: with k - 2 degrees of freedom it needs at "
        "least three centres."
    )
    NO_EVENTS = "Not estimable: no event was observed."
    NO_EVENT_YET = (
        "No event was observed up to this time, so the estimated variance is zero: the interval is "
        "not estimable."
    )
    BEYOND_FOLLOW_UP = (
        "Not estimable: this time lies beyond the last follow-up, and the curve is not "
        "extrapolated."
    )
    CURVE_AT_ZERO = (
        "The last patient at risk had the event, so the curve is at zero and its variance is not "
        "estimable."
    )
    RISK_SET_EMPTIED = (
        "With delayed entry the patients at risk ran out before the last follow-up: the curve "
        "falls to zero there and stays at zero."
    )
    QUANTILE_NOT_REACHED = "Not reached: the curve stays above this level until the last follow-up."
    UPPER_LIMIT_NOT_REACHED = (
        "The upper limit is not reached: the upper confidence curve stays above this level until "
        "the last follow-up."
    )
    LIMITS_NOT_REACHED = (
        "The interval is not estimable: the confidence curves do not reach this level."
    )
    ONE_GROUP = "Not estimable: the comparison needs at least two groups with patients."
    NO_COMPARABLE_GROUPS = (
        "Not estimable: at no event time were two groups at risk with a patient left to compare."
    )
    UNINFORMATIVE_PREDICTOR = (
        "Not estimable: a predictor does not vary among the patients at risk when events happen."
    )
    NO_REFERENCE_CATEGORY = (
        "Not estimable: no patient is in the category that the others are compared with."
    )
    MONOTONE_LIKELIHOOD = (
        "Not estimable: at every event time the patient with the event had the most extreme value, "
        "so the Cox likelihood has no maximum and the hazard ratio is infinite or zero."
    )
    MONOTONE_ELSEWHERE = (
        "Another predictor of this Cox model has no finite estimate (monotone likelihood); this "
        "one is estimated in the limit."
    )
    NEARLY_MONOTONE = (
        "Finite but extreme: the values order the events almost perfectly, so the Wald interval "
        "and test say little; read the profile-likelihood interval and the likelihood-ratio test."
    )
    RELATIVE_HAZARD_TOO_WIDE = (
        "Not estimable: the relative hazards of this model span more than the range of "
        "floating-point numbers."
    )
    PROFILE_UNBOUNDED = (
        "A profile-likelihood limit was not found: the likelihood is too flat in that direction."
    )
    NO_COMPARABLE_PAIR = (
        "Not estimable: no two patients can be compared, because no event was followed by a longer "
        "follow-up."
    )
    ALL_PAIRS_ALIKE = (
        "Every comparable pair of patients is concordant, every one is discordant or every one is "
        "tied, so the estimated variance is zero: the interval is not estimable."
    )
    DIFFERENCE_WITHOUT_VARIATION = (
        "The two models differ, and by the same amount in every patient, so the estimated variance "
        "of the difference is zero: the test is undefined."
    )
    NO_EVENT_BY_HORIZON = (
        "No event was observed by the horizon: the observed risk is zero, and only an upper limit "
        "can be given."
    )
    NO_TREND_TO_TEST = (
        "Not estimable: the groups that could be compared have the same score, so there is no "
        "trend to test."
    )
    NO_CASE_BY_HORIZON = "Not estimable: no event of interest was observed by the horizon."
    NO_CONTROL_AT_HORIZON = (
        "Not estimable: no patient is known to be free of the event at the horizon."
    )
    SEPARATED_OR_TIED = (
        "The score separates the patients with and without the event completely, or ties them all, "
        "so the estimated variance is zero: the interval is not estimable."
    )
    ONE_ROW_OR_COLUMN = "Not estimable: the table has fewer than two rows or columns with patients."
    EXACT_TEST_TOO_LARGE = (
        "Not computed: the exact test has too many tables to go through; use its Monte Carlo "
        "version."
    )
    TOO_FEW_PER_GROUP = "Not estimable: a group has too few patients for this test."
    CONSTANT_WITHIN_GROUPS = "Not estimable: the values do not vary within the groups."
    ALL_TIED = "Not estimable: all values are equal."
    NO_COMMON_SPREAD = "Not estimable: neither group varies."
    NO_TIME_VARIATION = (
        "Not estimable: there are too few different event times to test whether the hazard ratio "
        "changes with time."
    )
    PERFECT_AGREEMENT = (
        "All ratings agree: the asymptotic interval would have no width and is not given."
    )
    ONE_CATEGORY = "Not estimable: all ratings fall in one category."
    ZERO_STANDARD_ERROR = "The interval is not estimable: the estimated standard error is zero."
    CLOGLOG_UNDEFINED = (
        "Not estimable: some predicted risks are exactly 0 or 1, whose complementary log-log is "
        "infinite."
    )
    SOME_THRESHOLDS_UNDEFINED = (
        "At some thresholds those above it are not followed to the horizon; the net benefit is not "
        "estimable there."
    )
    POSITIVES_NOT_FOLLOWED = (
        "Not estimable: no patient at or above the threshold is followed to the horizon."
    )
    EDGE_OF_SCALE = (
        "Not estimable: an estimate lies on the edge of its scale, where its transform is infinite."
    )
    ALL_HAD_THIS_EVENT = (
        "Every patient had an event of this cause, so the estimated variance is zero: the interval "
        "is not estimable."
    )
    GRAY_UNDEFINED = (
        "Not estimable: the groups are followed so differently that the variance of Gray's test "
        "does not exist."
    )
    EQUAL_DIFFERENCES = "The limits of agreement are not estimable: all differences are equal."
    TOO_FEW_PAIRS = "Not estimable: fewer than two pairs of readings are complete."
    NO_SEGMENTATION = "Not estimable: neither reader segmented this label."
    ONE_SEGMENTATION = (
        "Only one reader segmented this label: the overlap is zero and distances are not estimable."
    )
    NO_EXPECTED_PAIRS = (
        "Not estimable: the predicted risks leave no pair of patients of whom one is expected to "
        "have the event."
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

    `reference` is the distribution behind P: ``"chi-square"``, ``"normal"`` or the test's
    ``"own"`` (permutations, a belt). Only the first has `df`; the others leave it NaN. NaN fields
    are explained by `status`.
    """

    statistic: float
    df: float = nan
    p_value: float
    method: str
    n: int
    events: int
    status: Status = Status.OK
    reference: str = "chi-square"
