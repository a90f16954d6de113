"""`Rollout`: decide in stages how much traffic a new model (the candidate) gets."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
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
#: Details of checks that are stored in the record of a rollout.
_KEPT = ("e_worse", "e_worse_stages", "e_not_worse", "counts", "requests")

Action = Literal["advance", "hold", "roll_back", "done"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """The state of a rollout between two steps; `Rollout.start` and `Rollout.step` return it.

    Parameters
    ----------
    candidate, production : str
        Names of the new version, and of the version that gets all traffic after a roll-back.
    stages : tuple of float
        The candidate's shares of the traffic in the stages, from 0 to 1.
    stage : int
        Position of the current stage in `stages`, counted from 0.
    began, at : datetime
        Time when the current stage began, and time of the last step.
    ended : {"roll_back", "done"}, optional
        The action that ended the rollout. None if it has not ended.
    starts : tuple of Traffic
        For each stage that has begun, the sums of all traffic before it.
    record : tuple of mappings
        One mapping per step: time, stage, share, action, verdict, reason, what was measured, and
        the version in production before and after.
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
        """Name of the version in production.

        It is `candidate` if the rollout ended with "done", and else `production`.
        """
        return self.candidate if self.ended == "done" else self.production

    def to_dict(self) -> dict[str, object]:
        """Return the state of the rollout as plain values, for JSON."""
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
        """Create the state of a rollout from the values that `to_dict` returned.

        Raises
        ------
        EvidenceError
            If the values have another format or version, or describe an impossible state.
        """
        given = jsonfile.versioned(data, "rollout", FORMAT, VERSION)
        names = frozenset({"format", "version", *(each.name for each in fields(cls))})
        given = jsonfile.fields(given, names, "rollout")
        stages = tuple(_share(share) for share in items(given["stages"], "stages"))
        stage, starts = whole(given["stage"], "stage"), items(given["starts"], "starts")
        ended = given["ended"]
        if not stage < len(stages) or len(starts) != stage + 1:
            raise EvidenceError(
                f"`stage` must be from 0 to {len(stages) - 1}, and `starts` must have `stage` + 1 "
                f"items, got `stage` {stage} and `starts` with {len(starts)} "
                f"item{'' if len(starts) == 1 else 's'}"
            )
        if ended is not None and ended not in ("roll_back", "done"):
            raise EvidenceError(f"`ended` must be null, 'roll_back' or 'done', got {ended!r}")
        record = [_entry(jsonfile.unquoted(item)) for item in items(given["record"], "record")]
        if ended is not None and (not record or record[-1]["action"] != ended):
            raise EvidenceError(f"`ended` must be the last action in `record`, got {ended!r}")
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
        """Write the state to a JSON file.

        Readers see either the old or the complete new content. An existing file is replaced only if
        it has an earlier state of the same rollout, or the state of another rollout that has ended.
        So if two processes call `Rollout.step` with the same state, only the first can save its
        result. The folder is locked during the call, except on Windows.

        Raises
        ------
        EvidenceError
            If the existing file has a step that this state lacks, has the state of another rollout
            that has not ended, or is not a valid state.
        OSError
            If the file can't be written; an existing file is then unchanged.
        """
        with jsonfile.locked_folder(path):
            if Path(path).exists():
                self._check_follows(type(self).load(path), path)
            jsonfile.write_atomic(path, jsonfile.dumps(self.to_dict()) + "\n")

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML page with the history of the rollout.

        It shows the candidate's share of the traffic over time, and the action and the reason of
        each step. The page loads no other files and has no scripts. It shows the latest 400 steps.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        from mlgates.render.rollouts import to_html

        page = to_html(self.candidate, self.production, self.stages, self.ended, self.record)
        jsonfile.write_atomic(path, page)

    def _check_follows(self, found: "RolloutState", path: str | os.PathLike[str]) -> None:
        """Raise EvidenceError if this state does not follow the state `found` in the file."""
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
        raise EvidenceError(
            f"{os.fspath(path)}: the file has {what}: candidate {found.candidate!r}, last step at "
            f"{found.at.isoformat()}; load it and call `step` again, or use another file"
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Self":
        """Read the state of a rollout from a file that `save` wrote.

        Raises
        ------
        EvidenceError
            If the file does not exist, is not strict JSON, has another format or version, or
            describes an impossible state.
        """
        return jsonfile.load(path, cls.from_dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """The decision of `Rollout.step`: what to do now, and why.

    Parameters
    ----------
    action : {"advance", "hold", "roll_back", "done"}
        What to do with the candidate. "advance": give it the next share of the traffic. "hold":
        keep its share. "roll_back": give all traffic to the production version. "done": make it the
        production version.
    reason : str
        Why, as a sentence.
    state : RolloutState
        The state to store, and to pass to the next call of `Rollout.step`.
    report : Report or None
        The report of the suite. None if the rollout had already ended, because the suite is then
        not run.
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
    """Decide in stages how much traffic a new model gets, from the verdicts of a suite.

    The new model is called the candidate. This class only computes the decisions. Your code calls
    `step` regularly with the time and the traffic, routes the returned share of requests to the
    candidate, and stores the returned state.

    Parameters
    ----------
    suite : GateSuite
        The gates that decide. At least one must be a `Canary`. Advisory gates do not count.
    candidate : str
        Name of the new version.
    production : str
        Name of the version in production, which gets all traffic after a roll-back.
    stages : sequence of float
        Shares of the traffic that the candidate gets in each stage, in ascending order. By default
        1 %, 5 %, 25 % and 100 %.
    min_requests : int
        Smallest number of requests that the candidate must get in a stage before the stage can end,
        by default 1,000. Requests that were routed with the share of an earlier stage do not count,
        even if they are added to the traffic later.
    min_time : str, timedelta or float
        Shortest time of a stage, by default "10min". A number is in seconds.
    max_time : str, timedelta or float
        Longest time of a stage, by default "24h". `at_deadline` is the action if the stage has not
        ended by then.
    at_deadline : {"roll_back", "hold"}
        The action if a stage has lasted `max_time` and has not ended. The default is "roll_back".
        It does not apply to FAIL and ERROR: after a FAIL there is always a roll-back, and after an
        ERROR there is one as soon as `max_time` is over.
    advance_on : {"pass", "not_fail"}
        The verdicts with which a stage can end, after `min_requests` and `min_time`. "pass" (the
        default): only PASS. "not_fail": PASS and INCONCLUSIVE. This is for early stages, which have
        too few requests for a PASS. In the last stage with a share below 1, only a PASS is enough.

    Notes
    -----
    In a stage with a share below 1, the verdict of the suite determines the action:

    - FAIL: ``"roll_back"``.
    - ERROR: ``"hold"`` until the stage has lasted `max_time`, then ``"roll_back"``.
    - A verdict with which the stage can end (see `advance_on`): ``"advance"`` as soon as the stage
      has `min_requests` and `min_time`; in the last stage ``"done"``.
    - Otherwise ``"hold"`` until the stage has lasted `max_time`, then the action `at_deadline`.

    In a stage with a share of 1, no requests are left to compare with. So the next step is
    ``"done"`` at once, except for FAIL and ERROR, for which the action is as above. After
    ``"roll_back"`` and ``"done"``, the state does not change.

    In each step, the suite judges the traffic of the whole rollout, not only that of the current
    stage. An e-value measures the evidence that the candidate is worse. `Canary` computes an
    e-value from the traffic since the start of each stage, and uses their mean. A mean of e-values
    is a valid e-value. It detects a problem that begins in a late stage sooner than a single
    e-value from all traffic.

    With a share of 1 %, a PASS needs 200,000 requests of both models together (median) if 2 % of
    requests are errors, and 680,000 if 0.5 % are. So begin with a larger share, or use
    ``advance_on="not_fail"``.

    Drift of the data is not a reason to roll back, so leave `Drift` out of the suite.

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
    production: str = field(kw_only=True)
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
        options.text(_OWNER, "production", self.production)
        if self.candidate == self.production:
            allowed = "another version than `production`"
            raise options.refuse(_OWNER, "candidate", allowed, self.candidate)
        listed: object = self.stages
        allowed = "a list of shares in ascending order, above 0 and at most 1, the first below 1"
        if isinstance(listed, str | Mapping) or not isinstance(listed, Iterable):
            raise options.refuse(_OWNER, "stages", allowed, listed)
        stages = tuple(options.share(_OWNER, "stages", share) for share in listed)
        if not stages or not 0 < stages[0] < 1 or list(stages) != sorted(set(stages)):
            raise options.refuse(_OWNER, "stages", allowed, stages)
        object.__setattr__(self, "stages", stages)
        # If no request were needed, one look at the traffic could end all stages.
        options.count(_OWNER, "min_requests", self.min_requests, at_least=1)
        options.duration(_OWNER, "min_time", self.min_time, zero=True)
        options.duration(_OWNER, "max_time", self.max_time)
        if seconds(self.min_time) > seconds(self.max_time):
            allowed = f"at most `max_time`, which is {self.max_time!r}"
            raise options.refuse(_OWNER, "min_time", allowed, self.min_time)
        options.choice(_OWNER, "at_deadline", self.at_deadline, ("roll_back", "hold"))
        options.choice(_OWNER, "advance_on", self.advance_on, ("pass", "not_fail"))

    def start(self, *, now: datetime) -> RolloutState:
        """Return the state at the start of the first stage.

        Parameters
        ----------
        now : datetime
            The present time, with a time zone.

        Raises
        ------
        EvidenceError
            If `now` has no time zone.
        """
        at = options.in_utc(f"{_OWNER}: `now`", now, EvidenceError)
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
        """Run the suite on the traffic, and return what to do now.

        The same arguments always give the same decision. Store the `state` of the result before you
        change the routing, so that your program can continue from it after a restart.

        Parameters
        ----------
        state : RolloutState
            The state that `start`, or the last call of `step`, returned.
        traffic : Traffic
            The counts of both models since the rollout began: all looks, not only the new ones. A
            look is a period in which the candidate's share of the traffic did not change.
        now : datetime
            The present time, with a time zone.
        **evidence
            Other inputs that gates of the suite need, by name.

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

        EvidenceError is raised for a value of a wrong type, a state of another rollout, and a time
        before that of the last step.
        """
        at = options.in_utc(f"{_OWNER}: `now`", now, EvidenceError)
        if not isinstance(state, RolloutState):
            got = type(state).__name__
            raise EvidenceError(
                f"{_OWNER}: `state` must be a RolloutState that `start` or `step` returned, got "
                f"{got}"
            )
        if not isinstance(traffic, Traffic):
            raise EvidenceError(
                f"{_OWNER}: `traffic` must be a Traffic, got {type(traffic).__name__}"
            )
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
        """Return the action at the time `at`, and the reason as a sentence."""
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
        # Requests of an earlier stage that are added late do not count for this stage.
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
    """Return the candidate's number of requests in looks with a share above `above` and below 1.

    A look is a period in which the candidate's share of the traffic did not change.
    """
    looks = [look for look in traffic.looks if look.is_comparison and look.share > above]
    return sum((look.of(REQUESTS) or (0, 0))[0] for look in looks)


def _measured(report: Report) -> list[dict[str, object]]:
    """Return for each check of a report what it measured, as a dict for `RolloutState.record`."""
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


def _entry(value: object) -> Details:
    """Check an entry of `RolloutState.record`, and return it.

    EvidenceError is raised if the entry is invalid.
    """
    entry = mapping(value, "record")
    whole(entry.get("stage"), "record.stage")
    _share(entry.get("share"))
    _moment(entry.get("at"), "record.at")
    text(entry.get("reason"), "record.reason")
    for check in items(entry.get("checks"), "record.checks"):
        mapping(check, "record.checks")
    for name, allowed in (("action", _ACTIONS), ("verdict", tuple(map(str, Verdict)))):
        if entry.get(name) not in allowed:
            got = entry.get(name)
            listed = ", ".join(map(repr, allowed))
            raise EvidenceError(f"`record.{name}` must be one of {listed}, got {got!r}")
    try:
        return Details(entry)
    except TypeError as error:
        raise EvidenceError(f"`record`: {error}") from None


def _moment(value: object, name: str) -> datetime:
    try:
        return options.in_utc(f"`{name}`", datetime.fromisoformat(text(value, name)))
    except ValueError:
        raise EvidenceError(f"`{name}` must be a time with a time zone, got {value!r}") from None


def _share(value: object) -> float:
    try:
        return options.share("rollout", "stages", jsonfile.number(value, "share"))
    except OptionError as error:
        raise EvidenceError(str(error)) from None
