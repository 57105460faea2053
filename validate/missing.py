"""What is missing: cells of every column that the protocol names, and which go missing together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from extval.validate.characteristics import CENTER, is_missing
from extval.validate.cohort import Group, Roster
from extval.validate.gaps import incomplete, needed_columns
from extval.validate.protocol import Protocol, SurvivalProtocol
from extval.validate.store import MissingPatternRow, MissingRow
from extval.validate.study import Study

LEFT_OUT = "left out: a prediction or the outcome is missing"

BoolArray = NDArray[np.bool_]


def missing_rows(study: Study) -> tuple[MissingRow, ...]:
    """Return how many cells are missing in every column, by cohort and centre.

    All patients of the table count, also those whom `complete-case` leaves out; how many these are
    is a row without a column. There are no rows when the protocol takes no column that may have
    empty cells.
    """
    if not _may_be_missing(study):
        return ()
    uses, gaps = _uses(study.protocol), _gaps(study)
    return tuple(row for group in _groups(study) for row in _group(study, group, uses, gaps))


def missing_patterns(study: Study) -> tuple[MissingPatternRow, ...]:
    """Return in how many patients the same columns are missing, the most frequent pattern first.

    There are no rows when nothing is missing.
    """
    gaps = _gaps(study) if _may_be_missing(study) else {}
    gappy = [column for column, cells in gaps.items() if cells.any()]
    if not gappy:
        return ()
    table = np.stack([gaps[column] for column in gappy], axis=1)
    return tuple(row for group in _groups(study) for row in _patterns(group, gappy, table))


def left_out(study: Study) -> dict[str, int]:
    """Return how many patients of each cohort are left out for a missing prediction or outcome."""
    if study.whole is None:
        return {}
    roster = study.whole.study.roster
    without = incomplete(study.whole.gaps, len(roster.patient))
    return dict(Counter(str(cohort) for cohort in roster.cohort[without]))


def _may_be_missing(study: Study) -> bool:
    return bool(study.roster.characteristics) or study.protocol.missing.rule != "refuse"


def _roster(study: Study) -> Roster:
    return study.roster if study.whole is None else study.whole.study.roster


def _groups(study: Study) -> Sequence[Group]:
    return _roster(study).groups()


def _uses(protocol: Protocol) -> dict[str, str]:
    """Return every column that the protocol names and what for, in the order of the protocol."""
    found = {column: [use] for column, use in needed_columns(protocol).items()}
    named = {
        "baseline table": [one.column for one in protocol.baseline.variables.values()],
        "subgroup": [one.column for one in protocol.subgroups.values()],
        "case mix": [one.column for one in protocol.case_mix.predictors.values()],
    }
    if isinstance(protocol, SurvivalProtocol):
        strata = (protocol.log_rank.strata, protocol.cox.strata)
        named["Cox model"] = [one.column for one in protocol.cox.predictors.values()]
        named["strata"] = [column for column in strata if column not in (None, CENTER)]
    for use, columns in named.items():
        for column in columns:
            uses = found.setdefault(column, [])
            if use not in uses:
                uses.append(use)
    return {column: ", ".join(uses) for column, uses in found.items()}


def _gaps(study: Study) -> dict[str, BoolArray]:
    """Return where each named column is empty, shape (patients of the table,)."""
    roster = _roster(study)
    known = {} if study.whole is None else study.whole.gaps
    none = np.zeros(len(roster.patient), dtype=np.bool_)
    found: dict[str, BoolArray] = {}
    for column in _uses(study.protocol):
        if column in known:
            found[column] = known[column]
        elif column in roster.characteristics:
            cells = roster.characteristics[column]
            found[column] = np.array([is_missing(cell) for cell in cells], dtype=np.bool_)
        else:
            found[column] = none  # an empty cell of this column would have been refused
    return found


def _group(
    study: Study, group: Group, uses: Mapping[str, str], gaps: Mapping[str, BoolArray]
) -> Iterator[MissingRow]:
    n = int(group.rows.size)
    counted = [
        (column, use, int(np.count_nonzero(gaps[column][group.rows])))
        for column, use in uses.items()
    ]
    if study.protocol.missing.rule == "complete-case":
        known = {} if study.whole is None else study.whole.gaps
        without = incomplete(known, len(_roster(study).patient))
        counted.append(("", LEFT_OUT, int(np.count_nonzero(without[group.rows]))))
    for column, use, count in counted:
        yield MissingRow(
            cohort=group.cohort,
            center=group.center,
            column=column,
            use=use,
            n=n,
            missing=count,
            share=count / n if n else None,
        )


def _patterns(
    group: Group, columns: Sequence[str], table: BoolArray
) -> Iterator[MissingPatternRow]:
    counts = Counter(map(tuple, table[group.rows].tolist()))
    for pattern, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        names = [column for column, gap in zip(columns, pattern, strict=True) if gap]
        yield MissingPatternRow(
            cohort=group.cohort,
            center=group.center,
            pattern="; ".join(names),
            columns=len(names),
            patients=count,
            share=count / int(group.rows.size),
        )
