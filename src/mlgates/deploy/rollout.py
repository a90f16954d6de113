"""`Rollout`: decide stage by stage how much traffic a candidate gets."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

from mlgates import jsonfile, options
from mlgates.deploy.traffic import REQUESTS, Traffic
from mlgates.errors import EvidenceError, OptionError
from mlgates.jsonfile import items, mapping, text, whole
from mlgates.options import Duration, seconds
from mlgates.report import Report
from mlgates.suite import GateSuite
from mlgates.verdict import Details, Verdict, format_number

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Rollout", "RolloutState", "RolloutStep"]

FORMAT = "mlgates.rollout"
VERSION = 1
_OWNER = "Rollout"
_ACTIONS = ("advance", "hold", "roll_back", "done")
#: details of checks that the record keeps
_KEPT = ("e_worse", "e_worse_stages", "e_not_worse", "counts", "requests")

Action = Literal["advance", "hold", "roll_back", "done"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """The state of a rollout between two steps, as `Rollout.start` and `Rollout.step` return it.

    Parameters
    ----------
    candidate, production : str
        The new version, and the version that a roll-back returns to.
    stages : tuple of float
        The shares of the rollout.
    stage : int
        Position of the current stage in `stages`, from 0.
    began, at : datetime
        Time when the current stage began, and time of the last step.
    ended : {"roll_back", "done"}, optional
        The last action, after which nothing changes any more.
    starts : tuple of Traffic
        For each stage that began, the sums of all traffic before it.
    record : tuple of mappings
        What happened at each step: time, stage, share, action, verdict, reason, what was measured,
        and the version in production before and after.
    """

    candidate: str
    production: str
    stages: tuple[float, ...]
    stage: int
    began: datetime
    at: datetime
    ended: str | None = None
    starts: tuple[Traffic, ...] = ()
    record: tuple[Mapping[str, object], ...] = field(default=(), hash=False)

    @property
    def share(self) -> float:
        """The share of the traffic that the candidate should get now."""
        return 0.0 if self.ended == "roll_back" else self.stages[self.stage]

    @property
    def in_production(self) -> str:
        """The version in production: the candidate after the rollout ended with "done"."""
        return self.candidate if self.ended == "done" else self.production

    def to_dict(self) -> dict[str, object]:
        """Return the state as plain values, for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "candidate": self.candidate,
            "production": self.production,
            "stages": list(self.stages),
            "stage": self.stage,
            "began": self.began.isoformat(),
            "at": self.at.isoformat(),
            "ended": self.ended,
            "starts": [start.to_dict() for start in self.starts],
            "record": jsonfile.plain(self.record, quote=True),
        }

    @classmethod
    def from_dict(cls, data: object) -> "Self":
        """Return the state from the values that `to_dict` returned.

        Raises
        ------
        EvidenceError
            For another format or version, and for an impossible state.
        """
        given = jsonfile.versioned(data, "rollout", FORMAT, VERSION)
        names = frozenset({"format", "version", *(each.name for each in fields(cls))})
        given = jsonfile.fields(given, names, "rollout")
        stages = tuple(_share(share) for share in items(given["stages"], "stages"))
        stage, starts = whole(given["stage"], "stage"), items(given["starts"], "starts")
        ended = given["ended"]
        if not stage < len(stages) or len(starts) != stage + 1:
            msg = (
                f"`stage` must be from 0 to {len(stages) - 1} with one item in `starts` for each "
                f"stage up to it, got {stage} and {len(starts)} items"
            )
            raise EvidenceError(msg)
        if ended is not None and ended not in ("roll_back", "done"):
            msg = f"`ended` must be null, 'roll_back' or 'done', got {ended!r}"
            raise EvidenceError(msg)
        record = [_entry(jsonfile.unquoted(item)) for item in items(given["record"], "record")]
        if ended is not None and (not record or record[-1]["action"] != ended):
            msg = f"`ended` is {ended!r}, but that is not the last action in `record`"
            raise EvidenceError(msg)
        return cls(
            candidate=text(given["candidate"], "candidate"),
            production=text(given["production"], "production"),
            stages=stages,
            stage=stage,
            began=_moment(given["began"], "began"),
            at=_moment(given["at"], "at"),
            ended=ended,
            starts=tuple(map(Traffic.from_dict, starts)),
            record=tuple(record),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a JSON file; readers see the old file or the whole new one.

        A file that exists is only replaced if it has an earlier state of the same rollout, or
        the state of another rollout that has ended. So if two processes take a step from the same
        state, only the first can save its answer. The folder is locked during the call, except on
        Windows.

        Raises
        ------
        EvidenceError
            If the file has a step that this state does not have, the state of another rollout that
            has not ended, or no valid state.
        OSError
            If the file can't be written; an existing file is then unchanged.
        """
        with jsonfile.locked_folder(path):
            if Path(path).exists():
                self._check_follows(type(self).load(path), path)
            jsonfile.write_atomic(path, jsonfile.dumps(self.to_dict()) + "\n")

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page with the share over time, and the action and reason of each step.

        The page loads nothing else and has no scripts. It shows the latest 400 steps.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        from mlgates.render.rollouts import to_html

        page = to_html(self.candidate, self.production, self.stages, self.ended, self.record)
        jsonfile.write_atomic(path, page)

    def _check_follows(self, found: "RolloutState", path: str | os.PathLike[str]) -> None:
        """Raise EvidenceError if saving this state would lose the state `found` in the file."""
        same = all(
            getattr(self, name) == getattr(found, name)
            for name in ("candidate", "production", "stages")
        )
        if found.ended and not (same and self.record):
            return
        if same and jsonfile.plain(self.record[: len(found.record)]) == jsonfile.plain(
            found.record
        ):
            return
        what = "a step that this state does not have" if same else "another rollout"
        msg = (
            f"{os.fspath(path)}: the file has {what}: candidate {found.candidate!r}, last step at "
            f"{found.at.isoformat()}; load it and take the step again, or use another file"
        )
        raise EvidenceError(msg)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Self":
        """Return the state that `save` wrote.

        Raises
        ------
        EvidenceError
            If the file does not exist, is not strict JSON, is of another format or version, or has
            an impossible state.
        """
        data = jsonfile.read(path)
        try:
            return cls.from_dict(data)
        except EvidenceError as error:
            msg = f"{os.fspath(path)}: {error}"
            raise EvidenceError(msg) from error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """The decision of one step of a rollout.

    Parameters
    ----------
    action : {"advance", "hold", "roll_back", "done"}
        What to do: give the candidate the next share, wait, take all traffic from it, or make it
        the production version.
    reason : str
        Why, in a sentence.
    state : RolloutState
        The state for the next step.
    report : Report or None
        The report of the suite; None after the end, when it is not run.
    """

    action: Action
    reason: str
    state: RolloutState
    report: Report | None

    @property
    def share(self) -> float:
        """The share of the traffic that the candidate should get now."""
        return self.state.share


@final
@dataclass(frozen=True, slots=True)
class Rollout(options.OptionsByName):
    """Decide stage by stage how much traffic a candidate gets, from the verdicts of a suite.

    The object only decides. Your code calls `step` with the time and the traffic, routes the share
    of requests that the answer names to the candidate, and stores the state.

    Parameters
    ----------
    suite : GateSuite
        The gates that decide; at least one is a `Canary`. Advisory gates don't count.
    candidate : str
        The new version.
    production : str
        The version in production, to go back to.
    stages : sequence of float
        Rising shares of the candidate.
    min_requests : int
        Requests of the candidate that each stage needs before it ends. Requests that were routed by
        the share of an earlier stage don't count, even if they are added to the traffic later.
    min_time : str, timedelta or float
        Shortest time of a stage, such as "10min"; a number is in seconds.
    max_time : str, timedelta or float
        Time that a stage may last; `at_deadline` says what follows if it has not ended by then.
    at_deadline : {"roll_back", "hold"}
        What to do when a stage has lasted `max_time` and has not ended. This option does not apply
        to a FAIL, which rolls back at any time, or an ERROR, which rolls back after `max_time`.
    advance_on : {"pass", "not_fail"}
        "pass": a stage ends with a PASS. "not_fail": a stage also ends with INCONCLUSIVE, when it
        has its `min_requests` and `min_time`. This is for early stages, which have too few requests
        for a PASS. The step to a share of 1, and the end of the last stage, always need a PASS.

    Notes
    -----
    FAIL rolls back at once. ERROR holds, and rolls back after `max_time`. PASS advances when the
    stage has its `min_requests` and `min_time`. Advancing to a share of 1 is also the action
    ``"advance"``; the next step is then ``"done"`` without waiting, unless the suite gives FAIL or
    ERROR. After ``"roll_back"`` and ``"done"`` nothing changes any more.

    Each step judges the traffic of the whole rollout, not only that of the current stage. For a
    roll-back, `Canary` computes an e-value (evidence that the candidate is worse) from the traffic
    since the start of each stage, and uses their mean. The mean is valid, because a mean of
    e-values is an e-value, and it finds harm that begins in a late stage sooner.

    A stage of 1 % needs a median of 200,000 requests for a PASS if 2 % of requests are errors, and
    680,000 if 0.5 % are. So begin with a larger share, or use ``advance_on="not_fail"``.

    Drift of the data alone is no reason to roll back, so leave `Drift` out of the suite.

    Examples
    --------
    >>> import mlgates as mg
    >>> from datetime import UTC, datetime, timedelta
    >>> suite = mg.GateSuite([mg.Canary("errors")])
    >>> rollout = Rollout(suite, candidate="v2", production="v1", stages=(0.1, 1.0))
    >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> state = rollout.start(now=now)
    >>> state.share
    0.1
    >>> traffic = mg.Traffic().add(
    ...     candidate={"requests": 10_000, "errors": 200},
    ...     production={"requests": 90_000, "errors": 1_800},
    ...     share=0.1,
    ... )
    >>> step = rollout.step(state, traffic=traffic, now=now + timedelta(minutes=30))
    >>> step.action, step.share
    ('advance', 1.0)
    """

    suite: GateSuite
    candidate: str = field(kw_only=True)
    production: str | None = field(kw_only=True, default=None)
    stages: Iterable[float] = field(kw_only=True, default=(0.01, 0.05, 0.25, 1.0))
    min_requests: int = field(kw_only=True, default=1_000)
    min_time: Duration = field(kw_only=True, default="10min")
    max_time: Duration = field(kw_only=True, default="24h")
    at_deadline: Literal["roll_back", "hold"] = field(kw_only=True, default="roll_back")
    advance_on: Literal["pass", "not_fail"] = field(kw_only=True, default="pass")

    def __post_init__(self) -> None:
        given: object = self.suite
        if not isinstance(given, GateSuite):
            raise options.refuse(_OWNER, "suite", "a GateSuite", given)
        options.text(_OWNER, "candidate", self.candidate)
        if self.production is not None:
            options.text(_OWNER, "production", self.production)
        if self.candidate == self.production:
            allowed = "another version than `production`"
            raise options.refuse(_OWNER, "candidate", allowed, self.candidate)
        listed: object = self.stages
        allowed = "rising shares above 0 and up to 1, the first of them below 1"
        if isinstance(listed, str | Mapping) or not isinstance(listed, Iterable):
            raise options.refuse(_OWNER, "stages", allowed, listed)
        stages = tuple(options.share(_OWNER, "stages", share) for share in listed)
        if not stages or not 0 < stages[0] < 1 or list(stages) != sorted(set(stages)):
            raise options.refuse(_OWNER, "stages", allowed, stages)
        object.__setattr__(self, "stages", stages)
        # an advance without a new request would let one look end every stage
        options.count(_OWNER, "min_requests", self.min_requests, at_least=1)
        options.duration(_OWNER, "min_time", self.min_time, zero=True)
        options.duration(_OWNER, "max_time", self.max_time)
        if seconds(self.min_time) > seconds(self.max_time):
            raise options.refuse(_OWNER, "min_time", "at most `max_time`", self.min_time)
        options.choice(_OWNER, "at_deadline", self.at_deadline, ("roll_back", "hold"))
        options.choice(_OWNER, "advance_on", self.advance_on, ("pass", "not_fail"))

    def start(self, *, now: datetime) -> RolloutState:
        """Return the state of the first stage.

        Parameters
        ----------
        now : datetime
            The present time, with a time zone.

        Raises
        ------
        OptionError
            If `production` was not given: there would be no version to go back to.
        EvidenceError
            If `now` has no time zone.
        """
        if self.production is None:
            allowed = "the version that a roll-back returns to, before a rollout can start"
            raise options.refuse(_OWNER, "production", allowed, None)
        at = _aware(now)
        return RolloutState(
            candidate=self.candidate,
            production=self.production,
            stages=tuple(self.stages),
            stage=0,
            began=at,
            at=at,
            starts=(Traffic(),),
        )

    def step(
        self, state: RolloutState, *, traffic: Traffic, now: datetime, **evidence: Any
    ) -> RolloutStep:
        """Return what to do now.

        The same arguments always give the same decision. Store the `state` of the answer before you
        change the routing, so that your program can continue from it after a restart.

        Parameters
        ----------
        state : RolloutState
            The state of `start` or of the last step.
        traffic : Traffic
            The counts since the rollout began: one look (a stretch of time) after another, each
            with the share that it had.
        now : datetime
            The present time, with a time zone.
        **evidence
            Further evidence that gates of the suite need, by name.

        Returns
        -------
        RolloutStep

        Raises
        ------
        EvidenceError
            If `state` belongs to another rollout, `now` is earlier than the last step or has no
            time zone, or `traffic` is not a `Traffic`.
        """
        at = self._checked(state, traffic, now)
        if state.ended is not None:
            reason = f"the rollout ended at {state.at.isoformat()}: {state.record[-1]['reason']}"
            return RolloutStep(
                action=state.ended,  # type: ignore[arg-type]
                reason=reason,
                state=state,
                report=None,
            )
        comparing = sum(share < 1 for share in state.stages)
        starts = (*state.starts, *[None] * comparing)[:comparing]
        known = replace(traffic, stage_starts=starts)
        report = self.suite.run(**{**evidence, "traffic": known, "now": at})
        action, reason = self._decide(state, report, traffic, at)
        after = replace(state, at=at)
        if action == "advance":
            after = replace(
                after, stage=state.stage + 1, began=at, starts=(*state.starts, traffic.summed())
            )
        elif action in ("roll_back", "done"):
            after = replace(after, ended=action)
        entry = Details(
            {
                "at": at.isoformat(),
                "stage": state.stage,
                "share": state.share,
                "action": action,
                "verdict": str(report.verdict),
                "reason": reason,
                "production": state.production,
                "in_production": after.in_production,
                "checks": _measured(report),
            }
        )
        if not state.record or state.record[-1] != entry:
            after = replace(after, record=(*state.record, entry))
        return RolloutStep(action=action, reason=reason, state=after, report=report)

    def _checked(self, state: object, traffic: object, now: object) -> datetime:
        """Check the arguments of `step`, and return the time `now` in UTC.

        Raises EvidenceError for a value of a wrong type, a state of another rollout, and a time
        before that of the last step.
        """
        at = _aware(now)
        if not isinstance(state, RolloutState):
            got = type(state).__name__
            msg = (
                f"{_OWNER}: `state` must be a RolloutState that `start` or `step` returned, got "
                f"{got}"
            )
            raise EvidenceError(msg)
        if not isinstance(traffic, Traffic):
            msg = f"{_OWNER}: `traffic` must be a Traffic, got {type(traffic).__name__}"
            raise EvidenceError(msg)
        for name in ("candidate", "production", "stages"):
            ours, theirs = getattr(self, name), getattr(state, name)
            if ours != theirs:
                msg = f"{_OWNER}: `state` belongs to another rollout: its `{name}` is {theirs!r}, "
                msg += f"expected {ours!r}"
                raise EvidenceError(msg)
        if at < state.at:
            msg = f"{_OWNER}: `now` must not be earlier than the last step at "
            msg += f"{state.at.isoformat()}, got {at.isoformat()}"
            raise EvidenceError(msg)
        return at

    def _decide(
        self, state: RolloutState, report: Report, traffic: Traffic, at: datetime
    ) -> tuple[Action, str]:
        """Return what to do at the time `at`, and the reason as a sentence."""
        verdict, waited = report.verdict, (at - state.began).total_seconds()
        late = waited >= seconds(self.max_time)
        since = f"{format_number(waited, 's')} after the stage began"
        said = "; ".join(
            f"{result.name}: {result.reason}"
            for result in report
            if not result.advisory and result.verdict is verdict
        )
        if verdict is Verdict.FAIL:
            return "roll_back", said
        if verdict is Verdict.ERROR:
            return ("roll_back", f"{said}; {since}") if late else ("hold", said)
        last = state.stage == len(state.stages) - 1
        if state.share == 1:
            return "done", "all traffic goes to the candidate, and no gate failed"
        # a late look of an earlier stage shows nothing about the share of this one
        above = state.stages[state.stage - 1] if state.stage else 0.0
        new = _requests(traffic, above) - _requests(state.starts[-1], above)
        missing = []
        if new < self.min_requests:
            of = f"{new:,} requests of the candidate since the stage began"
            missing.append(f"{of}, at least {self.min_requests:,} are needed")
        if waited < seconds(self.min_time):
            missing.append(
                f"{since}, at least {format_number(seconds(self.min_time), 's')} is needed"
            )
        final = last or state.stages[state.stage + 1] == 1
        if verdict is not Verdict.PASS and (final or self.advance_on == "pass"):
            missing.append(said)
        if not missing:
            held = "all gates passed" if verdict is Verdict.PASS else "no gate failed"
            if last:
                return "done", f"{held} in the last stage"
            share = format_number(state.stages[state.stage + 1], "share")
            return "advance", f"{held}; the next share is {share}"
        reason = "; ".join(missing)
        if late:
            return self.at_deadline, f"{since}: {reason}"
        return "hold", reason


def _requests(traffic: Traffic, above: float) -> int:
    """Return the requests of the candidate in looks with a share above `above` and below 1.

    A look is a stretch of time with one share, as in `Traffic`.
    """
    looks = [look for look in traffic.looks if look.is_comparison and look.share > above]
    return sum((look.of(REQUESTS) or (0, 0))[0] for look in looks)


def _measured(report: Report) -> list[dict[str, object]]:
    """Return what each check of a report measured, as a dict for `RolloutState.record`."""
    return [
        {
            "gate": result.name,
            "subject": check.subject,
            "metric": check.metric,
            "group": check.group,
            "verdict": str(check.verdict),
            "value": check.value,
            "limit": None if check.limit is None else str(check.limit),
            **{name: check.details[name] for name in _KEPT if name in check.details},
        }
        for result in report
        for check in result.checks
    ]


def _aware(now: object) -> datetime:
    if not isinstance(now, datetime) or now.utcoffset() is None:
        msg = f"{_OWNER}: `now` must be a datetime with a time zone, got {options.shown(now)}"
        raise EvidenceError(msg)
    return now.astimezone(UTC)


def _entry(value: object) -> Details:
    """Return an entry of `RolloutState.record`; raise EvidenceError if it lacks something."""
    entry = mapping(value, "record")
    whole(entry.get("stage"), "record: stage")
    _share(entry.get("share"))
    _moment(entry.get("at"), "record: at")
    text(entry.get("reason"), "record: reason")
    for check in items(entry.get("checks"), "record: checks"):
        mapping(check, "record: checks")
    for name, allowed in (("action", _ACTIONS), ("verdict", tuple(map(str, Verdict)))):
        if entry.get(name) not in allowed:
            got = entry.get(name)
            msg = f"`record: {name}` must be one of {', '.join(allowed)}, got {got!r}"
            raise EvidenceError(msg)
    try:
        return Details(entry)
    except TypeError as error:
        msg = f"`record`: {error}"
        raise EvidenceError(msg) from None


def _moment(value: object, name: str) -> datetime:
    try:
        return _aware(datetime.fromisoformat(text(value, name)))
    except ValueError:
        msg = f"`{name}` must be a time with a time zone, got {value!r}"
        raise EvidenceError(msg) from None


def _share(value: object) -> float:
    try:
        return options.share("rollout", "stages", jsonfile.number(value))
    except OptionError as error:
        raise EvidenceError(str(error)) from None
