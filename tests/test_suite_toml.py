"""Suites in TOML: written and read again they are equal, or refused with the reason."""

import datetime as dt
import tomllib

import pytest
from gate_examples import people

import mlgates as mg


def adults(table):
    return [True] * len(table)


@mg.gate
def own(data):
    return True


WHOLE = mg.GateSuite(
    [
        mg.Schema(
            {
                "age": mg.Column("int", at_least=0, at_most=120, max_invalid=0.01),
                "joined": mg.Column("date", at_least=dt.date(2020, 1, 1), nullable=True),
                'odd "name"\n': "string",
                "country": mg.Column("string", isin=["DE", "FR"], required=False),
                "income": mg.Column("float", at_most=1e300),
            },
            extra="allow",
        ),
        mg.Completeness(
            ["age", "country"],
            missing_values=["?", -999, 0.5, True],
            expected={"country": ["DE", "IT"]},
            by="country",
            inconclusive="allow",
        ),
        mg.Freshness("seen", max_age="36h", clock_skew=0, name="fresh"),
        mg.Rule("age >= 18 or country == 'D\u00e9'", by={"old": "age > 60", "d e": "age < 5"}),
        mg.Unique(["age", "country"], max_duplicates=0.25),
        mg.Drift("ks", at_most=0.1, columns=["age"], after="schema", advisory=True),
        mg.Performance("roc_auc", at_least=0.8),
    ],
    name="loans \u2603",
)


def test_a_suite_is_equal_after_a_round_trip():
    text = WHOLE.to_toml()
    assert mg.GateSuite.from_toml(text) == WHOLE
    assert mg.GateSuite.from_toml(text).to_toml() == text
    assert tomllib.loads(text)["suite"] == {"name": "loans \u2603"}


def test_options_at_their_defaults_are_not_written():
    suite = mg.GateSuite([mg.Completeness(max_missing=0.05), mg.Schema({"x": "float"})], name="x")
    assert suite.to_toml() == (
        '[suite]\nname = "x"\n\n[[gates]]\ngate = "Completeness"\nmax_missing = 0.05\n\n'
        '[[gates]]\ngate = "Schema"\ncolumns = { x = "float" }\n'
    )


def test_many_columns_are_written_on_a_line_each():
    columns = {f"column_{i}": mg.Column("int", at_least=0) for i in range(9)}
    text = mg.GateSuite([mg.Schema(columns, extra="allow")]).to_toml()
    assert '\n[gates.columns]\ncolumn_0 = { dtype = "int", at_least = 0 }\ncolumn_1 =' in text
    assert text.index('extra = "allow"') < text.index("[gates.columns]")


def test_inner_suites_and_skipped_gates_are_kept():
    inner = mg.GateSuite([mg.Completeness(), mg.Drift("ks", after="completeness")], name="in/ner")
    deeper = mg.GateSuite([mg.Schema({"x": "float"}), inner], name="data")
    suite = mg.GateSuite([deeper, mg.Unique()], name="all").skip("unique", reason="not yet")
    again = mg.GateSuite.from_toml(suite.to_toml())
    assert again == suite
    assert again.names == (
        "data/schema",
        "data/in/ner/completeness",
        "data/in/ner/drift:ks",
        "unique",
    )
    report = again.run(data=people(), reference=people())
    assert report["unique"].verdict is mg.Verdict.SKIP


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (
            mg.GateSuite([own]),
            "own: only gates of mlgates can be written in TOML, got FunctionGate",
        ),
        (
            mg.GateSuite([mg.Completeness(by={"all": adults})]),
            "completeness: `by` can't be written in TOML: it is a function",
        ),
        (
            mg.GateSuite([mg.Freshness("x", max_age=dt.timedelta(hours=36))]),
            "`max_age` can't be written in TOML: write the duration as a text, '129600s'",
        ),
        (
            mg.GateSuite([mg.Schema({"x": "int"}), mg.Completeness(after="schema")]).only("compl*"),
            "can't be written in TOML: completeness: `after`",
        ),
    ],
)
def test_what_toml_cannot_express_is_refused(suite, message):
    with pytest.raises(mg.OptionError) as caught:
        suite.to_toml()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (3, "`text` must be"),
        ("", "`gates` must be one or more tables, [[gates]], got None"),
        ("gates = [", "not readable as TOML"),
        ("x = 1", "top level: unknown key 'x'; allowed: suite, gates"),
        (
            '[[gates]]\ngate = "Completeness"\nskip = ""',
            "gate 1 (Completeness): `skip` must be a n",
        ),
        (
            '[[gates]]\ngate = "Completeness"\nsuite = 3',
            "gate 1 (Completeness): `suite` must be a n",
        ),
        ('[[gates]]\ngate = "Completeness"\nafter = "schema"', "completeness: `after`"),
        ("#" * 2**21, "has 2,097,152 characters, at most 1,048,576 are allowed"),
    ],
)
def test_a_wrong_text_is_refused(text, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.GateSuite.from_toml(text)
    assert message in str(caught.value)
