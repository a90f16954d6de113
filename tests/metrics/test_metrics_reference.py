"""The documentation of metrics agrees with the table in the code."""

import math
import re
from pathlib import Path

from mlgates.metrics import METRICS, NUMBERED, named

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
NEEDS = {
    "labels": "`y_pred` (labels)",
    "scores": "`y_score`",
    "probabilities": "`y_score` (probabilities)",
    "values": "`y_pred` (numbers)",
    "interval": "`y_interval`",
    "relevance": "`y_score`, `query_id`",
}
BETTER = {True: "more", False: "less", None: "neither"}


def end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def test_page_and_code_agree():
    text = PAGE.read_text(encoding="utf-8")
    head = text.split("| name | input")[1].split("\n\n")[0]
    rows = [line for line in head.splitlines() if re.match(r"\| `", line)]
    expected = [
        f"| `{metric.name}` | {NEEDS[metric.need]} | {BETTER[metric.greater_is_better]} "
        f"| {end(metric.low)} to {end(metric.high)} | {metric.interval} |"
        for metric in (*METRICS.values(), *map(named, NUMBERED))
    ]
    assert rows == expected
