"""What a test that failed by a gate says: the table, and no traceback through the library."""

from __future__ import annotations

import re

import pytest

from mlgates._pytest.properties import MADE
from mlgates.errors import GateFailure
from mlgates.report import GateResult, Report

__all__ = ["tell"]

_MOST = 3  # tables under one assertion
_WORD = re.compile(r"\w+")
_ENOUGH = 60  # characters of what is printed of an object: the rest may have been cut


def tell(item: pytest.Item, call: pytest.CallInfo[None], found: pytest.TestReport) -> None:
    """Add to what pytest found: the reports made, and the tables of those that it asserted.

    Parameters
    ----------
    item : pytest.Item
        The test.
    call : pytest.CallInfo
        What was called of it.
    found : pytest.TestReport
        What pytest says of that; whatever is added here crosses xdist as it is.
    """
    made = item.stash.get(MADE, None)
    if made:
        found.mlgates_reports = [*made]  # type: ignore[attr-defined]
        made.clear()
    excinfo = call.excinfo
    if excinfo is None or found.outcome != "failed":
        return
    if isinstance(excinfo.value, GateFailure):
        if isinstance(item, pytest.Function) and item.config.getoption("tbstyle") == "auto":
            # where the test asked, and the table; not the whole test, as `Function` would
            found.longrepr = pytest.Item.repr_failure(item, excinfo, "short")
    elif isinstance(excinfo.value, AssertionError):
        add = getattr(found.longrepr, "addsection", None)  # (a plugin may have put a text there)
        if add is not None:
            for thing in _asserted(excinfo):
                add("mlgates", str(thing))


def _asserted(excinfo: pytest.ExceptionInfo[BaseException]) -> list[Report | GateResult]:
    """Return the reports and results that an assertion is about, as far as its frame has them.

    They are those that its message shows (pytest keeps what an assertion was made of among the
    frame's variables), or else those that its source names.
    """
    message, entry = str(excinfo.value), excinfo.traceback[-1]
    named = {**entry.frame.f_globals, **entry.frame.f_locals}
    there = {k: thing for k, thing in named.items() if type(thing) in (Report, GateResult)}
    told = {id(t): t for t in there.values() if repr(t)[:_ENOUGH] in message}
    if there and not told:
        words = set(_WORD.findall(str(entry.statement)))
        told = {id(thing): thing for name, thing in there.items() if name in words}
    return list(told.values())[:_MOST]
