"""Render a `RolloutState` as HTML: the candidate's share over time, and each step."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlgates.printable import clean, number_of
from mlgates.render.figures import Point, Trend
from mlgates.render.html import filled
from mlgates.render.svg import draw
from mlgates.render.trends import written
from mlgates.verdict import Verdict, format_number

_STEPS = 400  # largest number of steps shown: the latest ones
_ENDS = {"roll_back": ("rolled back", Verdict.FAIL), "done": ("done", Verdict.PASS)}


def to_html(
    candidate: str,
    production: str,
    stages: Sequence[float],
    ended: str | None,
    record: Sequence[Mapping[str, Any]],
) -> str:
    """Return an HTML page with the candidate's share of the traffic over time, and all steps.

    Parameters
    ----------
    candidate, production : str
        Versions of the two models.
    stages : sequence of float
        The candidate's shares of the traffic in the rollout, from 0 to 1.
    ended : {"roll_back", "done"}, optional
        The action that ended the rollout; None if it has not ended.
    record : sequence of mappings
        The steps, as in `RolloutState`.
    """
    shown = record[-_STEPS:]
    times = written([datetime.fromisoformat(entry["at"]) for entry in shown])
    badge, verdict = _ENDS.get(ended or "", ("in progress", Verdict.INCONCLUSIVE))
    facts = [number_of(len(record), "step")]
    if times:
        facts.append(f"{times[0]} to {times[-1]} (UTC)")
    facts.append(f"stages {', '.join(format_number(share, 'share') for share in stages)}")
    steps = [
        {
            "at": at,
            "share": format_number(entry["share"], "share"),
            "action": entry["action"],
            "verdict": Verdict(entry["verdict"]),
            "measured": [text for check in entry["checks"] if (text := _measured(check))],
            "reason": clean(entry["reason"]),
        }
        for at, entry in zip(times, shown, strict=True)
    ]
    figure = _shares(times, stages, shown) if shown else None
    return filled(
        "rollout.html.j2",
        name=clean(f"{candidate}, in place of {production}"),
        badge=badge,
        verdict=verdict,
        page=True,
        facts=facts,
        pictures=[(figure, draw(figure))] if figure else [],
        steps=steps[::-1],
        hidden=len(record) - len(shown),
    )


def _shares(
    times: Sequence[str], stages: Sequence[float], record: Sequence[Mapping[str, Any]]
) -> Trend:
    """Return the figure of the candidate's share over time.

    `times` are the times of the steps in `record`, as strings. A step that changes the share has
    two points at its time: the share before it and the share after it.
    """
    points = []
    for at, entry in zip(times, record, strict=True):
        place, before, after = datetime.fromisoformat(entry["at"]).timestamp(), entry["share"], None
        if entry["action"] == "advance":
            after = min((share for share in stages if share > before), default=before)
        elif entry["action"] == "roll_back":
            after = 0.0
        points.append(Point(at, place, before))
        if after is not None:
            points.append(Point(at, place, after, beyond=entry["action"] == "roll_back"))
    changes = sum(entry["action"] != "hold" for entry in record)
    return Trend(
        title="share of the candidate",
        description=f"{number_of(len(record), 'step')}, {changes} of them not hold.",
        head=("time", "share", "action"),
        rows=[
            (at, format_number(entry["share"], "share"), entry["action"])
            for at, entry in zip(times, record, strict=True)
        ],
        unit="share",
        points=tuple(points),
    )


def _measured(check: Mapping[str, Any]) -> str:
    """Return what a check measured, as in ``"errors rate_ratio 1 (at most 1.5)"``; may be empty."""
    value = check.get("value")
    if not isinstance(value, int | float):
        return ""
    named = (str(check[key]) for key in ("subject", "group", "metric") if check.get(key))
    limit = check.get("limit")
    text = f"{' '.join(named)} {format_number(value)}"
    text += f" ({limit})" if limit else ""
    for key, label in (("e_worse_stages", "worse"), ("e_not_worse", "not worse")):
        if isinstance(found := check.get(key), float):
            text += f", e-value {label} {found:.3g}"
    return clean(text)
