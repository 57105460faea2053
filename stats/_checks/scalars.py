"""Checks of single arguments: numbers, choices, generators."""

from collections.abc import Collection

import numpy as np


def share(value: float, *, name: str) -> float:
    """Return `value` if it lies in the half-open interval (0, 1]."""
    if not 0.0 < value <= 1.0:
        raise ValueError(f"`{name}` must lie in (0, 1]; got {value}.")
    return float(value)


def generator(rng: np.random.Generator | None, *, name: str = "rng") -> np.random.Generator:
    """Return `rng` if it is a numpy Generator; resampling has no hidden default."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"`{name}` must be a numpy.random.Generator when resampling; got {rng!r}. Pass "
            "numpy.random.default_rng(seed)."
        )
    return rng


def one_a_horizon(rows: int, n_horizons: int, *, name: str) -> None:
    """Raise unless there is one row of predictions a horizon."""
    if rows != n_horizons:
        raise ValueError(f"`{name}` must have one row a horizon, {n_horizons} in all; got {rows}.")


def level(value: float, *, name: str = "confidence_level") -> float:
    """Return `value` if it lies in the open interval (0, 1)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"`{name}` must lie in (0, 1); got {value}.")
    return float(value)


def choice(value: str, allowed: Collection[str], *, name: str) -> str:
    """Return `value` if it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(allowed)}; got {value!r}.")
    return value


def positive_integer(value: int, *, name: str, at_least: int = 1) -> int:
    """Return `value` if it is an integer of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(f"`{name}` must be an integer of at least {at_least}; got {value!r}.")
    return int(value)


def successes_of(successes: int, n: int) -> tuple[int, int]:
    """Return `(successes, n)` if both are integers with ``0 <= successes <= n``."""
    positive_integer(n, name="n", at_least=0)
    positive_integer(successes, name="successes", at_least=0)
    if successes > n:
        raise ValueError(f"`successes` must not exceed `n`; got {successes} of {n}.")
    return int(successes), int(n)


def number_in(
    value: float | None, *, name: str, above: float, up_to: float, why: str = ""
) -> float:
    """Return `value` if it is a number with ``above < value <= up_to``."""
    if value is None or not above < value <= up_to:
        raise ValueError(f"`{name}` must lie in ({above:g}, {up_to:g}]{why}; got {value}.")
    return float(value)


def not_given(value: object, *, name: str, why: str) -> None:
    """Raise if an argument was given that has no meaning here."""
    if value is not None:
        raise ValueError(f"`{name}` must not be given {why}; got {value!r}.")


def index(value: int, size: int, *, name: str) -> int:
    """Return `value` if it is an integer with ``0 <= value < size``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"`{name}` must be an integer; got {value!r}.")
    if not 0 <= value < size:
        raise ValueError(f"`{name}` must lie in 0 to {size - 1}; got {value}.")
    return int(value)


def horizon(value: float, *, name: str = "horizon") -> float:
    """Return a time at which to evaluate, finite and not negative."""
    if not 0.0 <= value < np.inf:
        raise ValueError(f"`{name}` must be finite and not negative; got {value}.")
    return float(value)


def real(value: float, *, name: str) -> float:
    """Return `value` if it is a finite number."""
    if not np.isfinite(value):
        raise ValueError(f"`{name}` must be finite; got {value}.")
    return float(value)


def positive(value: float, *, name: str) -> float:
    """Return `value` if it is finite and above zero."""
    if not 0.0 < value < np.inf:
        raise ValueError(f"`{name}` must be finite and above 0; got {value}.")
    return float(value)


def unit(value: float, *, name: str) -> float:
    """Return `value` if it lies in the closed interval [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1]; got {value}.")
    return float(value)


def between(value: float, low: float, high: float, *, name: str) -> float:
    """Return `value` if it lies in the open interval (low, high)."""
    if not low < value < high:
        raise ValueError(f"`{name}` must lie in ({low:g}, {high:g}); got {value}.")
    return float(value)


def lost(value: float, *, name: str = "lost") -> float:
    """Return `value` if it lies in the half-open interval [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1); got {value}.")
    return float(value)


def both_or_neither(first: object, second: object, *, names: tuple[str, str]) -> None:
    """Raise if just one of two arguments is given."""
    if (first is None) != (second is None):
        raise ValueError(f"`{names[0]}` and `{names[1]}` must be given together or not at all.")


def reached_threshold(share_above: float, threshold: float, *, name: str = "threshold") -> None:
    """Raise if nobody is expected above a risk threshold."""
    if not share_above > 0.0:
        raise ValueError(
            f"`{name}` must be below some risk of the assumed linear predictor; none is above "
            f"{threshold}."
        )


def ordered_units(low: float, high: float) -> tuple[float, float]:
    """Return `(low, high)` if ``0 <= low < high <= 1``."""
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(f"`low` and `high` must satisfy 0 <= low < high <= 1; got {low}, {high}.")
    return float(low), float(high)


def two_groups(count: int, *, name: str = "group") -> None:
    """Raise unless there are exactly two different labels."""
    if count != 2:
        raise ValueError(f"`{name}` must hold exactly two different labels; got {count}.")


def exact_size(n: int, *, at_most: int) -> None:
    """Raise if an exact distribution is asked for more patients than can be enumerated."""
    if n > at_most:
        raise ValueError(
            f"`method` 'exact' is for at most {at_most} patients; got {n}. Use 'asymptotic'."
        )


def raters(n: int, *, wanted: int) -> None:
    """Raise unless there are `wanted` raters."""
    if n != wanted:
        raise ValueError(f"`ratings` must have {wanted} raters (columns) here; got {n}.")


def above_zero(value: float, *, name: str) -> float:
    """Return `value` if it is above zero; infinity is allowed."""
    if not value > 0.0:
        raise ValueError(f"`{name}` must be above 0; got {value}.")
    return float(value)


def not_negative(value: float, *, name: str) -> float:
    """Return `value` if it is finite and not below zero."""
    if not 0.0 <= value < np.inf:
        raise ValueError(f"`{name}` must be finite and not negative; got {value}.")
    return float(value)
