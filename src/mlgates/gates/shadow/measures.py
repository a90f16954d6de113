"""Measure how the answers to requests differ: disagreement, errors, scores and latencies."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

from mlgates.gates._shared import rounded_up, rows_needed
from mlgates.gates.shadow.requests import Requests, same_answers
from mlgates.predictions.numbers import values_of
from mlgates.stats.arrays import Floats, Mask
from mlgates.stats.means import mean_interval
from mlgates.stats.proportions import tango_interval, wilson_interval
from mlgates.stats.quantiles import (
    dependence,
    least_calls,
    quantile,
    quantile_interval,
    ratio_interval,
)
from mlgates.verdict import Limit, Unit, format_number

Ends = tuple[float, float] | None
#: The quantile of the latencies, and of the absolute shifts of the scores.
_SHARE = Fraction(95, 100)


class Estimate(NamedTuple):
    """A measured value for one slice (subset) of the requests, and what its check needs.

    The reason of the check is made of the value, its interval and the strings `said`, `basis`,
    `sizes` and `more`, such as ``the error rate of the candidate minus that of production is 2 % (3
    % against 1 % in production; 95 % interval 0.4 % to 4 %, n = 500); 3 requests are left out``.

    Parameters
    ----------
    value : float or None
        The value; None if it is undefined.
    ends : callable
        ``ends(level)`` returns the interval of the value at a confidence level.
    needed : callable
        ``needed(limit, interval, level)`` returns how many requests would be enough to decide.
    n : int
        The number of requests from which the value was computed.
    said : (str, str)
        The words before and after the value: ``("`score` shifted by ", " on average")``.
    sizes : str
        The numbers of requests: ``"n = 500"``.
    method : str
        The name of the method of the interval.
    basis : str
        The numbers from which the value was computed: ``"3 % against 1 % in production; "``.
    more : str
        The end of the reason: ``"; 3 requests are left out"``.
    dropped : int
        The number of requests that were left out.
    insufficient : str
        Why no decision is possible, in words; "" if one is possible.
    details : mapping
        More numbers, for the report.
    unit : Unit
        The unit of the value.
    """

    value: float | None
    ends: Callable[[float], Ends]
    needed: Callable[[Limit, Ends, float], int | None]
    n: int
    said: tuple[str, str]
    sizes: str
    method: str
    basis: str = ""
    more: str = ""
    dropped: int = 0
    insufficient: str = ""
    details: Mapping[str, object] = {}
    unit: Unit = "share"


#: Takes a mask of requests, and a clause that names their slice.
MeasureSlice = Callable[[Mask, str], Estimate]


class Measure(NamedTuple):
    """A property of the answers that `Shadow` measures, such as the share of disagreements.

    `subject` is the column, `metric` the name of the property in the report, and `limit` the
    allowed values. ``prepare()`` reads the columns, and returns a function that measures the
    property in a slice (subset of the requests).
    """

    subject: str
    metric: str
    limit: Limit
    prepare: Callable[[], MeasureSlice]


def disagreement_of(requests: Requests, rtol: float, name: str) -> MeasureSlice:
    """Return a function that measures, in a slice, how often the models give different answers.

    It is the share of the requests to which candidate and production gave different answers. A
    request that only production answered counts as different. Requests that production did not
    answer are left out. `rtol` is the relative difference that two equal answers may have, if they
    are floats or decimals. `name` is the name of the column of answers, for messages.
    """
    same = same_answers(requests.candidate, requests.production, rtol)
    failed, unknown = requests.candidate.failed, requests.production.failed

    def measure(rows: Mask, where: str) -> Estimate:
        compared = rows & ~unknown
        n, other = int(np.count_nonzero(compared)), int(np.count_nonzero(compared & ~same))
        errors = int(np.count_nonzero(compared & failed))
        value = other / n if n else None
        said = "", f" of the answers in `{name}`{where} differ from those of production"
        are = "is an error" if errors == 1 else "are errors"
        more = f"; {errors:,} of these differences {are} of the candidate" if errors else ""
        dropped = int(np.count_nonzero(rows & unknown))
        if dropped:
            more += f"; {_left_out(dropped)}, because production has no answer"
        error = math.sqrt(value * (1 - value) / n) if value else None
        details = {"count": other, "errors": errors, "rtol": rtol}
        return Estimate(
            value,
            lambda level: _floats(wilson_interval(other, n, level)) if n else None,
            lambda limit, ends, level: _requests_needed(value, ends, limit, n, level, error=error),
            n,
            said,
            f"{other:,} of {n:,} requests",
            "Wilson",
            more=more,
            dropped=dropped,
            details=details,
        )

    return measure


def error_increase_of(requests: Requests) -> MeasureSlice:
    """Return a function that measures, in a slice, the difference of the two error rates.

    It is the error rate of the candidate minus that of production.
    """
    ours, theirs = requests.candidate.failed, requests.production.failed

    def measure(rows: Mask, where: str) -> Estimate:
        n = int(np.count_nonzero(rows))
        counts = [int(np.count_nonzero(mask & rows)) for mask in (ours, theirs)]
        gained = int(np.count_nonzero(ours & ~theirs & rows))
        lost = int(np.count_nonzero(theirs & ~ours & rows))
        value = (gained - lost) / n if n else None
        before = f"{where.strip()}, " if where else ""
        basis, error = "", None
        if n:
            here, there = (format_number(count / n, "share") for count in counts)
            basis = f"{here} against {there} in production; "
            error = math.sqrt(gained + lost - (gained - lost) ** 2 / n) / n
        return Estimate(
            value,
            lambda level: _floats(tango_interval(gained, lost, n, level)) if n else None,
            lambda limit, ends, level: _requests_needed(value, ends, limit, n, level, error=error),
            n,
            (f"{before}the error rate of the candidate minus that of production is ", ""),
            f"n = {n:,}",
            "Tango",
            basis,
            details={
                "errors": counts[0],
                "errors_production": counts[1],
                "b": gained,
                "c": lost,
            },
        )

    return measure


def score_shift_of(requests: Requests, name: str) -> MeasureSlice:
    """Return a function that measures, in a slice, the mean change of the score.

    The change is the candidate's score minus that of production. `name` is the name of the column
    of scores, for messages.

    Requests for which a model has no answer or no score are left out. EvidenceError is raised for
    scores that are infinite or not numbers.
    """
    scores = [
        values_of(side.columns["score"], missing=True)
        for side in (requests.candidate, requests.production)
    ]
    answered = ~(requests.candidate.failed | requests.production.failed)
    known = answered & ~np.isnan(scores[0]) & ~np.isnan(scores[1])

    def measure(rows: Mask, where: str) -> Estimate:
        kept = rows & known
        change: Floats = scores[0][kept] - scores[1][kept]
        n = len(change)
        said, more, value, error = (f"`{name}`{where} shifted by ", " on average"), "", None, None
        sizes = f"n = {n:,}"
        dropped = int(np.count_nonzero(rows & answered)) - n
        details: dict[str, object] = {}
        if n:
            value, size = float(change.mean()), np.sort(np.abs(change))
            error = float(change.std()) / math.sqrt(n)
            largest = quantile(size, _SHARE)
            sizes += f"; 95 % of the scores shifted by at most {format_number(largest)}"
            details = {
                "candidate": float(scores[0][kept].mean()),
                "production": float(scores[1][kept].mean()),
                "p95_shift": largest,
                "largest_shift": float(size[-1]),
            }

        if dropped:
            more += f"; {_left_out(dropped)}, because a score is missing"

        def ends(level: float) -> Ends:
            # `mean_interval` is None if all scores shifted by the same amount, which is `value`.
            found = mean_interval(change, None, level) if n > 1 else None
            return found or ((value, value) if n > 1 and value is not None else None)

        return Estimate(
            value,
            ends,
            lambda limit, found, level: rows_needed(value, found, limit, n, level, error=error),
            n,
            said,
            sizes,
            "t of the differences",
            more=more,
            dropped=dropped,
            details=details,
            unit="",
        )

    return measure


def slowdown_of(requests: Requests, name: str, confidence: float) -> MeasureSlice:
    """Return a function that measures, in a slice, the slowdown of the 95th percentile of latency.

    The slowdown is a share: 0.1 means that the 95th percentile of the candidate is 10 % above that
    of production. A request without an answer has an infinite latency. `name` is the name of the
    column of latencies, for messages. If a slice has too few requests for an interval at the level
    `confidence`, the field `insufficient` of its `Estimate` says this. EvidenceError is raised for
    latencies that are not positive numbers.
    """
    sides = (requests.candidate, requests.production)
    seconds = [side.seconds() for side in sides]
    share, least = float(_SHARE), least_calls(float(_SHARE), confidence)

    def measure(rows: Mask, where: str) -> Estimate:
        times = [one[rows[side.order]] for one, side in zip(seconds, sides, strict=True)]
        ordered = [np.sort(one) for one in times]
        n, value, insufficient = len(times[0]), None, ""
        basis, more, details = "", "", {}
        p95 = f"the p95 of `{name}`{where}"
        said = f"{p95} changed by ", ""
        unanswered = "more than 5 % of the requests have no answer"

        @cache
        def effective(level: float) -> list[int]:
            return [dependence(one, share, level).effective for one in times]

        if n:
            here, there = (quantile(one, _SHARE) for one in ordered)
            ours, theirs = (format_number(one, "s") for one in (here, there))
            basis = f"{ours} against {theirs} in production; "
            details = {
                "candidate": _finite(here),
                "production": _finite(there),
                "effective_calls": effective(confidence)[0],
                "effective_calls_production": effective(confidence)[1],
                "calls_needed": least,
            }
            if math.isfinite(there):
                value = here / there - 1
                if math.isinf(here):
                    said = f"{p95} is ", f", because {unanswered} of the candidate"
                    basis = f"{theirs} in production; "
            else:
                said = f"the change of {p95} is ", ""
                insufficient = f"{unanswered} of production"
            counted = [
                f"{n:,} latencies of {model} count as {calls:,} independent ones"
                for model, calls in zip(
                    ("the candidate", "production"), effective(confidence), strict=True
                )
                if calls < n
            ]
            if counted:
                more = f"; latencies depend on earlier ones, so {' and '.join(counted)}"
            ends_of = ("the candidate", "upper end"), ("production", "lower end above -100 %")
            for (model, end), calls in zip(ends_of, effective(confidence), strict=True):
                if calls < least <= n:
                    more += (
                        f"; with fewer than {least:,} independent ones of {model}, the interval "
                    )
                    more += f"has no {end}"
            if n < least:
                insufficient = f"too few requests for a p95: {n:,}, at least {least:,} are needed"

        def ends(level: float) -> Ends:
            if value is None:
                return None
            ours, theirs = (
                quantile_interval(one, share, calls, level)
                for one, calls in zip(ordered, effective(level), strict=True)
            )
            if math.isinf(here):
                return (math.inf if math.isinf(ours[0]) else ours[0] / theirs[1] - 1), math.inf
            low, high = ratio_interval(here, ours, there, theirs)
            return low - 1, high - 1

        return Estimate(
            value,
            ends,
            lambda limit, found, level: rows_needed(value, found, limit, n, level),
            n,
            said,
            f"n = {n:,}",
            "order statistics; mirrored requests",
            basis,
            more,
            insufficient=insufficient,
            details=details,
        )

    return measure


def _requests_needed(
    value: float | None, ends: Ends, limit: Limit, n: int, level: float, *, error: float | None
) -> int | None:
    """Return how many requests would probably be enough to decide on a share.

    To decide is to show whether a share, or a difference of shares, is within the limit. `value` is
    its estimate from `n` requests, `ends` its interval at `level`, and `error` its standard error.
    The result is None if the number is not known, or if no number is enough.

    If no event was counted, `error` is 0 or None, and the interval ends at ``z**2 /
    (n + z**2)``, which shrinks faster than ``1 / sqrt(n)``.
    """
    if error or value is None or ends is None:
        return rows_needed(value, ends, limit, n, level, error=error)
    if not 0 < limit.high < ends[1]:
        return None
    z2 = float(special.ndtri((1 + level) / 2)) ** 2
    return rounded_up(z2 * (1 - limit.high) / limit.high)


def _left_out(requests: int) -> str:
    return "1 request is left out" if requests == 1 else f"{requests:,} requests are left out"


def _floats(ends: tuple[Floats, Floats]) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
