"""Agreement of readers: a tidy table of ratings in, intraclass correlations and kappas out."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from math import isnan, nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from extval.stats.agreement import ICC_FORMS, IccForm, IccResult, icc
from extval.stats.kappa import Kappa, cohen_kappa, fleiss_kappa, light_kappa
from extval.validate.characteristics import is_missing, ordered
from extval.validate.errors import InputError
from extval.validate.table import Table
from extval.validate.tidy_table import tidy_csv

Kind = Literal["numeric", "categorical", "ordinal"]
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "ordinal")
WEIGHTS = ("quadratic", "linear", "none")
COLUMNS = ("subject", "rater", "feature", "value")
UNWEIGHTED = (
    "Fleiss' kappa knows no weights: the ordered categories were compared as unordered ones."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted of the agreement.

    `kind` is that of the features when the table does not say it; `form` the intraclass
    correlation that is marked as the default (all six are given); `weights` are those of the kappa
    of ordinal features.
    """

    kind: Kind
    form: str
    weights: str
    confidence_level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One line of `agreement.csv`: one statistic of one feature.

    `default` marks the statistic that a paper would quote. `excluded` counts subjects without a
    rating by every rater, `missing` the ratings that are not there.
    """

    feature: str
    kind: str
    statistic: str
    default: str
    estimate: float
    se: float
    lower: float
    upper: float
    level: float
    test_statistic: float
    df1: float
    df2: float
    p_value: float
    subjects: int
    excluded: int
    missing: int
    raters: int
    method: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feature:
    """Ratings of one feature: ``cells[i, j]`` is what rater j said of subject i, "" if nothing."""

    name: str
    kind: Kind
    raters: tuple[str, ...]
    cells: NDArray[np.object_]

    @property
    def missing(self) -> int:
        return int(np.count_nonzero(self.cells == ""))


def checked(*, kind: str, form: str, weights: str, level: float) -> Asked:
    """Return what the command line asks for, or say what there is to choose from."""
    known = next((one for one in KINDS if one == kind), None)
    for said, given, choices in (
        ("--kind", kind, KINDS),
        ("--form", form, ICC_FORMS),
        ("--weights", weights, WEIGHTS),
    ):
        if given not in choices:
            raise InputError(f"{said} {given!r} is unknown; choose one of {', '.join(choices)}.")
    if known is None or not 0.0 < level < 1.0:
        raise InputError(f"--level {level:g} is not between 0 and 1.")
    return Asked(kind=known, form=form, weights=weights, confidence_level=level)


def reader_agreement(table: Table, asked: Asked) -> list[AgreementRow]:
    """Return every agreement statistic of every feature, in the order of the table.

    The table has the columns subject, rater, feature and value; a column kind (numeric,
    categorical, ordinal) is optional.
    """
    features = _features(table, asked.kind)
    numeric = [feature for feature in features if feature.kind == "numeric"]
    correlations: dict[str, list[AgreementRow]] = {}
    for raters in dict.fromkeys(feature.raters for feature in numeric):
        together = [feature for feature in numeric if feature.raters == raters]
        correlations |= _correlations(together, asked)
    return [
        row
        for feature in features
        for row in (
            correlations[feature.name]
            if feature.kind == "numeric"
            else _kappas(feature, asked.weights, asked.confidence_level)
        )
    ]


def as_csv(rows: Sequence[AgreementRow]) -> str:
    """Return the text of `agreement.csv`."""
    header = [field.name for field in fields(AgreementRow)]
    return tidy_csv(header, (tuple(asdict(row).values()) for row in rows))


def as_text(rows: Sequence[AgreementRow]) -> Iterator[str]:
    """Yield a line a feature with its default statistic."""
    for row in rows:
        if not row.default:
            continue
        value = "not estimable" if isnan(row.estimate) else f"{row.estimate:.3f}"
        limits = "" if isnan(row.lower) else f" ({row.lower:.3f} to {row.upper:.3f})"
        size = f"{row.subjects} subjects, {row.raters} raters"
        left_out = f", {row.excluded} subjects left out" if row.excluded else ""
        said = f" {row.note}" if row.note else ""
        yield f"{row.feature}: {row.statistic} {value}{limits}; {size}{left_out}.{said}"


def _features(table: Table, kind: Kind) -> list[_Feature]:
    subject, rater, feature, value = (_column(table, name) for name in COLUMNS)
    kinds = _kinds(table, feature, kind)
    value = table.measurement_text("value") if "numeric" in kinds.values() else value
    rows: dict[str, dict[tuple[str, str], int]] = {name: {} for name in kinds}
    for row, name in enumerate(feature):
        seen = rows[name].setdefault((subject[row], rater[row]), row)
        if seen != row:
            raise InputError(
                f"{table.name}, row {row + 2}: rater {rater[row]!r} rated {name!r} of subject "
                f"{subject[row]!r} already in row {seen + 2}. Keep one rating, or name repeated "
                "readings as raters of their own."
            )
    found = []
    for name, places in rows.items():
        subjects = {who: i for i, who in enumerate(sorted({who for who, _ in places}))}
        raters = {by: j for j, by in enumerate(sorted({by for _, by in places}))}
        if len(raters) < 2:
            raise InputError(
                f"{table.name}, column `rater`: feature {name!r} was rated by "
                f"{next(iter(raters))!r} alone; agreement needs at least two raters."
            )
        cells = np.full((len(subjects), len(raters)), "", dtype=object)
        for (who, by), row in places.items():
            cell = value[row]
            if is_missing(cell):
                continue
            if kinds[name] != "categorical":
                _check_number(table, row, name, cell, kinds[name])
            cells[subjects[who], raters[by]] = cell
        found.append(_Feature(name=name, kind=kinds[name], raters=tuple(raters), cells=cells))
    return found


def _column(table: Table, name: str) -> list[str]:
    cells = table.text(name)
    if name != "value" and "" in cells:
        raise InputError(
            f"{table.name}, column `{name}`, row {cells.index('') + 2}: the cell is empty. Only "
            "a value may be missing."
        )
    return cells


def _kinds(table: Table, features: Sequence[str], kind: Kind) -> dict[str, Kind]:
    """Return the kind of every feature, in the order of the table."""
    if "kind" not in table.columns:
        return dict.fromkeys(features, kind)
    found: dict[str, Kind] = {}
    for row, (name, cell) in enumerate(zip(features, table.text("kind"), strict=True)):
        known = next((one for one in KINDS if one == cell), None)
        if known is None:
            raise InputError(
                f"{table.name}, column `kind`, row {row + 2}: {cell!r} is not a kind; use "
                f"{', '.join(KINDS)}."
            )
        if found.setdefault(name, known) != known:
            raise InputError(
                f"{table.name}, column `kind`, row {row + 2}: feature {name!r} is {known} here "
                f"and {found[name]} above."
            )
    return found


def _check_number(table: Table, row: int, feature: str, cell: str, kind: Kind) -> None:
    try:
        finite = bool(np.isfinite(float(cell)))
    except ValueError:
        finite = False
    if not finite:
        remedy = (
            "Number the categories in their order"
            if kind == "ordinal"
            else "Correct it, leave it empty if it is missing, or call the feature categorical"
        )
        raise InputError(
            f"{table.name}, column `value`, row {row + 2}: {cell!r} is not a number, and "
            f"{feature!r} is {kind}. {remedy}."
        )


def _correlations(features: Sequence[_Feature], asked: Asked) -> dict[str, list[AgreementRow]]:
    """Return the six intraclass correlations of features with the same raters."""
    most = max(feature.cells.shape[0] for feature in features)
    ratings = np.full((len(features), most, len(features[0].raters)), nan)
    for block, feature in zip(ratings, features, strict=True):
        known = feature.cells != ""
        block[: known.shape[0]][known] = feature.cells[known].astype(float)
    found = icc(ratings, confidence_level=asked.confidence_level)
    return {
        feature.name: [
            _correlation(feature, place, one, found, default=one.name == asked.form)
            for one in found.forms
        ]
        for place, feature in enumerate(features)
    }


def _correlation(
    feature: _Feature, place: int, form: IccForm, found: IccResult, *, default: bool
) -> AgreementRow:
    subjects = int(found.n_subjects[place])
    return AgreementRow(
        feature=feature.name,
        kind=feature.kind,
        statistic=form.name,
        default="yes" if default else "",
        estimate=float(form.value[place]),
        se=nan,
        lower=float(form.low[place]),
        upper=float(form.high[place]),
        level=found.confidence_level,
        test_statistic=float(form.statistic[place]),
        df1=float(form.df1[place]),
        df2=float(form.df2[place]),
        p_value=float(form.p_value[place]),
        subjects=subjects,
        excluded=feature.cells.shape[0] - subjects,
        missing=feature.missing,
        raters=found.n_raters,
        method=found.method,
        note=found.status[place].value,
    )


def _kappas(feature: _Feature, weights: str, confidence_level: float) -> list[AgreementRow]:
    """Return Cohen's kappa of two raters; of more Fleiss', and Light's where weights count."""
    ratings = feature.cells.copy()
    ratings[ratings == ""] = None
    categories = ordered([str(cell) for cell in ratings.flat if cell is not None]) or None
    weighted = weights if feature.kind == "ordinal" else "none"
    about = "" if weighted == "none" else f", {weighted} weights"
    options: dict[str, Any] = {"categories": categories, "confidence_level": confidence_level}
    if len(feature.raters) == 2:
        found = cohen_kappa(ratings, weights=weighted, **options)
        return [_kappa(feature, f"Cohen's kappa{about}", found)]
    fleiss = fleiss_kappa(ratings, **options)
    if weighted == "none":
        return [_kappa(feature, "Fleiss' kappa", fleiss)]
    light = light_kappa(ratings, weights=weighted, **options)
    pairs = [
        _kappa(
            feature,
            f"Cohen's kappa{about}: {feature.raters[a]} v {feature.raters[b]}",
            cohen_kappa(ratings[:, [a, b]], weights=weighted, **options),
            default="",
        )
        for a, b in combinations(range(len(feature.raters)), 2)
    ]
    said = _kappa(feature, "Fleiss' kappa", fleiss, default="", said=UNWEIGHTED)
    return [_kappa(feature, f"Light's kappa{about}", light), *pairs, said]


def _kappa(
    feature: _Feature, name: str, found: Kappa, *, default: str = "yes", said: str = ""
) -> AgreementRow:
    return AgreementRow(
        feature=feature.name,
        kind=feature.kind,
        statistic=name,
        default=default,
        estimate=found.value,
        se=found.se,
        lower=found.interval.low,
        upper=found.interval.high,
        level=found.interval.level,
        test_statistic=found.statistic,
        df1=nan,
        df2=nan,
        p_value=found.p_value,
        subjects=found.n,
        excluded=found.n_excluded,
        missing=feature.missing,
        raters=found.n_raters,
        method=found.method,
        note=" ".join(text for text in (found.status.value, said) if text),
    )
