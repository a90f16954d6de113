"""CSV files and lists of files as tables."""

import gzip
import pathlib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.tables.source import as_source


def kinds(source):
    return {name: field.kind for name, field in source.schema.items()}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_types_of_a_csv_file_follow_from_all_rows(tmp_path):
    rows = 400_000  # several blocks of the reader: the last row changes the type
    path = write(tmp_path / "t.csv", "x,y\n" + "1,2\n" * rows + "1.5,\n")
    source = as_source(path)
    assert (source.origin, source.rows) == ("csv file", rows + 1)
    assert kinds(source) == {"x": "float", "y": "int"}
    assert source.arrow(["y"]).column("y").null_count == 1


def test_cells_of_a_csv_file(tmp_path):
    lines = ["n,name,day,at,ok", "1,NA,2026-01-31,2026-01-31 06:00:00,true", "NA,,,,", "2,Ann,,,"]
    source = as_source(str(write(tmp_path / "t.csv", "\n".join(lines) + "\n")))
    expected = {"n": "int", "name": "string", "day": "date", "at": "timestamp", "ok": "bool"}
    assert kinds(source) == expected
    # NA is a text in a column of texts, and missing in a column of numbers
    assert source.arrow().column("name").to_pylist() == ["NA", None, "Ann"]
    assert source.arrow().column("n").to_pylist() == [1, None, 2]


def test_integers_with_leading_zeros_stay_text(tmp_path):
    source = as_source(write(tmp_path / "t.csv", "code,n,zero\n1234,1,0\n01234,2,0\n,3,-0\n"))
    assert kinds(source) == {"code": "string", "n": "int", "zero": "int"}
    assert source.arrow().column("code").to_pylist() == ["1234", "01234", None]


def test_a_tsv_file_and_a_compressed_file(tmp_path):
    tabs = as_source(write(tmp_path / "t.tsv", "a\tb\n1\tx,y\n"))
    assert tabs.arrow().to_pylist() == [{"a": 1, "b": "x,y"}]
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert as_source(packed).arrow().to_pylist() == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "can't be read: Empty CSV file"), ("a,b\n1,2\n3\n", "can't be read: CSV parse error")],
)
def test_a_broken_csv_file_is_the_error_of_each_gate(tmp_path, text, message):
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(EvidenceError, match=message):
        as_source(path)
    report = mg.GateSuite([mg.Completeness(), mg.Schema({"a": "int"})]).run(data=path)
    assert [result.verdict for result in report.results] == ["error", "error"]


def test_a_csv_file_that_is_not_there(tmp_path):
    with pytest.raises(EvidenceError, match="there is no file"):
        as_source(tmp_path / "t.csv")


def test_several_files_are_one_table_in_their_order(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "ba"]
    for start, path in enumerate(paths):
        pq.write_table(pa.table({"x": [start * 10, start * 10 + 1]}), path)
    csv = write(tmp_path / "c.csv", "x\n7\n")
    source = as_source([*paths, csv])
    assert (source.origin, source.rows) == ("3 files", 5)
    assert source.arrow().column("x").to_pylist() == [0, 1, 10, 11, 7]
    assert mg.Completeness(min_rows=5).run(data=[*paths, csv]).passed
    assert as_source([csv]).origin == "csv file"


def test_files_that_differ_in_their_columns_are_refused(tmp_path):
    first, second = (
        write(tmp_path / "a.csv", "x,y\n1,2\n"),
        write(tmp_path / "b.csv", "x,z\n1.5,2\n"),
    )
    with pytest.raises(
        EvidenceError, match="have different columns or types: 'x', 'y', 'z'; all files"
    ):
        as_source([first, second])


def test_models_are_given_the_rows_of_a_csv_file(tmp_path):
    frame = pd.DataFrame({"x": [0.0, 1.0] * 50, "y": [0, 1] * 50})
    frame.to_csv(tmp_path / "t.csv", index=False)
    gate = mg.Performance("accuracy", at_least=0.9)
    result = gate.run(data=tmp_path / "t.csv", y_true="y", y_pred="x")
    assert result.passed, str(result)


