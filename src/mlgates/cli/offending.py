"""Write the rows that break the rules of a report's gates to one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlgates import jsonfile
from mlgates.errors import EvidenceError, MlgatesError
from mlgates.report import Report
from mlgates.suite import GateSuite
from mlgates.tables.source import as_source
from mlgates.verdict import Verdict

__all__ = ["GATE_COLUMN", "write_offending"]

#: Name of the first column of the file. The other columns are those of the data.
GATE_COLUMN = "mlgates_gate"


def write_offending(
    suite: GateSuite, report: Report, evidence: Mapping[str, Any], path: Path
) -> list[str]:
    """Write the rows that break the rules of gates with the verdict FAIL or ERROR to a file.

    The file is CSV if its suffix is .csv, and Parquet otherwise. Its first column has the name of
    the gate. If no row breaks a rule, the file has no rows. For gates whose rows can't be found,
    the function returns the reasons.
    """
    given = {name: value for name, value in evidence.items() if value is not None}
    data = given.pop("data")
    source = as_source(data)
    if GATE_COLUMN in source.schema:
        raise EvidenceError(
            f"{path}: the data must not have a column `{GATE_COLUMN}`, because the file has the "
            "name of the gate in this column; rename the column of the data"
        )
    parts, problems = [_named(next(source.batches()).slice(0, 0), "")], []
    for name, gate in zip(suite.names, suite, strict=True):
        judged = gate.judges_rows and report[name].verdict in (Verdict.FAIL, Verdict.ERROR)
        if not judged:
            continue
        used = gate.needs | gate.optional_evidence
        try:
            rows = gate.offending_rows(source, **{k: v for k, v in given.items() if k in used})
        except MlgatesError as error:
            problems.append(f"{path}: no rows of {name}: {error}")
        else:
            parts.append(_named(rows, name))
    table = pa.concat_tables(parts, promote_options="permissive")
    sink = pa.BufferOutputStream()
    try:
        if path.suffix == ".csv":
            from pyarrow import csv

            # Before version 19, Arrow repeats the header after an empty first chunk.
            csv.write_csv(table.combine_chunks(), sink)
        else:
            from pyarrow import parquet

            parquet.write_table(table, sink)
    except pa.ArrowException as error:
        raise EvidenceError(
            f"{path}: the rows can't be written: {type(error).__name__}: {error!s:.200}"
        ) from error
    jsonfile.write_atomic(path, sink.getvalue().to_pybytes())
    return problems


def _named(rows: pa.Table, gate: str) -> pa.Table:
    """Return the rows with a new first column that has the name of the gate."""
    return rows.add_column(0, GATE_COLUMN, pa.array([gate] * len(rows), pa.string()))
