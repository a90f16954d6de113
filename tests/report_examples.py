"""Reports made by hand: a result of each kind that renderers draw, and malicious texts."""

import math

from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "[a](javascript:alert(1))",
    "![a](http://example.org/a.png)",
    "<http://example.org> http://example.org www.example.org",
    "a@example.org @octocat #12 octo/cat#1 :tada:",
    "a|b || c",
    "`code` ``` fence ~~~",
    "**bold** _it_ ~~gone~~ # head $x$",
    "\n# head\n\n- item\n1. one\n> quote\n***\n| a | b |\n| - | - |",
    "\r\nPASS     schema",
    "</details></article></main></svg></title>",
    "<svg/onload=alert(1)>]]><!--",
    "&lt;b&gt; &amp; &#60;script&#62; &#x3c;",
    "{{ 7 * 7 }} {% raw %} {# note #}",
    "\x1b[31mred\x1b]8;;http://example.org\x07link\x1b]52;c;cm0=\x07",
    "\x00\x01\x08\x0b\x0c\x1f\x7f\x85\x9b",
    "\u2028\u2029\u202eevil\u202c\u200b\ufeff",
    "\ud800 \udfff \ufffe \uffff",
    "\U0001f40d \U0001f469\u200d\U0001f4bb \U0010fffd äöü 列",
    "=cmd|' /C calc'!A0",
    "\\",
    "%s %(x)s {x} {0.__class__}",
    " ",
    "",
    "x" * 5_000,
]


def interval_check(group, value, half, **given):
    measured = Measurement(
        value, n=900, interval=(value - half, value + half), confidence=0.95, method="DeLong"
    )
    return Check.judge("roc_auc", "roc_auc", measured, Limit(at_least=0.8), group=group, **given)


def performance():
    slices = [("sex=female", 0.83, 0.02), ("sex=male", 0.79, 0.015), ("sex=missing", 0.86, 0.06)]
    checks = tuple(interval_check(*each) for each in slices)
    return GateResult(name="performance:roc_auc", kind="performance", checks=checks, seconds=0.012)


def calibration(points=None, group=None):
    """A reliability curve in which the second of three bins differs."""
    curve = points or [
        {"bin": "0 to 0.1", "probability": 0.05, "share": 0.06, "low": 0.04, "high": 0.1, "n": 400},
        {"bin": "0.4 to 0.5", "probability": 0.45, "share": 0.3, "low": 0.2, "high": 0.4, "n": 90},
        {"bin": "0.9 to 1", "probability": 0.97, "share": 1.0, "low": 0.9, "high": 1.0, "n": 70},
    ]
    measured = Measurement(
        0.03, n=560, interval=(0.01, 0.05), confidence=0.95, details={"reliability": curve}
    )
    name = "expected_calibration_error"
    check = Check.judge(name, name, measured, Limit(at_most=0.1), group=group)
    return GateResult(
        name=f"performance:{name}", kind="performance", checks=(check,), seconds=0.012
    )


GROUPS = [
    ("sex=f, race=white", 0.31, 0.02, 2_200),
    ("sex=f, race=black", 0.24, 0.05, 310),
    ("sex=m, race=white", 0.38, 0.015, 4_100),
    ("sex=m, race=other", 0.29, 0.12, 50),
]


def fairness(groups=GROUPS, value=0.14, limit=None):
    details = [
        {
            "group": name,
            "value": rate,
            "low": rate - half,
            "high": rate + half,
            "n": n,
            "denominator": float(n),
            "note": "",
        }
        for name, rate, half, n in groups
    ]
    lacking = {"group": "sex=f, race=other", "value": None, "low": None, "high": None, "n": 8}
    details.append({**lacking, "denominator": 8.0, "note": "too few rows"})
    measured = Measurement(
        value,
        n=6_948,
        interval=(0.08, 0.19),
        confidence=0.95,
        p_value=0.0004,
        method="Tukey-Kramer",
        details={"groups": details, "worst": ("sex=m, race=white", "sex=f, race=black")},
    )
    name = "demographic_parity_difference"
    check = Check.judge(name, name, measured, limit or Limit(at_most=0.1), rule="significance")
    return GateResult(name=f"fairness:{name}", kind="fairness", checks=(check,), seconds=0.02)


def regression():
    measured = Measurement(
        -0.004,
        n=6_948,
        interval=(-0.0125, 0.0045),
        confidence=0.95,
        method="DeLong",
        details={"candidate": 0.871, "production": 0.875, "tolerance": 0.01},
    )
    check = Check.judge(
        "roc_auc",
        "roc_auc",
        measured,
        Limit(at_least=-0.01),
        rule="interval",
        said="`roc_auc` is 0.871, 0.004 lower than in production",
        remedy="about 9,800 rows would be enough to decide",
    )
    return GateResult(name="regression:roc_auc", kind="regression", checks=(check,), seconds=0.02)


def latency(at_most=0.02, **details):
    edges = [0.001 * 30 ** (i / 40) for i in range(41)]
    counts = [round(400 * math.exp(-(((i - 20) / 7) ** 2))) for i in range(40)]
    production = [round(400 * math.exp(-(((i - 17) / 6) ** 2))) for i in range(40)]
    known = {
        "histogram": {"edges": edges, "counts": counts},
        "histogram_production": {"edges": edges, "counts": production},
        **details,
    }
    measured = Measurement(
        0.0186,
        n=3_000,
        interval=(0.0171, 0.0203),
        confidence=0.95,
        method="order statistics",
        details=known,
    )
    check = Check.judge(
        "latency", "p99", measured, Limit(at_most=at_most), rule="interval", unit="s"
    )
    return GateResult(name="latency:p99", kind="latency", checks=(check,), seconds=3.2)