# paths as evidence


@pytest.fixture
def files(tmp_path):
    columns = {
        "X": {"x": [0.5, -1.0] * 50},
        "y": {"y": [1, 0] * 50},
        "score": {"score": [0.9, 0.2] * 50},
        "sex": {"sex": ["f", "f", "m", "m"] * 25},
    }
    for name, rows in columns.items():
        pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
    return {name: tmp_path / f"{name}.parquet" for name in columns}


class Positive:
    """A model of the sign of x that keeps the types of its inputs."""

    def __init__(self):
        self.types = set()

    def predict(self, X):
        self.types.add(type(X))
        return [int(x > 0) for x in X["x"].to_pylist()]


@pytest.mark.parametrize("form", [str, pathlib.Path, lambda path: [path]], ids=range(3))
def test_models_get_the_rows_of_files(files, form):
    X, model = form(files["X"]), Positive()
    gates = [
        mg.Performance("accuracy", at_least=0.9),
        mg.Latency("p50", at_most="10s"),
        mg.Integration(thread_safe=False),
    ]
    for gate in gates:
        result = gate.run(X=X, y_true=files["y"], model=model, golden_X=X, golden_pred=[1, 0] * 50)
        assert result.verdict != mg.Verdict.ERROR, result.reason
    assert model.types == {pa.Table}


def test_every_evidence_of_rows_can_be_a_file(files):
    given = {"y_true": files["y"], "y_pred": files["y"], "sample_weight": files["y"]}
    assert mg.Performance("accuracy", at_least=0.9).run(**given).passed
    given = {"y_true": files["y"], "y_score": files["score"], "sensitive_features": files["sex"]}
    assert mg.Performance("roc_auc", at_least=0.9).run(**given).passed
    given |= {"y_pred": files["y"]}
    assert mg.Fairness("demographic_parity_difference", at_most=0.9).run(**given).passed
    by = {"positive": lambda table: [x > 0 for x in table["x"].to_pylist()]}
    gate = mg.Performance("accuracy", at_least=0.9, by=by)
    for data in (files["X"], [files["X"]]):
        result = gate.run(data=data, y_true=files["y"], y_pred=files["y"])
        assert result.verdict != mg.Verdict.ERROR, result.reason


def test_function_gates_get_the_path_of_a_table_and_the_rows_of_other_files(files):
    seen = {}

    @mg.gate
    def keep(*, data, reference, X, golden_X, y_true, sensitive_features):
        seen.update(locals())
        return True

    given = {"data": str(files["X"]), "reference": [files["X"]], "y_true": files["y"]}
    given |= dict.fromkeys(("X", "golden_X"), files["X"]) | {"sensitive_features": files["sex"]}
    result = keep.run(**given)
    assert result.passed, result.reason
    assert (seen["data"], seen["reference"]) == (str(files["X"]), [files["X"]])
    assert seen["X"].to_pydict() == seen["golden_X"].to_pydict() == {"x": [0.5, -1.0] * 50}
    assert seen["y_true"].tolist() == [1, 0] * 50
    assert seen["sensitive_features"].column_names == ["sex"]
    assert result.checks[0].n == 100


def test_function_gates_are_not_called_for_a_file_without_rows(tmp_path):
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "t.parquet")
    result = mg.gate(lambda data: True).run(data=tmp_path / "t.parquet")
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert mg.gate(lambda data: True).run(data=tmp_path / "no.parquet").verdict == "error"


def test_a_list_of_names_of_files_is_a_list_of_paths(tmp_path):
    paths = [str(write(tmp_path / f"{name}.csv", f"x\n{name}\n")) for name in (1, 2)]
    assert as_source(paths).arrow().column("x").to_pylist() == [1, 2]
    with pytest.raises(EvidenceError, match=r"missing\.parquet"):
        as_source(["missing.parquet", *paths])
    with pytest.raises(EvidenceError, match="got a list of str, which is not a table"):
        as_source(["yes", "no"])
