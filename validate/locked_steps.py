"""The steps of a locked model: each reads columns of a table, computes, and writes columns.

A locked model is data, not code: these few kinds of step are all that a model file can say, and
`LockedModel.predict` in `locked_model.py` runs them in order. No step takes an outcome.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import expit

from extval.features.modelling.combat import batch_effect
from extval.stats._checks import FloatArray
from extval.validate.errors import InputError

Numbers = dict[str, float]
ReadClassifier = Callable[[str, str], Any]


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Above(_Step):
    """1 where a number is above a cut (or at it, if `inclusive`), 0 elsewhere."""

    step: Literal["above"] = "above"
    column: str
    above: float
    inclusive: bool = False
    output: str

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with the column `output`."""
        values = numbers(table, self.column)
        beyond = values >= self.above if self.inclusive else values > self.above
        return table.assign(**{self.output: beyond * 1.0})


class Indicator(_Step):
    """1 where a text column holds `equals`, 0 elsewhere; only `levels` are known."""

    step: Literal["indicator"] = "indicator"
    column: str
    equals: str
    levels: list[str]
    output: str

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with the column `output`."""
        cells = known(table, self.column, self.levels)
        return table.assign(**{self.output: np.array([c == self.equals for c in cells]) * 1.0})


class Impute(_Step):
    """Fill empty cells with the development medians."""

    step: Literal["impute"] = "impute"
    median: Numbers

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table without empty cells in the columns of `median`."""
        filled = {
            column: numbers(table, column, empty=True).fillna(median)
            for column, median in self.median.items()
        }
        return table.assign(**filled)


class FillText(_Step):
    """Fill empty cells of text with the most frequent value of development."""

    step: Literal["fill"] = "fill"
    value: dict[str, str]

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table without empty cells in the columns of `value`."""
        empty = {
            name: np.array([bool(pd.isna(c)) or not str(c).strip() for c in table[name]])
            for name in self.value
        }
        return table.assign(
            **{name: table[name].mask(empty[name], value) for name, value in self.value.items()}
        )


class CovariateTerm(_Step):
    """A covariate whose effect ComBat keeps: a number, or 1 where a column holds `level`.

    Only `levels` are known; another one has no effect that could be kept.
    """

    column: str
    level: str | None = None
    levels: list[str] = Field(default_factory=list)
    coefficients: list[float]

    def values(self, table: pd.DataFrame) -> FloatArray:
        """Return the term for every row, shape (n,)."""
        if self.level is None:
            return np.asarray(numbers(table, self.column), dtype=np.float64)
        return np.array([c == self.level for c in known(table, self.column, self.levels)]) * 1.0


class Harmonise(_Step):
    """ComBat with the development's parameters, for the features that the model uses.

    `location` and `scale` are on the standardised scale, as `ComBat` keeps them. `new_batch` says
    what happens to a batch that development never saw: `refuse`; `none`, its values stay as they
    are; or `estimate`, its location and scale are estimated from the features of its patients in
    the table, of those with 1 in the column `calibration` if one is named.
    """

    step: Literal["combat"] = "combat"
    batch: str
    features: list[str]
    grand_mean: list[float]
    pooled_sd: list[float]
    covariates: list[CovariateTerm] = Field(default_factory=list)
    location: dict[str, list[float]]
    scale: dict[str, list[float]]
    new_batch: Literal["refuse", "none", "estimate"]
    calibration: str | None = None
    parametric: bool = True
    mean_only: bool = False

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with harmonised features."""
        columns = [np.asarray(numbers(table, name)) for name in self.features]
        x = np.column_stack(columns).astype(np.float64)
        expected = np.tile(np.array(self.grand_mean), (len(table), 1))
        for term in self.covariates:
            expected = expected + np.outer(term.values(table), term.coefficients)
        batch = np.array(labels(table, self.batch), dtype=object)
        out = x.copy()
        for name in sorted(set(batch)):
            rows = np.flatnonzero(batch == name)
            if name in self.location:
                location, scale = np.array(self.location[name]), np.array(self.scale[name])
            elif self.new_batch == "none":
                continue
            else:
                location, scale = self._new_batch(str(name), rows, table, x, expected)
            shift = expected[rows] + np.array(self.pooled_sd) * location
            out[rows] = (x[rows] - shift) / scale + expected[rows]
        return table.assign(**dict(zip(self.features, out.T, strict=True)))

    def _new_batch(
        self,
        name: str,
        rows: NDArray[np.intp],
        table: pd.DataFrame,
        x: FloatArray,
        expected: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        where = f"column `{self.batch}`, patient {table.index[rows[0]]}: "
        if self.new_batch == "refuse":
            raise InputError(
                f"{where}{name!r} was not among the batches of development "
                f"({', '.join(self.location)}), and this model was locked without a rule for "
                "new ones."
            )
        if self.calibration is not None:
            rows = rows[numbers(table, self.calibration).to_numpy()[rows] == 1.0]
        if rows.size < 2:
            raise InputError(
                f"{where}the shift of the new batch {name!r} cannot be estimated from {rows.size} "
                f"patient{'' if rows.size == 1 else 's'}; give at least 2 of that batch in one "
                "table."
            )
        return batch_effect(
            x[rows],
            expected=expected[rows],
            pooled_sd=np.array(self.pooled_sd),
            parametric=self.parametric,
            mean_only=self.mean_only,
            empirical_bayes=True,
        )

    def columns(self) -> list[str]:
        """Return the columns that the step reads."""
        extra = [] if self.calibration is None else [self.calibration]
        return [self.batch, *self.features, *(t.column for t in self.covariates), *extra]


class Standardise(_Step):
    """Subtract the development mean and divide by the development standard deviation."""

    step: Literal["standardise"] = "standardise"
    mean: Numbers
    sd: Numbers

    @model_validator(mode="after")
    def _same_columns(self) -> "Standardise":
        if list(self.mean) != list(self.sd):
            raise ValueError("`mean` and `sd` must name the same columns in the same order")
        if any(sd <= 0 for sd in self.sd.values()):
            raise ValueError("every `sd` must be above 0")
        return self

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with standardised columns."""
        scaled = {
            column: (numbers(table, column) - mean) / self.sd[column]
            for column, mean in self.mean.items()
        }
        return table.assign(**scaled)


class Linear(_Step):
    """Intercept plus the sum of coefficients times columns."""

    step: Literal["linear"] = "linear"
    intercept: float
    coefficients: Numbers
    output: str

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with the column `output`."""
        total = np.full(len(table), self.intercept)
        for column, coefficient in self.coefficients.items():
            total = total + coefficient * numbers(table, column).to_numpy()
        return table.assign(**{self.output: total})


class Classifier(_Step):
    """A classifier without a formula, in a file of its own; writes its linear predictor."""

    step: Literal["classifier"] = "classifier"
    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    inputs: list[str]
    output: str

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with the column `output`."""
        x = pd.DataFrame({name: numbers(table, name) for name in self.inputs})
        score = np.asarray(read(self.file, self.sha256).linear_predictor(x), dtype=np.float64)
        return table.assign(**{self.output: score})


class Probability(_Step):
    r"""Probability from a score: expit(intercept + slope * score)."""

    step: Literal["probability"] = "probability"
    column: str
    intercept: float = 0.0
    slope: float = 1.0
    output: str

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with the column `output`."""
        score = numbers(table, self.column).to_numpy()
        return table.assign(**{self.output: expit(self.intercept + self.slope * score)})


class Survival(_Step):
    """Risk at horizons: 1 - S0(t) ** exp(linear predictor), S0 at a linear predictor of 0."""

    step: Literal["survival"] = "survival"
    column: str
    baseline_survival: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]]
    outputs: dict[str, str]

    def apply(self, table: pd.DataFrame, read: ReadClassifier) -> pd.DataFrame:
        """Return the table with a column of risks for each horizon."""
        ratio = np.exp(numbers(table, self.column).to_numpy())
        with np.errstate(divide="ignore"):
            risks = {
                self.outputs[time]: -np.expm1(np.log(s0) * ratio)
                for time, s0 in self.baseline_survival.items()
            }
        return table.assign(**risks)


