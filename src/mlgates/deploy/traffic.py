"""`Traffic`: counts of requests and events of a candidate model and of the production model.

Counts are grouped by look. A look is a period of time, such as five minutes, in which the
candidate's share of the traffic did not change.
"""

import os
import re
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from mlgates import jsonfile, options
from mlgates.errors import EvidenceError, OptionError
from mlgates.jsonfile import fields, items, mapping
from mlgates.printable import number_of

if TYPE_CHECKING:
    from typing import Self

__all__ = ["REQUESTS", "Look", "Traffic"]

FORMAT = "mlgates.traffic"
VERSION = 1
MAX_BYTES = 64 * 2**20
REQUESTS = "requests"
_ARMS = ("candidate", "production")
_MOST = 2**53  # counts up to this are exact as floats
_LONGEST = 200
_DIGITS = re.compile(r"([0-9]+)", re.ASCII)
_LOOK = frozenset({"look", "share", "candidate", "production", "left_out"})


@dataclass(frozen=True, slots=True)
class Look:
    """Counts of requests and events in one look, which is one part of a `Traffic`.

    A look is a period in which the candidate's share of the traffic did not change.

    Parameters
    ----------
    share : float
        Probability that a request was routed to the candidate.
    counts : tuple of (str, int, int)
        Tuples of a name, the candidate's count and production's count. The first is for "requests",
        the others are for events, sorted by name.
    identity : str, optional
        Name of the look. Looks with the same name are the same look. A look without a name differs
        from all others.
    left_out : int
        Number of rows of the log that `Traffic.from_log` left out, see `Traffic.left_out`.
    """

    share: float
    counts: tuple[tuple[str, int, int], ...]
    identity: str | None = None
    left_out: int = 0

    @property
    def is_comparison(self) -> bool:
        """Whether both models could get requests: the candidate's share is above 0 and below 1."""
        return 0 < self.share < 1

    def of(self, name: str) -> tuple[int, int] | None:
        """Return two counts of this look for one event: the candidate's count and production's.

        `name` is the name of the event, or "requests" for the numbers of requests. The result is
        None if `counts` has no such name.
        """
        return next(((c, p) for known, c, p in self.counts if known == name), None)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Traffic:
    """Counts of requests and events in traffic that is divided between two models.

    The models are called the candidate and production. Counts are grouped by look. A look is a
    period in which the candidate's share of the traffic did not change. Start with ``Traffic()``
    and `add` one look after another, or count the rows of a log with `from_log`. Objects are
    immutable: methods return a new `Traffic`. Two objects are equal if they have the same looks, in
    any order.

    Parameters
    ----------
    looks : sequence of Look
        The looks. Use `add` to create them.
    unit : str, optional
        Name of the log's column of units, such as users, if `from_log` counted units instead of
        requests.
    stage_starts : sequence of Traffic or None
        `Rollout` sets it for the gate `Canary`; other code does not use it. For each stage with a
        share below 1, it has the sums of all traffic before the stage, or None if the stage has not
        begun.

    Examples
    --------
    >>> traffic = Traffic().add(
    ...     candidate={"requests": 1_000, "errors": 21},
    ...     production={"requests": 9_000, "errors": 160},
    ...     share=0.1,
    ...     look="10:05",
    ... )
    >>> traffic
    Traffic(1 look, requests: 1,000 of 10,000, events: errors)
    """

    looks: tuple[Look, ...] = ()
    unit: str | None = None
    stage_starts: tuple["Traffic | None", ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """Names of all events that were counted in at least one look (period), such as "errors"."""
        names = {name: None for look in self.looks for name, *_ in look.counts}
        return tuple(name for name in names if name != REQUESTS)

    @property
    def left_out(self) -> int:
        """Number of rows of the log that `from_log` left out; 0 if it counted requests.

        A unit, such as a user, counts for the model of its first row. Rows of the unit with the
        other model are left out. Rows in which an event, such as an error, happened are also left
        out if the candidate's share of the traffic has changed since the unit's first row.
        """
        return sum(look.left_out for look in self.looks)

    def add(
        self,
        *,
        candidate: Mapping[str, int],
        production: Mapping[str, int],
        share: float,
        look: str | None = None,
    ) -> "Self":
        """Return a copy with the counts of one more look.

        A look is a period in which the candidate's share of the traffic did not change.

        Parameters
        ----------
        candidate, production : mapping of str to int
            Counts of each model in this look alone: the number of ``"requests"``, and the number of
            each event. Both models must have the same events. Count an event at most once per
            request.
        share : float
            Probability that a request was routed to the candidate in this look.
        look : str, optional
            Name of the look, such as its time. If a look of this name was added before, it is not
            counted again. By default the look has no name, and is always counted.

        Returns
        -------
        Traffic

        Raises
        ------
        EvidenceError
            If a count is not a whole number of at least 0, there are more events than requests,
            only one of the models has an event, the share is not from 0 to 1, or a look of the same
            name was added before with other counts or another share.
        """
        joined = _joined(self.looks, [_look(candidate, production, share, look)])
        return replace(self, looks=joined)

    def merge(self, other: "Traffic") -> "Self":
        """Return a `Traffic` with the looks of both objects.

        A look is a period in which the candidate's share of the traffic did not change. A look that
        has the same name in both objects is counted once. Looks without a name are always different
        looks. The order does not matter: ``a.merge(b) == b.merge(a)``. If units such as users were
        counted, no unit may occur in both objects.

        Raises
        ------
        EvidenceError
            If a look of the same name has different counts in the two objects, or a different share
            of the traffic for the candidate. If one object counts requests and the other units, or
            if they count different units.
        """
        given: object = other
        if not isinstance(given, Traffic):
            raise EvidenceError(
                f"Traffic.merge: `other` must be a Traffic, got {type(given).__name__}"
            )
        if self.looks and other.looks and self.unit != other.unit:
            counted = [f"values of `{t.unit}`" if t.unit else REQUESTS for t in (self, other)]
            msg = f"traffic that counts {counted[0]} can't be merged with traffic that counts "
            msg += counted[1]
            raise EvidenceError(msg)
        unit = self.unit if self.looks else other.unit
        return replace(self, looks=_joined(self.looks, other.looks), unit=unit)

    @classmethod
    def from_log(
        cls,
        log: object,
        *,
        arm: str,
        candidate: object,
        production: object,
        share: float | str,
        events: Mapping[str, str],
        unit: str | None = None,
        look: str | None = None,
    ) -> "Self":
        """Count requests and events in a log with one row per request, in order of time.

        Parameters
        ----------
        log : table
            Any table that ``data=`` of a run takes.
        arm : str
            Name of the column that says which model got the request.
        candidate, production : str, int or bool
            The values of this column for the two models. Rows with another value, or a missing
            value, are not counted.
        share : float or str
            Probability that a request was routed to the candidate, or the name of the column that
            contains it.
        events : mapping of str to str
            For each event, the name of a column of bools, or a condition such as ``"latency >
            0.25"``, in the language of :doc:`/reference/conditions`.
        unit : str, optional
            Name of the column of the units that are assigned to a model, such as users. Units are
            then counted instead of requests. A unit is counted once, in the look (see `look`) of
            its first row. An event is counted once per unit, in the look in which it first happened
            to the unit. The log must begin at the start of the rollout.
        look : str, optional
            Name of the column that contains the name of each row's look, such as the hour. A look
            is a period in which the share did not change. By default, all rows with the same share
            are one look without a name.

        Returns
        -------
        Traffic

        Raises
        ------
        EvidenceError
            If the log is not a table, or lacks a column. If, in a row of one of the models, the
            share, look or unit is missing, or it is not known whether an event happened. If the
            share changes within a look. If one of the values `candidate` and `production` is in no
            row, but there is a third value in the column, so the value is probably misspelt.
        OptionError
            If a name or a condition is invalid.

        Notes
        -----
        A unit is counted for the model of its first row. Its rows with the other model are left
        out. Its events at another share than that of its first row are also left out, because a
        change of the share moves units from one model to the other. `Canary` reports how many rows
        were left out.

        Examples
        --------
        >>> log = {"variant": ["v1", "v2", "v1", "v1"], "failed": [False, True, False, True]}
        >>> Traffic.from_log(
        ...     log,
        ...     arm="variant",
        ...     candidate="v2",
        ...     production="v1",
        ...     share=0.25,
        ...     events={"errors": "failed"},
        ... ).looks[0].counts
        (('requests', 1, 3), ('errors', 1, 1))
        """
        from mlgates.deploy.traffic_log import count_log

        counted = count_log(
            log,
            arm=arm,
            arms=(candidate, production),
            share=share,
            events=events,
            unit=unit,
            look=look,
        )
        looks = []
        for identity, rho, counts, left_out in counted:
            arms = [dict(zip((REQUESTS, *events), column, strict=True)) for column in counts]
            made = _look(arms[0], arms[1], rho, identity, summed=unit is not None)
            looks.append(replace(made, left_out=left_out))
        return cls(_joined((), looks), unit)

    def summed(self) -> "Self":
        """Return a copy in which all looks with the same share are added up to one look.

        A look is a period in which the candidate's share of the traffic did not change. The looks
        of the copy have no names.
        """
        sums: dict[float, dict[str, tuple[int, int]]] = {}
        for look in self.looks:
            known = sums.setdefault(look.share, {})
            for name, *counts in look.counts:
                before = known.get(name, (0, 0))
                known[name] = before[0] + counts[0], before[1] + counts[1]
        looks = [
            Look(share, tuple((name, *pair) for name, pair in known.items()))
            for share, known in sorted(sums.items())
        ]
        return replace(self, looks=tuple(looks), stage_starts=())

    def to_dict(self) -> dict[str, object]:
        """Return the counts of all looks in JSON form: dicts, lists, strings and numbers.

        A look is a period in which the candidate's share of the traffic did not change.
        """
        looks = []
        for look in self.looks:
            arms = [{row[0]: row[place] for row in look.counts} for place in (1, 2)]
            looks.append(
                {
                    "look": look.identity,
                    "share": look.share,
                    **dict(zip(_ARMS, arms, strict=True)),
                    "left_out": look.left_out,
                }
            )
        return {"format": FORMAT, "version": VERSION, "unit": self.unit, "looks": looks}

    @classmethod
    def from_dict(cls, data: object) -> "Self":
        """Create a `Traffic` from the values that `to_dict` returned, checked as in `add`.

        Raises
        ------
        EvidenceError
            If the values have another format or version, or impossible counts.
        """
        given = jsonfile.versioned(data, "traffic", FORMAT, VERSION)
        given = fields(
            given, frozenset({"format", "version", "looks"}), "traffic", frozenset({"unit"})
        )
        unit = given.get("unit")
        unit = None if unit is None else jsonfile.text(unit, "unit")
        looks = []
        for index, item in enumerate(items(given["looks"], "looks")):
            place, optional = f"looks[{index}]", frozenset({"look", "left_out"})
            row = fields(item, _LOOK - optional, place, optional)
            try:
                looks.append(_read_look(row, summed=unit is not None))
            except EvidenceError as error:
                raise EvidenceError(f"{place}: {error}") from None
        if unit is not None:
            _check_sums(looks)
        return cls(_joined((), looks), unit)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the traffic to a JSON file; readers see either the old or the complete new content.

        Raises
        ------
        OSError
            If the file can't be written; an existing file is then unchanged.
        """
        jsonfile.write_atomic(path, jsonfile.dumps(self.to_dict()) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Self":
        """Read a `Traffic` from a file that `save` wrote.

        Raises
        ------
        EvidenceError
            If the file does not exist, is larger than 64 MiB, is not strict JSON, or has another
            format, another version or impossible counts.
        """
        return jsonfile.load(path, cls.from_dict, max_bytes=MAX_BYTES)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traffic):
            return NotImplemented
        return self.unit == other.unit and Counter(self.looks) == Counter(other.looks)

    def __hash__(self) -> int:
        return hash((self.unit, frozenset(Counter(self.looks).items())))

    def __repr__(self) -> str:
        counts = [look.of(REQUESTS) or (0, 0) for look in self.looks]
        first, whole = sum(c for c, _ in counts), sum(map(sum, counts))
        looks = f"{number_of(len(self.looks), 'look')}"
        noun = "units" if self.unit else REQUESTS
        shown = f"{looks}, {noun}: {first:,} of {whole:,}, events: {', '.join(self.events)}"
        return f"Traffic({shown if self.looks else 'no looks'})"


def _read_look(row: Mapping[str, object], *, summed: bool) -> Look:
    """Read a `Look` from JSON values; `summed` is as in `_look`."""
    arms = [
        {
            name: jsonfile.number(count, f"{arm}[{name!r}]")
            for name, count in mapping(row[arm], arm).items()
        }
        for arm in _ARMS
    ]
    share, identity = jsonfile.number(row["share"], "share"), row.get("look")
    left_out = jsonfile.whole(row.get("left_out", 0), "left_out")
    return replace(_look(arms[0], arms[1], share, identity, summed=summed), left_out=left_out)


def _joined(looks: tuple[Look, ...], more: Iterable[Look]) -> tuple[Look, ...]:
    """Return all given looks, sorted by name, with one look for each name.

    A look has the counts of a period in which the candidate's share of the traffic did not change.
    EvidenceError is raised if two looks with the same name have different counts or shares.
    """
    known = {look.identity: look for look in looks if look.identity is not None}
    joined = list(looks)
    for look in more:
        before = look if look.identity is None else known.setdefault(look.identity, look)
        if before is look:
            # Looks without a name come first, in the order in which they were added.
            insort(joined, look, key=_place)
        elif before != look:
            raise _changed(before, look)
    return tuple(joined)


def _look(
    candidate: object, production: object, share: object, identity: object, *, summed: bool = False
) -> Look:
    """Return a `Look` with the given counts; raise EvidenceError if they are invalid.

    `identity` is the name of the look. With ``summed=True``, the look may have more events than
    requests, because the requests may have been counted in an earlier look.
    """
    owner = "Traffic"
    arms: list[dict[str, int]] = []
    try:
        for arm, given in zip(_ARMS, (candidate, production), strict=True):
            if not isinstance(given, Mapping) or REQUESTS not in given:
                allowed = "a mapping with the count of 'requests' and the count of each event"
                raise options.refuse(owner, arm, allowed, given)
            counts = {}
            for name, value in given.items():
                if not isinstance(name, str) or not name.strip():
                    allowed = "a mapping with non-empty strings as names of events"
                    raise options.refuse(owner, arm, allowed, given)
                counts[name] = options.count(owner, f"{arm}['{name}']", value)
                if counts[name] > _MOST:
                    allowed = f"at most {_MOST:,}"
                    raise options.refuse(owner, f"{arm}['{name}']", allowed, value)
            arms.append(counts)
        plain = float(options.share(owner, "share", share))
        if identity is not None:
            identity = options.text(owner, "look", identity)
            if len(identity) > _LONGEST:
                raise options.refuse(owner, "look", f"of at most {_LONGEST} characters", identity)
    except OptionError as error:  # counts are an input, not an option
        raise EvidenceError(str(error)) from None
    alone = sorted(arms[0].keys() ^ arms[1].keys())
    if alone:
        arm, other = _ARMS if alone[0] in arms[0] else _ARMS[::-1]
        msg = f"Traffic: event `{alone[0]}` has a count for {arm} and none for {other}"
        msg += "; give the count 0 if it did not happen"
        raise EvidenceError(msg)
    for name in () if summed else arms[0]:
        for arm, counts in zip(_ARMS, arms, strict=True):
            if counts[name] > counts[REQUESTS]:
                raise _too_many(name, arm, counts[name], counts[REQUESTS])
    names = [REQUESTS, *sorted(arms[0].keys() - {REQUESTS})]
    rows = tuple((name, *(counts[name] for counts in arms)) for name in names)
    return Look(plain, rows, identity)  # type: ignore[arg-type]


def _check_sums(looks: list[Look]) -> None:
    """Raise EvidenceError if an event has more counts than requests, in all looks together.

    A look has the counts of a period in which the candidate's share of the traffic did not change.
    """
    sums: dict[str, list[int]] = {}
    for look in looks:
        for name, *counts in look.counts:
            sums[name] = [a + b for a, b in zip(sums.get(name, [0, 0]), counts, strict=True)]
    for name, counts in sums.items():
        for arm, counted, units in zip(_ARMS, counts, sums[REQUESTS], strict=True):
            if counted > units:
                raise _too_many(name, arm, counted, units)


def _too_many(event: str, arm: str, counted: int, requests: int) -> EvidenceError:
    msg = f"Traffic: `{event}` of the {arm} was counted {counted:,} times in {requests:,} requests"
    return EvidenceError(f"{msg}; count an event once per request")


def _changed(before: Look, look: Look) -> EvidenceError:
    """Return an error for two looks that have the same name but different counts or shares.

    The message has the first difference.
    """
    said = f"Traffic: look {look.identity!r} was added before with"
    if before.share != look.share:
        return EvidenceError(f"{said} a candidate share of {before.share:g}, got {look.share:g}")
    for name in dict.fromkeys(row[0] for row in (*before.counts, *look.counts)):
        pairs = before.of(name), look.of(name)
        if pairs[0] != pairs[1]:
            shown = [
                "no counts" if p is None else f"{p[0]:,} (candidate) and {p[1]:,} (production)"
                for p in pairs
            ]
            said += f" other counts: `{name}` had {shown[0]}, got {shown[1]}"
            return EvidenceError(f"{said}; add a look once, with the counts since the last look")
    return EvidenceError(f"{said} {before.left_out:,} rows left out, got {look.left_out:,}")


def _place(look: Look) -> list[tuple[bool, int, str]]:
    """Return a key that sorts looks by name; "look 9" comes before "look 10"."""
    parts = _DIGITS.split(look.identity or "")
    return [(bool(i % 2), int(p) if i % 2 else 0, p) for i, p in enumerate(parts)]
