"""Rules as aggregations of SQL, the way Deequ computes them: the file serves DuckDB and Spark."""

from common import PATTERNS, RANGES, SETS, UNIQUE


def nulls(columns: list[str]) -> list[str]:
    """Return one count a column: its missing cells."""
    return [f"count(*) FILTER (WHERE data.{name} IS NULL)" for name in columns]


def rules(columns: list[str], match: str) -> list[str]:
    """Return one count a rule: the rows that break it. `match` is the engine's regular match."""
    conditions = [f"NOT ({name} BETWEEN {a} AND {b})" for name, (a, b) in RANGES.items()]
    for name, values in SETS.items():
        texts = ", ".join(f"'{value}'" for value in values)
        conditions.append(f"{name} NOT IN ({texts})")
    for name, pattern in PATTERNS.items():
        conditions.append("NOT " + match.format(name=name, pattern=pattern))
    counts = [f"count(*) FILTER (WHERE {condition})" for condition in conditions]
    return [*nulls(columns), *counts, f"count(*) - count(DISTINCT {UNIQUE})"]


def select(counts: list[str]) -> str:
    """Return the query of all counts in one pass over the table `data`."""
    return f"SELECT {', '.join(counts)} FROM data"  # noqa: S608