Step = Annotated[
    Above
    | Indicator
    | Impute
    | FillText
    | Harmonise
    | Standardise
    | Linear
    | Classifier
    | Probability
    | Survival,
    Field(discriminator="step"),
]


def numbers(table: pd.DataFrame, column: str, *, empty: bool = False) -> "pd.Series[float]":
    """Return a column as numbers; a cell that is none is an error that names the patient."""
    cells = table[column]
    values = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    wrong = values.isna() & ((cells.astype(str).str.strip() != "") & cells.notna() | (not empty))
    wrong |= np.isinf(values)
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        at, cell = cells.index[row], cells.iloc[row]
        blank = pd.isna(cell) or str(cell).strip() == ""
        shown = "the cell is empty" if blank else f"{cell!r} is not a finite number"
        raise InputError(
            f"column `{column}`, patient {at}: {shown} "
            f"({int(wrong.sum())} of {len(cells)} are not numbers). Fill in the measurement, or "
            "leave the patient out."
        )
    return values


def labels(table: pd.DataFrame, column: str) -> list[str]:
    """Return a column as text; an empty cell is an error that names the patient."""
    cells = ["" if pd.isna(cell) else str(cell).strip() for cell in table[column]]
    if "" in cells:
        raise InputError(
            f"column `{column}`, patient {table.index[cells.index('')]}: the cell is empty."
        )
    return cells


def known(table: pd.DataFrame, column: str, levels: list[str]) -> list[str]:
    """Return a column as text; a cell that is none of `levels` is an error that names it."""
    cells = labels(table, column)
    unknown = next((i for i, cell in enumerate(cells) if cell not in levels), None)
    if unknown is not None:
        raise InputError(
            f"column `{column}`, patient {table.index[unknown]}: {cells[unknown]!r} was never seen "
            f"in development; known are {', '.join(levels)}."
        )
    return cells


def columns_read(steps: list[Any]) -> tuple[str, ...]:
    """Return the columns that must be in the table, in the order in which they are first read."""
    written: set[str] = set()
    read: dict[str, None] = {}
    for step in steps:
        for column in _reads(step):
            if column not in written:
                read.setdefault(column)
        written.update(_writes(step))
    return tuple(read)


def _reads(step: Any) -> list[str]:
    if isinstance(step, Above | Indicator | Probability | Survival):
        return [step.column]
    if isinstance(step, Harmonise):
        return step.columns()
    if isinstance(step, Classifier):
        return step.inputs
    if isinstance(step, FillText):
        return list(step.value)
    mapping: Mapping[str, float] = (
        step.median
        if isinstance(step, Impute)
        else step.mean
        if isinstance(step, Standardise)
        else step.coefficients
    )
    return list(mapping)


def _writes(step: Any) -> list[str]:
    if isinstance(step, Survival):
        return list(step.outputs.values())
    return [step.output] if hasattr(step, "output") else []
