"""Code of users, for type checkers: read by mypy, never run.

``assert_type`` holds what a checker must see; an ``ignore`` with a code holds what it must refuse,
because unused ignores are errors.
"""

from typing import assert_type

import numpy as np
import pandas as pd

import mlgates as mg

suite = mg.GateSuite([mg.Schema({"x": "float"}), mg.Drift("psi", at_most=0.2)], name="nightly")
report = suite.run(data={"x": [0.5]}, reference="baseline.json", n_jobs=2, progress=False)

assert_type(report, mg.Report)
assert_type(report.verdict, mg.Verdict)
assert_type(report.passed, bool)
assert_type(report.results, tuple[mg.GateResult, ...])
assert_type(report["schema"], mg.GateResult)
assert_type(report["schema"].checks, tuple[mg.Check, ...])
assert_type(report["schema"].checks[0].value, float | None)
assert_type(report.raise_for_verdict(), mg.Report)
assert_type(report.to_frame(), pd.DataFrame)
assert_type(report.to_json(), str)
assert_type(mg.Report.load("report.json"), mg.Report)
assert_type(suite.only("drift*") + suite.skip("schema", reason="known"), mg.GateSuite)
assert_type(suite.names, tuple[str, ...])
assert_type(mg.Completeness(max_missing=0.1).run(data=pd.DataFrame()), mg.GateResult)
assert_type(mg.Baseline.from_data(pd.DataFrame()), mg.Baseline)
assert_type(mg.Schema.infer(pd.DataFrame()), mg.Schema)
assert_type(mg.infer_suite(pd.DataFrame(), y_true="label"), mg.GateSuite)
assert_type(mg.weak_slices(pd.DataFrame(), "label", "guess", "accuracy"), dict[str, str])
assert_type(mg.decide(mg.Measurement(0.1, n=9), mg.Limit(at_most=0.2)).verdict, mg.Verdict)


@mg.gate(at_least=0.05)
def positive_rate(y_true: np.ndarray) -> float:
    """Share of positive labels."""
    return float((y_true == 1).mean())


@mg.gate
def has_rows(data: object) -> bool:
    """There are rows."""
    return bool(data)


@mg.gate(at_most=0.1, decide_by="interval", unit="share")
def by_column(data: pd.DataFrame) -> dict[str, mg.Measurement]:
    """Share of zeros."""
    return {"x": mg.Measurement(0.0, n=len(data), details={"rows": [0]})}


assert_type(mg.Rule("x > 0").judges_rows, bool)
assert_type(positive_rate.run(y_true=[0, 1]), mg.GateResult)
assert_type(has_rows.name, str | None)
mg.GateSuite([positive_rate, has_rows, suite])

try:
    report.raise_for_verdict()
except mg.GateFailure as failure:
    assert_type(failure.report, mg.Report | mg.GateResult)

# What a checker must refuse.
print(mg.Nope)  # type: ignore[attr-defined]
suite.run(refrence=None)  # type: ignore[call-arg]
suite.run({"x": [0.5]})  # type: ignore[arg-type]
mg.Drift("psi", at_moost=0.2)  # type: ignore[call-arg]
mg.Completeness(0.1)  # type: ignore[arg-type]
mg.Fairness("demographic_parity_difference", decide_by="luck")  # type: ignore[arg-type]
report.verdict = mg.Verdict.PASS  # type: ignore[misc]
