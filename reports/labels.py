"""What the report calls each metric, how many decimals it gets, and what the name means."""

from dataclasses import dataclass, replace

from extval.reports import format as fmt
from extval.validate.store import MetricRow

NUMBER, PERCENT, P_VALUE, STATISTIC = "number", "percent", "p", "statistic"
COUNT, GENERAL, TIME = "count", "general", "time"


@dataclass(frozen=True, slots=True)
class Label:
    """A heading, the kind of number, its decimals, and the name written out for the remarks."""

    name: str
    kind: str = NUMBER
    digits: int = 3
    meaning: str = ""


_LABELS = {
    "prevalence": Label("Event rate", PERCENT, 1),
    "auc": Label("AUC", meaning="area under the receiver operating characteristic curve"),
    "auc_model_based": Label(
        "Case-mix AUC", meaning="AUC expected in these patients if every predicted risk were true"
    ),
    "auc_model_based_recalibrated": Label(
        "Case-mix AUC, recalibrated", meaning="the same after recalibration to these patients"
    ),
    "c_model_based": Label(
        "Case-mix C", meaning="C-index expected in these patients if the linear predictor were true"
    ),
    "c_model_based_recalibrated": Label(
        "Case-mix C, recalibrated", meaning="the same after recalibration to these patients"
    ),
    "membership_c": Label(
        "Membership c",
        meaning="c-statistic of a model that tells these patients from the development cohort; "
        "0.5: the same case mix",
    ),
    "pauc": Label("Partial AUC", meaning="area under a part of the ROC curve"),
    "pauc_corrected": Label("Corrected partial AUC", meaning="partial AUC on McClish's scale"),
    "average_precision": Label(
        "Average precision", meaning="area under the precision-recall curve; chance: the event rate"
    ),
    "sensitivity": Label("Sensitivity, %", PERCENT, 1),
    "specificity": Label("Specificity, %", PERCENT, 1),
    "ppv": Label("PPV, %", PERCENT, 1, "positive predictive value"),
    "npv": Label("NPV, %", PERCENT, 1, "negative predictive value"),
    "accuracy": Label("Accuracy, %", PERCENT, 1),
    "balanced_accuracy": Label("Balanced accuracy, %", PERCENT, 1),
    "f1": Label("F1", digits=3, meaning="harmonic mean of PPV and sensitivity"),
    "lr_positive": Label("LR+", digits=2, meaning="positive likelihood ratio"),
    "lr_negative": Label("LR\u2212", digits=2, meaning="negative likelihood ratio"),
    "dor": Label("DOR", digits=1, meaning="diagnostic odds ratio"),
    "youden": Label("Youden's J", digits=3, meaning="sensitivity + specificity \u2212 1"),
    "calibration_intercept": Label(
        "Intercept", digits=2, meaning="calibration intercept with the slope fixed at 1; ideal 0"
    ),
    "calibration_slope": Label("Slope", digits=2, meaning="calibration slope; ideal 1"),
    "oe_ratio": Label("O:E", digits=2, meaning="ratio of observed to expected events; ideal 1"),
    "ici": Label("ICI", meaning="integrated calibration index"),
    "e50": Label("E50", meaning="median absolute distance of the calibration curve from ideal"),
    "e90": Label("E90", meaning="90th percentile of that distance"),
    "emax": Label("Emax", meaning="largest such distance"),
    "brier": Label("Brier", meaning="mean squared error of the predicted probabilities"),
    "brier_scaled": Label(
        "Scaled Brier, %", PERCENT, 1, "1 \u2212 Brier / Brier of predicting the event rate"
    ),
    "nagelkerke_r2": Label("Nagelkerke R², %", PERCENT, 1),
    "log_loss": Label("Log loss", meaning="mean negative log-likelihood"),
    "pigeon_heyse": Label("Pigeon-Heyse J² (df)", STATISTIC, 1),
    "hosmer_lemeshow": Label("Hosmer-Lemeshow χ² (df)", STATISTIC, 1),
    "spiegelhalter_z": Label("Spiegelhalter z", NUMBER, 2),
    "le_cessie": Label(
        "le Cessie z", NUMBER, 2, "le Cessie-van Houwelingen test of the logistic recalibration"
    ),
    **{
        f"calibration_{part}_{method}": Label(f"{part.capitalize()}, {name}", digits=2)
        for part in ("intercept", "slope")
        for method, name in (("wald", "Wald"), ("profile", "profile"))
    },
    **{
        f"{metric}_{smoother}": Label(f"{name}, {smoother}")
        for metric, name in (("ici", "ICI"), ("e50", "E50"), ("e90", "E90"), ("emax", "Emax"))
        for smoother in ("loess", "rcs", "lowess")
    },
    "net_benefit": Label("Net benefit", meaning="per patient, in units of true positives"),
    "net_benefit_standardized": Label(
        "Standardised net benefit, %", PERCENT, 1, "net benefit / event rate; at best 100"
    ),
    "interventions_avoided": Label(
        "Interventions avoided, %",
        PERCENT,
        1,
        "net reduction per 100 patients beside treating everybody",
    ),
    "brier_miscalibration": Label("Miscalibration", digits=4),
    "brier_discrimination": Label("Discrimination", digits=4),
    "brier_uncertainty": Label("Uncertainty", digits=4),
    "weak_calibration": Label("Intercept and slope χ² (df)", STATISTIC, 1),
    "weak_calibration_intercept": Label("Intercept χ² (df)", STATISTIC, 1),
    "weak_calibration_slope": Label("Slope χ² (df)", STATISTIC, 1),
    "calibration_belt": Label("Calibration belt statistic", STATISTIC, 1),
    "update_intercept": Label("Update: intercept", digits=2),
    "update_slope": Label("Update: slope", digits=2),
    "updated_calibration_intercept": Label("Intercept after update", digits=2),
    "updated_calibration_slope": Label("Slope after update", digits=2),
    "updated_brier": Label("Brier after update"),
    "needed_n_oe_ratio": Label("Patients needed for O:E", COUNT, 0),
    "needed_n_calibration_slope": Label("Patients needed for the slope", COUNT, 0),
    "needed_n_auc": Label("Patients needed for the AUC", COUNT, 0),
    "needed_n_net_benefit": Label("Patients needed for net benefit", COUNT, 0),
    "needed_n_oe_t": Label("Patients needed for O:E(t)", COUNT, 0),
    "needed_n_calibration_slope_t": Label("Patients needed for the slope at the horizon", COUNT, 0),
    "needed_n_c_harrell": Label("Patients needed for the C-index", COUNT, 0),
    "needed_n_net_benefit_t": Label("Patients needed for net benefit(t)", COUNT, 0),
    "nri_categorical": Label("Categorical NRI", meaning="net reclassification improvement"),
    "nri_categorical_events": Label("Categorical NRI, events"),
    "nri_categorical_nonevents": Label("Categorical NRI, non-events"),
    "nri_continuous": Label("Continuous NRI", meaning="net reclassification improvement"),
    "nri_continuous_events": Label("Continuous NRI, events"),
    "nri_continuous_nonevents": Label("Continuous NRI, non-events"),
    "idi": Label("IDI", meaning="integrated discrimination improvement"),
    "survival_t": Label("Survival, %", PERCENT, 1, "Kaplan-Meier estimate"),
    "incidence_t": Label("Incidence, %", PERCENT, 1, "cumulative incidence (Aalen-Johansen)"),
    "censoring_weights_mean": Label("Mean weight", meaning="1 if the weights are these patients'"),
    "censoring_weights_largest": Label("Largest weight", digits=2),
    "censoring_weights_known": Label(
        "State known", COUNT, 0, "patients whose state at the horizon is known"
    ),
    "proportional_hazards": Label(
        "PH χ² (df)", STATISTIC, 1, "test that the hazard ratio of the predictor is constant"
    ),
    "survival_median": Label("Median survival", TIME),
    "follow_up_median": Label("Median follow-up", TIME),
    "c_harrell": Label("Harrell's C", meaning="concordance index"),
    "c_uno": Label("Uno's C", meaning="concordance index with inverse censoring weights"),
    "auc_t": Label("AUC(t)", meaning="cumulative/dynamic area under the curve"),
    "oe_t": Label("O:E(t)", digits=2, meaning="observed / mean predicted risk; ideal 1"),
    "brier_t": Label("Brier(t)", meaning="Brier score at the horizon"),
    "ipa_t": Label("IPA(t), %", PERCENT, 1, "index of prediction accuracy"),
    "ici_t": Label("ICI(t)", meaning="integrated calibration index at the horizon"),
    "e50_t": Label("E50(t)", meaning="median absolute distance of that curve from ideal"),
    "e90_t": Label("E90(t)", meaning="90th percentile of that distance"),
    "emax_t": Label("Emax(t)", meaning="largest such distance"),
    "net_benefit_t": Label("Net benefit(t)", meaning="per patient, in units of true positives"),
    "iauc": Label("Integrated AUC", meaning="average of AUC(t) over time"),
    "ibs": Label("Integrated Brier", meaning="average of the Brier score over time"),
    "hazard_ratio": Label("Hazard ratio", digits=2, meaning="between the risk groups"),
    "c_harrell_landmark": Label("Harrell's C", meaning="concordance index from the landmark on"),
    "hazard_ratio_landmark": Label(
        "Hazard ratio", digits=2, meaning="between the risk groups from the landmark on"
    ),
    "logrank_landmark": Label("Log-rank χ² (df)", STATISTIC, 1),
    "gray_landmark": Label("Gray χ² (df)", STATISTIC, 1),
    "at_risk_landmark": Label("At risk", COUNT, 0, "patients at risk just after the landmark"),
    "rmst": Label("RMST", TIME, meaning="restricted mean survival time"),
    "rmst_difference": Label(
        "Difference in RMST", TIME, meaning="restricted mean survival time between risk groups"
    ),
    "rmst_ratio": Label(
        "Ratio of RMST", digits=2, meaning="restricted mean survival time between risk groups"
    ),
    "logrank": Label("Log-rank χ² (df)", STATISTIC, 1),
    "gray": Label("Gray χ² (df)", STATISTIC, 1),
}

