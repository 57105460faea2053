"""Colours, dashes and markers: the same model looks the same in every figure.

Safe for colour-blind readers and in grey: every model also has a dash and a marker of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is drawn: colour, dash (lengths in points, empty for solid), marker."""

    color: str
    dash: tuple[float, ...]
    marker: str


GREY, LIGHT_GREY, BLACK = "#777777", "#D9D9D9", "#000000"
TREAT_ALL = Look(GREY, (), "")
TREAT_NONE = Look("#555555", (1.0, 1.4), "")

_NAMED = {
    "rs": Look("#6699CC", (5.0, 1.6, 1.0, 1.6), "^"),
    "dlrs": Look("#CC3311", (4.5, 1.8), "s"),
    "dlrn": Look("#000000", (), "o"),
    "clinical": Look("#004488", (1.2, 1.4), "D"),
}
_OTHERS = (
    Look("#009E73", (), "o"),
    Look("#E69F00", (4.5, 1.8), "s"),
    Look("#AA4499", (5.0, 1.6, 1.0, 1.6), "^"),
    Look("#882255", (2.4, 1.4), "v"),
    Look("#44AA99", (7.0, 2.0), "P"),
    Look("#999933", (5.0, 1.4, 1.0, 1.4, 1.0, 1.4), "X"),
    Look("#EE7733", (3.0, 1.0, 1.0, 1.0), "<"),
    Look("#332288", (9.0, 2.0, 2.0, 2.0), ">"),
)
_RISK_GROUPS = (
    Look("#004488", (), ""),
    Look("#CC3311", (4.5, 1.8), ""),
)
_MORE_RISK_GROUPS = (
    Look("#004488", (), ""),
    Look("#C58B00", (5.0, 1.6, 1.0, 1.6), ""),
    Look("#CC3311", (4.5, 1.8), ""),
    Look("#882255", (1.2, 1.4), ""),
    Look("#009E73", (7.0, 2.0), ""),
)


def model_looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of every model: four names have their own, the others follow in order."""
    looks, following = {}, 0
    for name in names:
        own = _NAMED.get(name.casefold())
        if own is None:
            own = _OTHERS[following % len(_OTHERS)]
            following += 1
        looks[name] = own
    return looks


def risk_group_looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of every risk group, from low to high."""
    looks = _RISK_GROUPS if len(names) <= len(_RISK_GROUPS) else _MORE_RISK_GROUPS
    return {name: looks[i % len(looks)] for i, name in enumerate(names)}


def tint(color: str, strength: float = 0.16) -> str:
    """Return `color` blended with white paper, instead of transparency.

    Examples
    --------
    >>> tint("#000000", 0.2)
    '#CCCCCC'
    """
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02X}" for part in parts)