def canary(value=1.31, **details):
    looks = [
        {"look": f"10:0{i}", "value": 1.4 - 0.03 * i, "low": 0.3 + 0.2 * i, "high": high}
        for i, high in enumerate((math.inf, 4.2, 2.1, value + 0.2))
    ]
    measured = Measurement(
        value,
        n=12_000,
        interval=(0.9, value + 0.2),
        confidence=0.94,
        method="mixture of likelihood ratios",
        details={"e_worse": 3.2, "e_not_worse": 1.9, "looks": looks, **details},
    )
    check = Check.judge("errors", "rate_ratio", measured, Limit(at_most=1.5), rule="interval")
    return GateResult(name="canary:errors", kind="canary", checks=(check,), seconds=0.1)


BINS = [
    ("x <= 27", 0.1, 0.031, True),
    ("27 < x <= 40", 0.4, 0.41, False),
    ("40 < x <= 52", 0.4, 0.313, True),
    ("52 < x", 0.1, 0.246, True),
]


def drift_check(subject="age", value=0.31, bins=BINS, **given):
    names = ("bin", "reference", "current", "moved")
    measured = Measurement(
        value,
        n=4_012,
        p_value=1e-9,
        method="psi",
        details={"bins": [dict(zip(names, each, strict=True)) for each in bins]},
    )
    said = f"`psi` of `{subject}` is {value} (n = 4,012 against 30,162)"
    return Check.judge(subject, "psi", measured, Limit(at_most=0.2), said=said, **given)


def drift():
    steady = [(name, share, share, False) for name, share, *_ in BINS]
    checks = (drift_check(), drift_check("hours", 0.01, steady), drift_check("sex", 0.02, steady))
    reason = "`psi` of `age` is 0.31; columns not judged: `day` (dates)"
    return GateResult(
        name="drift:psi",
        kind="drift",
        checks=checks,
        reason=reason,
        note="columns not judged: `day` (dates)",
        inconclusive="allow",
        seconds=0.004,
    )


def missing(subject, share, **given):
    measured = Measurement(share, n=4_012, method="count")
    said = f"{share:.1%} of the cells of `{subject}` are missing"
    return Check.judge(
        subject, "missing", measured, Limit(at_most=0.05), unit="share", said=said, **given
    )


def completeness():
    checks = [missing("city", 0.109), missing("zip", 0.034), missing("age", 0.0)]
    return GateResult(name="completeness", kind="completeness", checks=checks, seconds=0.0009)


def advisory():
    check = Check(
        subject="freshness:at",
        metric="freshness",
        verdict="error",
        reason="`at` is not in the table; did you mean 'ts'?",
    )
    return GateResult(name="freshness:at", kind="freshness", checks=(check,), advisory=True)


def skipped():
    check = Check(
        subject="integration", metric="integration", verdict="skip", reason="skipped: no server"
    )
    return GateResult(name="integration", kind="integration", checks=(check,))


PROVENANCE = {
    "started": "2026-01-31T12:00:00.500000+00:00",
    "seconds": 12.5,
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "versions": {"python": "3.11.7", "mlgates": "0.1.0"},
    "suite": "GateSuite([Completeness(max_missing=0.05)], name='credit-release')",
    "tables": {"data": {"rows": 4_012, "columns": 6, "fingerprint": "ce6e818baa50" * 5}},
}


def every_kind():
    results = (
        completeness(),
        drift(),
        performance(),
        fairness(),
        regression(),
        latency(),
        advisory(),
        skipped(),
    )
    return Report(name="credit-release", results=results, provenance=PROVENANCE)


def report_with_text(text):
    """Return a report with the same text in every place that takes a text."""
    name = text if text.strip() else "unnamed"
    bins = [(text, 0.1, 0.4, True), (text, 0.9, 0.6, False)]
    groups = [(text, 0.31, 0.02, 90), (text, 0.24, 0.05, 80)]
    gap = fairness(groups, 0.07).checks[0]
    alike = [
        Check(subject=text, metric=text, verdict="inconclusive", reason=text) for _ in range(5)
    ]
    checks = {
        "drift": [drift_check(text, 0.31, bins, group=text), *alike],
        "fairness": [gap, *(interval_check(text, 0.7, 0.1, said=text) for _ in range(2))],
        "completeness": [missing(text, 0.3), missing(text, 0.01), missing(text, 0.02)],
        "latency": [latency().checks[0]],
        name: [
            Check(subject=text, metric=text, verdict="error", reason=text, method=text, group=text),
            Check(subject=text, metric=text, verdict="skip", reason=text),
        ],
    }
    results = tuple(
        GateResult(
            name=f"{i} {name}",
            kind=kind,
            checks=tuple(found),
            reason=f"{text}; columns not judged: {text}",
            note=f"columns not judged: {text}",
            advisory=i == 3,
        )
        for i, (kind, found) in enumerate(checks.items())
    )
    provenance = {
        "started": text,
        "seconds": 1.0,
        "commit": text,
        "suite": text,
        "versions": {text: text},
        "tables": {text: {"rows": 1, "columns": 2, "fingerprint": text}},
    }
    return Report(name=name, results=results, provenance=provenance)