AT_PREVALENCE = "_at_prevalence_"

# What random-effects pooling of the centres adds to the name of a metric.
_ACROSS: dict[str, tuple[str, str, int]] = {
    "_random_effects": ("mean of centres", "", 0),
    "_random_effects_without": ("mean of the other centres", "", 0),
    "_prediction": ("prediction interval", "", 0),
    "_tau2": ("τ²", NUMBER, 3),
    "_i2": ("I², %", NUMBER, 1),
}


# Metrics that are also given for each risk group, whose name their own then ends in.
OF_RISK_GROUPS = ("survival_t", "incidence_t", "survival_median", "rmst")
QUANTILE = "survival_quantile_"


def label(metric: str) -> Label:
    """Return the label of a metric; an unknown one is called by its own name.

    Examples
    --------
    >>> label("auc").name, label("new_index").name, label("logrank_p").name
    ('AUC', 'new index', 'P')
    """
    known = _LABELS.get(metric)
    if known is not None:
        return known
    derived = _across_centers(metric) or _between_groups(metric) or _in_group(metric)
    if derived is not None:
        return derived
    base, _, prevalence = metric.partition(AT_PREVALENCE)
    if not prevalence:
        base = metric.partition("_vs_")[0]
    if base in _LABELS and base != metric:
        about = _LABELS[base]
        at = f" at {fmt.plain(100.0 * float(prevalence))}%" if prevalence else ""
        return replace(about, name=f"{about.name.removesuffix(', %')}{at}, %") if at else about
    if metric.endswith("_p"):
        base = metric.removesuffix("_p")
        return Label("P" if base in _LABELS else f"{base.replace('_', ' ')}, P", P_VALUE)
    return Label(metric.replace("_", " "), GENERAL)


