"""Count requests, or units such as users, in a log with one row per request.

An arm is one of the two models: 0 is the candidate, 1 is production. A look is a period of time in
which the candidate's share of the traffic did not change.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.expressions.condition import Condition
from mlgates.expressions.syntax import Column
from mlgates.printable import number_of
from mlgates.profile.column import ColumnView
from mlgates.profile.counters import COMPARABLE, require_kind
from mlgates.stats.arrays import Codes, Counts, Mask
from mlgates.tables.field import TableSchema, few, no_column
from mlgates.tables.source import as_source

__all__ = ["CountedLook", "count_log"]

_OWNER = "Traffic.from_log"
_ARMS = ("candidate", "production")
_NUMBERS = frozenset({"int", "float", "decimal"})


class CountedLook(NamedTuple):
    """Counts of one look, as `count_log` returns them.

    A look is a period in which the candidate's share of the traffic did not change. `identity` is
    the name of the look; None if it has no name. `share` is the candidate's share. `counts` has a
    tuple for the candidate and a tuple for production. Each begins with the number of requests or
    units, followed by the number of each event. `left_out` is explained in `Traffic.left_out`.
    """

    identity: str | None
    share: float
    counts: tuple[tuple[int, ...], tuple[int, ...]]
    left_out: int


class _Rows(NamedTuple):
    """The rows of the two models in a log, or in a part of it.

    `arm` is 0 for the candidate and 1 for production. `look` is the number of the row's look, a
    period in which the candidate's share of the traffic did not change. Both have shape (rows,).
    `events` has shape (events, rows): whether each event happened in each row.
    """

    arm: Codes
    look: Codes
    events: Mask


def count_log(
    log: object,
    *,
    arm: str,
    arms: tuple[object, object],
    share: float | str,
    events: Mapping[str, str],
    unit: str | None,
    look: str | None,
) -> list[CountedLook]:
    """Return the numbers of units and events of both models in each look of a log.

    A look is a period in which the candidate's share of the traffic does not change. `arms` has the
    values of the column `arm` for the candidate and for production. `Traffic.from_log` describes
    the other arguments.
    """
    for option, name in (("arm", arm), ("unit", unit), ("look", look)):
        if name is not None:
            options.text(_OWNER, option, name)
    if not isinstance(share, str):
        try:
            share = options.share(_OWNER, "share", share)
        except OptionError as error:
            raise EvidenceError(str(error)) from None
    wanted = [options.scalar(_OWNER, o, a) for o, a in zip(_ARMS, arms, strict=True)]
    if _key(wanted[0]) == _key(wanted[1]):
        raise options.refuse(_OWNER, "candidate", "another value than `production`", arms[0])
    source = as_source(log)
    conditions = _conditions(events, source.schema)
    columns = [name for name in (arm, unit, look) if name is not None]
    columns += [share] if isinstance(share, str) else []
    columns += [column for each in conditions.values() for column in each.columns]
    looks: dict[tuple[str | None, float], int] = {}
    found: list[_Rows] = []
    units: list[pa.Array] = []
    others: set[object] = set()
    for batch in source.batches(columns):
        views = {
            name: ColumnView(array, source.schema[name])
            for name, array in zip(batch.column_names, batch.columns, strict=True)
        }
        place, strange = _arms(views[arm], wanted)
        others |= strange
        kept = place >= 0
        for column in (unit, look, share):
            if isinstance(column, str) and (views[column].missing_mask() & kept).any():
                raise EvidenceError(
                    f"column {column!r} of the log must not have missing values in rows of the "
                    "candidate and production; fill them, or remove the rows that have them"
                )
        answers = np.empty((len(conditions), int(np.count_nonzero(kept))), np.bool_)
        for row, (event, condition) in zip(answers, conditions.items(), strict=True):
            row[:] = _answers(event, events[event], condition, views, kept)
        of_look = _looks(views, kept, share, look, looks)
        found.append(_Rows(place[kept], of_look, answers))
        if unit is not None:
            units.append(views[unit].encoded.dictionary_decode().filter(pa.array(kept)))
    arms_found = set(np.unique(np.concatenate([rows.arm for rows in found])).tolist())
    for i, (option, value) in enumerate(zip(_ARMS, wanted, strict=True)):
        if i not in arms_found and others:
            known = few(sorted(others, key=str))
            near = options.did_you_mean(value, [o for o in others if isinstance(o, str)])
            msg = f"no row of the log has {value!r} ({option}) in column {arm!r}"
            msg += near or f"; its values are {known}"
            raise EvidenceError(msg)
    rows = _Rows(
        np.concatenate([rows.arm for rows in found]),
        np.concatenate([rows.look for rows in found]),
        np.concatenate([rows.events for rows in found], axis=1),
    )
    left_out = np.zeros(len(looks), np.int64)
    if unit is None:
        all_rows = np.arange(len(rows.arm))
        chosen = [all_rows, *(np.flatnonzero(row) for row in rows.events)]
        counts = [_tally(rows, places, len(looks)) for places in chosen]
    else:
        codes = pa.chunked_array(units).combine_chunks().dictionary_encode().indices
        counts, left_out = _count_units(rows, np.asarray(codes), [rho for _, rho in looks])
    return [
        CountedLook(
            identity,
            rho,
            (tuple(int(each[i, 0]) for each in counts), tuple(int(each[i, 1]) for each in counts)),
            int(left_out[i]),
        )
        for (identity, rho), i in looks.items()
    ]


def _key(value: object) -> tuple[bool, object]:
    """Return a key for dicts that is different for True and 1, which are equal in Python."""
    return isinstance(value, bool), value


def _conditions(events: object, schema: TableSchema) -> dict[str, Condition]:
    """Return for each event the condition that is true if the event happened in a row of the log.

    If an event was given as the name of a bool column, the condition is that this column is true.
    """
    allowed = "a mapping of event names to columns of bools or to conditions"
    given = options.mapping(_OWNER, "events", events, allowed)
    if not given or not all(isinstance(rule, str) for rule in given.values()):
        raise options.refuse(_OWNER, "events", allowed, events)
    found = {}
    for event, rule in given.items():
        options.text(_OWNER, "events", event)
        if event == "requests":
            raise options.refuse(_OWNER, "events", "names other than 'requests'", events)
        if rule in schema:
            field = schema[rule]
            if field.kind != "bool":
                msg = f"event `{event}`: column {rule!r} must have bools, got {field.type_name}"
                msg += f"; write a condition, such as '{rule} > 0'"
                raise EvidenceError(msg)
            found[event] = Condition(str(Column(rule)))
            continue
        try:
            found[event] = Condition(rule)
        except OptionError as error:
            raise OptionError(
                f"{_OWNER}: `events[{event!r}]` is neither a column of the log nor a condition: "
                f"{error}"
            ) from None
        absent = [name for name in found[event].columns if name not in schema]
        if absent:
            raise no_column(absent, schema)
    return found


def _arms(view: ColumnView, wanted: list[object]) -> tuple[Codes, set[object]]:
    """Return the model of each row, and the set of values that belong to neither model.

    `wanted` has the values of the candidate (0 in the result) and of production (1). Rows with
    another value have -1.
    """
    require_kind(view, COMPARABLE, "compared with the names of models")
    values = view.encoded.dictionary.to_pylist()
    places = {_key(value): place for place, value in enumerate(wanted)}
    # The last element is for missing values, whose code is -1.
    of_value = np.array([*(places.get(_key(value), -1) for value in values), -1], np.intp)
    used = np.unique(view.codes)
    return of_value[view.codes], {values[i] for i in used if i >= 0 and of_value[i] < 0}


def _answers(
    event: str, rule: str, condition: Condition, views: Mapping[str, ColumnView], kept: Mask
) -> Mask:
    """Return for each row of one of the two models whether an event happened.

    `kept` is a mask of these rows. EvidenceError is raised if the condition is null in one of them.
    The message quotes `rule`, the condition as the user wrote it.
    """
    for name in condition.columns:
        if views[name].field.kind == "unreadable":
            raise EvidenceError(views[name].field.problem or f"column {name!r} can't be read")
    plain = {name: views[name].plain for name in condition.columns}
    answer = condition.evaluate(plain, len(kept)).filter(pa.array(kept))
    if count := answer.null_count:
        rows = f"{number_of(count, 'row')} of the log"
        msg = f"event `{event}` depends on a missing value in {rows}"
        msg += f"; write '{rule} or {condition.columns[0]} is missing' to count it as an event"
        raise EvidenceError(msg)
    return np.asarray(answer)


def _looks(
    views: Mapping[str, ColumnView],
    kept: Mask,
    share: float | str,
    look: str | None,
    looks: dict[tuple[str | None, float], int],
) -> Codes:
    """Return for each row of one of the two models the number of its look.

    `looks` is a dict of the number of each look; the keys are pairs of its name and share. New
    looks are added to it. `kept` is a mask of the rows that belong to one of the two models.
    """
    identities: list[str | None] = [None]
    of_row = np.zeros(int(np.count_nonzero(kept)), np.intp)
    if look is not None:
        require_kind(views[look], COMPARABLE, "looks of a log")
        values = views[look].encoded.dictionary.to_pylist()
        identities = [v.isoformat() if isinstance(v, date) else str(v) for v in values]
        of_row = views[look].codes[kept].astype(np.intp)
    if isinstance(share, str):
        require_kind(views[share], _NUMBERS, "shares of the traffic, from 0 to 1")
        plain = np.asarray(pc.cast(views[share].plain, pa.float64(), safe=False))
        shares, of_share = np.unique(plain[kept], return_inverse=True)
    else:
        shares, of_share = np.array([share]), np.zeros(len(of_row), np.intp)
    pairs, place = np.unique(of_row * len(shares) + of_share, return_inverse=True)
    positions = []
    for pair in pairs.tolist():
        identity, rho = identities[pair // len(shares)], float(shares[pair % len(shares)])
        if not 0 <= rho <= 1:
            raise EvidenceError(
                f"column {share!r} of the log must have shares from 0 to 1, got {rho:g}"
            )
        if identity is not None:
            other = next((s for name, s in looks if name == identity and s != rho), rho)
            if other != rho:
                msg = f"rows of the log with {identity!r} in column {look!r} (the same look) have "
                msg += f"the shares {other:g} and {rho:g} in column {share!r}; all rows of a look "
                msg += "must have the same share of the traffic"
                raise EvidenceError(msg)
        positions.append(looks.setdefault((identity, rho), len(looks)))
    return np.array(positions, np.intp)[place]


def _tally(rows: _Rows, places: Codes, looks: int) -> Counts:
    """Count the rows at the positions `places` by look and model.

    `looks` is the number of looks, periods in which the candidate's share of the traffic did not
    change. The result has shape (looks, 2).
    """
    cells = 2 * rows.look[places] + rows.arm[places]
    return np.bincount(cells, minlength=2 * looks).reshape(looks, 2)


def _count_units(rows: _Rows, unit: Codes, shares: list[float]) -> tuple[list[Counts], Counts]:
    """Count each unit (such as a user) once, and its first event of each kind.

    `unit` has the code of each row's unit, and `shares` has the share of each look. The first
    result is a list of arrays of shape (looks, 2): the numbers of units by look and model, and then
    the numbers of each event. The second result is the number of rows that were left out in each
    look. These are rows with another model than the first row of the unit, and rows with an event
    at another share than that of the first row.
    """
    _, first, of_row = np.unique(unit, return_index=True, return_inverse=True)
    counts, share = [_tally(rows, first, len(shares))], np.array(shares)[rows.look]
    own_arm = rows.arm == rows.arm[first][of_row]
    own_share = share == share[first][of_row]
    for happened in rows.events:
        places = np.flatnonzero(happened & own_arm & own_share)
        places = places[np.unique(of_row[places], return_index=True)[1]]
        counts.append(_tally(rows, places, len(shares)))
    lost = ~own_arm | (rows.events.any(axis=0) & ~own_share)
    return counts, np.bincount(rows.look[lost], minlength=len(shares))
