"""SQL in DuckDB: Deequ's way without Spark. Exact KS from cumulated counts, PSI from deciles."""

from collections.abc import Callable
from itertools import pairwise
from math import log
from pathlib import Path

import duckdb
from common import LIMITS, Question, broken, drifted, main
from sql import nulls, rules, select

KS = """
WITH sides AS (
  SELECT "{name}" AS x, 1 AS r, 0 AS d FROM reference WHERE "{name}" IS NOT NULL
  UNION ALL SELECT "{name}", 0, 1 FROM data WHERE "{name}" IS NOT NULL
), counts AS (SELECT x, sum(r) AS r, sum(d) AS d FROM sides GROUP BY x),
cumulated AS (SELECT sum(r) OVER (ORDER BY x) AS r, sum(d) OVER (ORDER BY x) AS d FROM counts)
SELECT max(abs(r / total_r - d / total_d))
FROM cumulated, (SELECT sum(r) AS total_r, sum(d) AS total_d FROM counts)
"""
TEXT = """
SELECT r.n, d.n FROM (SELECT "{name}" AS x, count(*) AS n FROM reference GROUP BY ALL) r
FULL JOIN (SELECT "{name}" AS x, count(*) AS n FROM data GROUP BY ALL) d USING (x)
"""
DECILES = [i / 10 for i in range(1, 10)]


def loaded(folder: Path, *, views: bool = False) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for path in folder.glob("*.parquet"):
        kind = "VIEW" if views else "TABLE"
        connection.execute(f"CREATE {kind} {path.stem} AS SELECT * FROM '{path}'")  # noqa: S608
    return connection


def columns(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.execute("DESCRIBE data").fetchall()}


def index(counts: list[tuple[int, int]]) -> float:
    """Return the PSI of the counts of both sides in each bin."""
    totals = [sum(side) for side in zip(*counts, strict=True)]
    shares = ([max(n / t, 1e-4) for n, t in zip(row, totals, strict=True)] for row in counts)
    return sum((d - r) * log(d / r) for r, d in shares)


def deciles(connection: duckdb.DuckDBPyConnection, name: str) -> list[float]:
    query = f'SELECT quantile_cont("{name}", {DECILES}) FROM reference'  # noqa: S608
    return list(connection.execute(query).fetchone()[0])


def binned(
    connection: duckdb.DuckDBPyConnection, table: str, name: str, edges: list[float]
) -> list[int]:
    """Count the rows of a column in each bin."""
    below = ", ".join(f'count(*) FILTER ("{name}" <= {edge!r})' for edge in edges)
    query = f'SELECT 0, {below}, count("{name}") FROM {table}'  # noqa: S608
    return [b - a for a, b in pairwise(connection.execute(query).fetchone())]


def ks(connection: duckdb.DuckDBPyConnection, names: list[str]) -> list[float]:
    return [connection.execute(KS.format(name=name)).fetchone()[0] for name in names]


def psi(connection: duckdb.DuckDBPyConnection, names: list[str]) -> list[float]:
    values = []
    for name in names:
        edges = deciles(connection, name)
        reference, data = (binned(connection, side, name, edges) for side in ("reference", "data"))
        values.append(index(list(zip(reference, data, strict=True))))
    return values


def drift(method: str, measure: Callable[..., list[float]]) -> Question:
    def question(folder: Path) -> Callable[[], str]:
        connection = loaded(folder)
        names = list(columns(connection))

        def work() -> str:
            values = measure(connection, names)
            return drifted(sum(value > LIMITS[method] for value in values), len(names))

        return work

    return question


def mixed(folder: Path) -> Callable[[], str]:
    connection = loaded(folder)
    kinds = columns(connection)
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    numbers = [name for name in kinds if name not in texts]

    def work() -> str:
        beyond = [value > LIMITS["ks"] for value in ks(connection, numbers)]
        for name in texts:
            rows = connection.execute(TEXT.format(name=name)).fetchall()
            beyond.append(index([(r or 0, d or 0) for r, d in rows]) > LIMITS["psi"])
        return drifted(sum(beyond), len(beyond))

    return work


def schema(folder: Path) -> Callable[[], str]:
    connection = loaded(folder)
    types = columns(connection)
    query = select(rules(list(types), "regexp_full_match({name}, '{pattern}')"))

    def work() -> str:
        return broken(
            sum(map(bool, connection.execute(query).fetchone())) + (columns(connection) != types)
        )

    return work


def completeness(folder: Path) -> Callable[[], str]:
    connection = loaded(folder)
    query = select(nulls(list(columns(connection))))
    return lambda: broken(sum(map(bool, connection.execute(query).fetchone())))


def parquet(folder: Path) -> Callable[[], str]:
    """Count the rows of the file in saved bins."""
    connection = loaded(folder, views=True)
    names = list(columns(connection))
    edges = {name: deciles(connection, name) for name in names}
    saved = {name: binned(connection, "reference", name, edges[name]) for name in names}

    def work() -> str:
        found = {name: binned(connection, "data", name, edges[name]) for name in names}
        values = [index(list(zip(saved[name], found[name], strict=True))) for name in names]
        return drifted(sum(value > LIMITS["psi"] for value in values), len(names))

    return work


if __name__ == "__main__":
    questions: dict[str, Question] = {"ks": drift("ks", ks), "psi": drift("psi", psi)}
    questions |= {"mixed": mixed, "schema": schema, "completeness": completeness}
    main(["duckdb"], questions | {"parquet": parquet})