def _across_centers(metric: str) -> Label | None:
    """Return the label of what pooling of the centres adds to a metric."""
    for suffix, (name, kind, digits) in _ACROSS.items():
        if metric.endswith(suffix) and metric.removesuffix(suffix) in _LABELS:
            about = _LABELS[metric.removesuffix(suffix)]
            plain = about.name.removesuffix(", %")
            return Label(f"{plain}, {name}", kind or about.kind, digits or about.digits)
    return None


def _between_groups(metric: str) -> Label | None:
    """Return the label of a contrast with the lowest of several risk groups."""
    for start in ("hazard_ratio", "rmst_difference", "rmst_ratio"):
        if metric.startswith(f"{start}_"):
            about = _LABELS[start]
            risk_group = metric.removeprefix(f"{start}_").removesuffix("_landmark")
            name = f"{about.name}, {risk_group.replace('_', ' ')} v low"
            return Label(name, about.kind, about.digits, about.meaning)
    return None


def _in_group(metric: str) -> Label | None:
    """Return the label of a quantile, or of what is known of a single risk group."""
    if metric.startswith(QUANTILE):
        share, _, risk_group = metric.removeprefix(QUANTILE).partition("_")
        about = Label(f"Time to {fmt.plain(float(share) * 100)}% with the event", TIME)
        return _of_risk_group(about, risk_group) if risk_group else about
    for start in OF_RISK_GROUPS:
        if metric.startswith(f"{start}_"):
            return _of_risk_group(_LABELS[start], metric.removeprefix(f"{start}_"))
    return None


def _of_risk_group(about: Label, risk_group: str) -> Label:
    name, comma, unit = about.name.partition(", %")
    return replace(about, name=f"{name}, {risk_group.replace('_', ' ')}{comma}{unit}")


def heading(metric: str) -> str:
    """Return the name of a metric without its unit, for running text and for differences.

    Examples
    --------
    >>> heading("ppv"), heading("hosmer_lemeshow")
    ('PPV', 'Hosmer-Lemeshow χ²')
    """
    return label(metric).name.removesuffix(", %").removesuffix(" (df)")


def shown(row: MetricRow, *, df: float | None = None) -> str:
    """Return the number of a row as it is printed; `df` goes with a test statistic."""
    about = label(row.metric)
    bounded = row.lower is not None or (row.level is not None and _limits_missing(row.note))
    if about.kind == P_VALUE:
        return fmt.p_value(row.estimate)
    if about.kind == COUNT:
        return fmt.integer(row.estimate)
    if about.kind == STATISTIC:
        text = fmt.number(row.estimate, digits=about.digits)
        return text if df is None or row.estimate is None else f"{text} ({fmt.plain(df)})"
    values = (row.estimate, row.lower, row.upper)
    if about.kind in (GENERAL, TIME):
        unknown = fmt.general_estimate if about.kind == GENERAL else fmt.time_estimate
        return unknown(*values, bounded=bounded)
    if about.kind == PERCENT:
        return fmt.percentages(*values, digits=about.digits, bounded=bounded)
    return fmt.estimate(*values, digits=about.digits, bounded=bounded)


def _limits_missing(note: str) -> bool:
    """Return whether a note says that limits should be there but could not be estimated."""
    return "interval" in note or fmt.NOT_ESTIMABLE in note
