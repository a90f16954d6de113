"""What a test's entry in JUnit XML and the process that has the terminal are told of a report."""

from __future__ import annotations

import pytest

from mlgates.report import GateResult, Report
from mlgates.verdict import Check, worst_first

__all__ = ["MADE", "Made", "describe_gate", "describe_report", "hand_on"]

_MOST = 50  # checks of one gate

# by pairs of where a report was made and its JSON: texts go through xdist as they are
Made = list[tuple[str, str]]
MADE = pytest.StashKey[Made]()


def hand_on(node: pytest.Item, report: Report) -> None:
    """Let a report go to the summary, and to the file where one was asked for."""
    where = f"{node.parent.nodeid}::{getattr(node, 'originalname', node.name)}"  # type: ignore[union-attr]
    node.stash.setdefault(MADE, []).append((where, report.to_json()))


def describe_report(node: pytest.Item, report: Report) -> None:
    """Write a property a gate."""
    for result in report:
        node.user_properties.append((f"mlgates.{result.name}", standing(result)))


def describe_gate(node: pytest.Item, result: GateResult) -> None:
    """Write a gate's verdict, and of its checks, worst first, the value, limit and verdict each."""
    told = node.user_properties
    told += [("mlgates.gate", result.name), ("mlgates.verdict", standing(result))]
    told += [("mlgates.reason", result.reason)] if result.reason else []
    for check in sorted(result.checks, key=lambda check: worst_first(check.verdict))[:_MOST]:
        name = _name(check)
        value = "" if check.value is None else f"{check.value:.17g}"
        limit = "" if check.limit is None else str(check.limit)
        told += [(f"value[{name}]", value), (f"limit[{name}]", limit)]
        told += [(f"verdict[{name}]", str(check.verdict))]
    if len(result.checks) > _MOST:
        told.append(("mlgates.checks", f"the worst {_MOST} of {len(result.checks)}"))


def standing(result: GateResult) -> str:
    """Return a gate's verdict and why it does not count, as in ``"fail (advisory)"``.

    Examples
    --------
    >>> import mlgates as mg
    >>> standing(mg.Completeness(advisory=True).run(data={"x": [None]}))
    'fail (advisory)'
    """
    aside = " (advisory)" if result.advisory else " (undecided, allowed)" if result.allowed else ""
    return f"{result.verdict}{aside}"


def _name(check: Check) -> str:
    parts = [check.subject, check.metric if check.metric != check.subject else "", check.group]
    return " ".join(filter(None, parts))
