"""Conditions on rows equal a slow evaluation of each row, for every type of column."""

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError, OptionError
from mlgates.expressions.condition import Condition
from mlgates.expressions.syntax import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Constant,
    IsIn,
    IsMissing,
    Logical,
    Negative,
    Not,
    parse_condition,
)


def holds(text, **columns):
    arrays = {k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()}
    rows = max(map(len, arrays.values()), default=1)
    return Condition(text).evaluate(arrays, rows).to_pylist()


# An oracle: one row, in Python's exact numbers.

SIGNS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def of_row(node, row):
    match node:
        case Column(name=name):
            return row[name]
        case Constant(value=value):
            return value
        case Negative(operand=inner):
            value = of_row(inner, row)
            return None if value is None else -value
        case Arithmetic(operator=sign, left=left, right=right):
            return arithmetic(sign, of_row(left, row), of_row(right, row))
        case Call(function=function, operand=inner):
            value = of_row(inner, row)
            return (
                None
                if value is None
                else {"abs": abs, "len": len, "lower": str.lower}[function](value)
            )
        case IsMissing(operand=inner):
            return of_row(inner, row) is None
        case IsIn(operand=inner, values=values):
            value = of_row(inner, row)
            return some([equal(value, each.value) for each in values])
        case Not(operand=inner):
            value = of_row(inner, row)
            return None if value is None else not value
        case Comparison(operators=operators, operands=operands):
            found = [of_row(operand, row) for operand in operands]
            pairs = zip(operators, found[:-1], found[1:], strict=True)
            return every(
                [None if a is None or b is None else SIGNS[s](*alike(a, b)) for s, a, b in pairs]
            )
        case Logical(word=word, operands=operands):
            combine = every if word == "and" else some
            return combine([of_row(operand, row) for operand in operands])


def alike(a, b):
    """Return values to compare with a double: decimals and fractions as nearest doubles."""
    if isinstance(a, Decimal) and isinstance(b, float):
        return float(a), b
    if isinstance(a, float) and isinstance(b, Decimal):
        return a, float(b)
    if isinstance(a, float) and isinstance(b, Fraction) and b.denominator != 1:
        return a, float(b)
    if isinstance(b, float) and isinstance(a, Fraction) and a.denominator != 1:
        return float(a), b  # (whole numbers with a point are not drawn)
    return a, b


def equal(a, b):
    return None if a is None else SIGNS["=="](*alike(a, b))


def every(values):
    return False if False in values else None if None in values else True


def some(values):
    return True if True in values else None if None in values else False


def arithmetic(sign, a, b):
    if a is None or b is None or (sign in "/%" and b == 0):
        return None
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
        with np.errstate(all="ignore"):
            a, b = np.float64(a), np.float64(b)
            value = {"+": a + b, "-": a - b, "*": a * b}.get(sign)
            if value is None:
                value = a / b if sign == "/" else np.remainder(a, b)
        return None if math.isnan(value) else float(value)
    a, b = Fraction(a), Fraction(b)
    if sign == "/":
        return float(a / b)
    return {"+": a + b, "-": a - b, "*": a * b, "%": a % b if b else None}[sign]


whole = st.integers(-(2**31), 2**31) | st.sampled_from([2**53 + 1, -(2**53) - 1, 2**62, 0, 1])
small = st.integers(-5, 5)
floats = st.floats(allow_nan=False, width=64) | small.map(float) | st.just(float(2**53))
decimals = st.decimals(-1000, 1000, places=2)
texts = st.sampled_from(["", "a", "B", "paid", "é", "\U0001f600"])


def maybe(values):
    return st.lists(st.none() | values, min_size=4, max_size=4)


TABLES = st.fixed_dictionaries(
    {
        "i": maybe(whole | small),
        "j": maybe(small),
        "f": maybe(floats),
        "d": maybe(decimals),
        "t": maybe(texts),
        "b": maybe(st.booleans()),
    }
)
ARROW = {
    "i": pa.int64(), "j": pa.int8(), "f": pa.float64(), "d": pa.decimal128(7, 2),
    "t": pa.large_string(), "b": pa.bool_(),
}  # fmt: skip
numbers = st.sampled_from(["i", "j", "f", "d", "0", "1", "-3", "0.5", "2.25", "9007199254740993"])
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def _terms(inner):
    binary = st.tuples(inner, st.sampled_from("+-*/%"), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    )
    return binary | inner.map(lambda t: f"abs({t})") | inner.map(lambda t: f"(-{t})")


terms = st.recursive(numbers, _terms, max_leaves=3) | st.just("len(t)")
relations = (
    st.tuples(terms, signs, terms).map(" ".join)
    | st.tuples(terms, signs, terms, signs, terms).map(" ".join)
    | st.tuples(
        st.sampled_from(["t", "lower(t)"]), signs, st.sampled_from(["t", "'a'", "'paid'"])
    ).map(" ".join)
    | terms.map(lambda t: f"{t} in (1, 0.5, -3)")
    | st.sampled_from(["t in ('a', 'paid')", "t not in ('', 'B')", "b", "not b", "b == true"])
    | terms.filter(lambda t: any(c in t for c in "ijfdt")).map(lambda t: f"{t} is missing")
    | st.sampled_from(["t is not missing", "b is missing", "i in (1, 2)", "f not in (0.5, 1)"])
)
conditions = st.recursive(
    relations,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda t: f"({t[0]}) {t[1]} ({t[2]})"
        )
        | inner.map(lambda t: f"not ({t})")
    ),
    max_leaves=4,
)


@given(TABLES, conditions)
def test_conditions_equal_a_slow_evaluation_row_by_row(table, text):
    try:
        tree = parse_condition(text)
    except OptionError as error:
        assert "is a constant" in str(error)  # noqa: PT017
        return
    arrays = {name: pa.array(values, ARROW[name]) for name, values in table.items()}
    try:
        found = Condition(text).evaluate(arrays, 4).to_pylist()
    except EvidenceError as error:
        assert "overflows" in str(error) or "digits" in str(error)  # noqa: PT017
        return
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    assert found == [of_row(tree, row) for row in rows], text


# what each type means, case by case

UTC = dt.UTC
CASES = [
    # numbers as written
    ("x == 0.1", pa.array([0.1, 0.25], pa.float32()), [True, False]),
    ("x <= 0.1", pa.array([0.1], pa.float32()), [True]),
    ("x == 0.1", pa.array([Decimal("0.10"), Decimal("0.11")]), [True, False]),
    ("x in (0.1, 0.3)", pa.array([0.1, 0.2, 0.3], pa.float32()), [True, False, True]),
    ("x == 1e20", pa.array([1e20, 1e19], pa.float32()), [True, False]),
    ("x == -1e20", pa.array([-1e20], pa.float32()), [True]),
    ("x == 100000000000000000000", pa.array([1e20], pa.float32()), [False]),
    ("x < 1e300", pa.array([3.0, math.inf], pa.float32()), [True, False]),
    ("x > -1e400", pa.array([-1e308, -math.inf]), [True, False]),
    ("x == 9007199254740993", pa.array([2.0**53, 2.0**53 + 2]), [False, False]),
    ("x < 9007199254740993", pa.array([2.0**53, 2.0**53 + 2]), [True, False]),
    ("x == 9007199254740993", pa.array([2**53 + 1, 2**53]), [True, False]),
    ("x < 300", pa.array([100, None], pa.int8()), [True, None]),
    ("x == 300", pa.array([100, None], pa.int8()), [False, None]),
    ("x > 2.5", pa.array([2, 3]), [False, True]),
    ("x != 2.5", pa.array([2, None]), [True, None]),
    ("x >= 18446744073709551615", pa.array([2**64 - 1, 5], pa.uint64()), [True, False]),
    ("x + 1 > x", pa.array([2**64 - 1, 5], pa.uint64()), [True, True]),
    ("x * x > 0", pa.array([2**64 - 1], pa.uint64()), [True]),
    ("x - 200 < 0", pa.array([100], pa.uint8()), [True]),
    ("x + 100 > 127", pa.array([100], pa.int8()), [True]),
    ("abs(x) == 128", pa.array([-128], pa.int8()), [True]),
    # missing
    ("x > 1", pa.array([2.0, math.nan, None]), [True, None, None]),
    ("x == x", pa.array([math.nan, math.inf]), [None, True]),
    ("x is missing", pa.array([1.0, math.nan, None]), [False, True, True]),
    ("x is not missing", pa.array(["a", None]), [True, False]),
    ("x - x == 0", pa.array([math.inf, 1.0]), [None, True]),
    ("x > 1", pa.nulls(2), [None, None]),
    ("x > 1 or true", pa.nulls(2), [True, True]),
    ("not (x > 1)", pa.array([None, 1, 2]), [None, True, False]),
    # division
    ("x / 0 > 1", pa.array([1, 0]), [None, None]),
    ("x / 2 == 0.5", pa.array([1, 2]), [True, False]),
    ("x % 3 == 2", pa.array([-1, 5, 4]), [True, True, False]),
    ("x % -3 == -1", pa.array([-1, 5, 4]), [True, True, False]),
    ("x % 0 == 0", pa.array([1]), [None]),
    ("x % 0.5 == 0", pa.array([1.5, 1.25]), [True, False]),
    ("x % -1 == 0", pa.array([-(2**63)]), [True]),
    ("x / 0.1 >= 3", pa.array([Decimal("0.3")]), [True]),
    ("9007199254740993 / x == 3002399751580331", pa.array([3]), [True]),
    ("1 / 3 * x == 1", pa.array([3.0]), [True]),
    # texts
    ("len(x) == 1", pa.array(["\u00e9", "\U0001f600", "ab", None]), [True, True, False, None]),
    ("lower(x) == 'a'", pa.array(["A", "b"]), [True, False]),
    ("x < 'b'", pa.array(["a", "b"], pa.large_string()), [True, False]),
    ("x == 'it''s'", pa.array(["it's"]), [True]),
    ('x == "it\'s"', pa.array(["it's"]), [True]),
    # bools
    ("x", pa.array([True, False, None]), [True, False, None]),
    ("x != true", pa.array([True, False, None]), [False, True, None]),
    ("x and true", pa.array([True, None]), [True, None]),
    # times
    (
        "x < date('2026-02-01')",
        pa.array([dt.date(2026, 1, 31), dt.date(2026, 2, 1)]),
        [True, False],
    ),
    ("x <= timestamp('2026-01-31 00:00')", pa.array([dt.date(2026, 1, 31)]), [True]),
    ("x > date('2026-01-31')", pa.array([dt.datetime(2026, 1, 31, 0, 0, 1)]), [True]),
    (
        "x == timestamp('2026-01-31T06:00:00+01:00')",
        pa.array([dt.datetime(2026, 1, 31, 5, tzinfo=UTC)]),
        [True],
    ),
    (
        "x < timestamp('2026-01-31T05:00:00.000000001Z')",
        pa.array([dt.datetime(2026, 1, 31, 5, tzinfo=UTC)], pa.timestamp("s", "Europe/Berlin")),
        [True],
    ),
    ("x < date('9999-12-31')", pa.array([0], pa.timestamp("ns")), [True]),
]


@pytest.mark.parametrize(("text", "x", "expected"), CASES)
def test_values_of_each_type(text, x, expected):
    assert holds(text, x=x) == expected


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("a <= b", {"a": pa.array([1], pa.int64()), "b": pa.array([2**64 - 1], pa.uint64())}, True),
        ("a < b", {"a": pa.array([2**53 + 1]), "b": pa.array([2.0**53])}, False),
        ("a > b", {"a": pa.array([2**53 + 1]), "b": pa.array([2.0**53])}, True),
        ("b < a", {"a": pa.array([2**53 + 1]), "b": pa.array([2.0**53])}, True),
        ("a == b", {"a": pa.array([Decimal("0.10")]), "b": pa.array([0.1])}, True),
        ("a == b", {"a": pa.array([Decimal("0.1")]), "b": pa.array([Decimal("0.100")])}, True),
        ("a == b", {"a": pa.array([Decimal("0.3")]), "b": pa.array([0.3])}, True),
        ("a + b == 0.75", {"a": pa.array([Decimal("0.3")]), "b": pa.array([0.45])}, True),
        (
            "a == b",
            {
                "a": pa.array([Decimal("123456789012345678901.3")]),
                "b": pa.array([float("123456789012345678901.3")]),
            },
            True,
        ),
        ("a + b == 0.3", {"a": pa.array([Decimal("0.1")]), "b": pa.array([Decimal("0.20")])}, True),
        ("a + b == 3", {"a": pa.array([1], pa.int8()), "b": pa.array([2], pa.uint32())}, True),
        (
            "a == b",
            {"a": pa.array([1], pa.timestamp("s")), "b": pa.array([10**9], pa.timestamp("ns"))},
            True,
        ),
        (
            "a > b",
            {"a": pa.array([10**12], pa.timestamp("s")), "b": pa.array([1], pa.timestamp("ns"))},
            True,
        ),
        ("a < b", {"a": pa.array([0], pa.date32()), "b": pa.array([1], pa.timestamp("us"))}, True),
        (
            "a < b",
            {"a": pa.array([1], pa.duration("s")), "b": pa.array([2], pa.duration("ms"))},
            False,
        ),
    ],
)
def test_columns_of_two_types_compare_by_value(text, columns, expected):
    assert holds(text, **columns) == [expected]


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        (
            "x > 1",
            pa.array(["a"]),
            "`x > 1`: can't compare a value of type string with a number",
        ),
        ("x == 'a'", pa.array([1]), "can't compare a value of type int64"),
        ("x in (1, 2)", pa.array(["a"]), "can't compare a value of type string"),
        ("x in ('a', 'b')", pa.array([1]), "can't compare a value of type int64"),
        ("x + 1 > 0", pa.array(["a"]), "`+` takes numbers, got a value of type string"),
        ("x", pa.array([1]), "`x` is a value of type int64; a condition must be true or false"),
        ("x and true", pa.array([1]), "a value of type int64 is not true or false"),
        ("len(x) > 1", pa.array([1]), "`len` takes strings, got a value of type int64"),
        ("abs(x) > 1", pa.array(["a"]), "`abs` takes numbers, got a value of type string"),
        ("x + 1 > 0", pa.array([2**63 - 1]), "`x + 1` overflows 64 bits"),
        ("-x > 0", pa.array([-(2**63)]), "`-x` overflows 64 bits"),
        ("x * x > 0", pa.array([2**40]), "`x * x` overflows 64 bits"),
        ("x < date('2026-01-31')", pa.array([0], pa.timestamp("s", "UTC")), "one time has a zone"),
        (
            "x < timestamp('2026-01-31T00:00Z')",
            pa.array([0], pa.timestamp("s")),
            "one time has a z",
        ),
        (
            "x > true",
            pa.array([True]),
            "`>` can compare numbers, strings and times, got a condition",
        ),
        ("x == 1", pa.array([[1]]), "can't compare a value of type list"),
    ],
)
def test_types_that_do_not_fit_are_an_error_of_the_evidence(text, x, message):
    with pytest.raises((EvidenceError, OptionError)) as caught:
        holds(text, x=x)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a condition, got an empty string"),
        ("a & b", "at character 3 of 'a & b': unexpected '&'; write `and`"),
        ("a > 1 && b", "at character 7 of 'a > 1 && b': unexpected '&&'; write `and`"),
        ("a > 1 | b", "write `or`"),
        ("~a", "at character 1 of '~a': unexpected '~'; write `not`"),
        ("a = 1", "at character 3 of 'a = 1': unexpected '='; write `==`"),
        ("a <> 1", "write `!=`"),
        ("a > 1 AND b", "write `and`"),
        ("a == True", "write `true`"),
        ("a == None", "write `x is missing` or `x is not missing`"),
        ("a is null", "at character 6 of 'a is null': expected 'missing', got 'null'"),
        ("a.isnull()", "at character 2 of 'a.isnull()': unexpected '.'; write `x is missing`"),
        ("a.b > 1", "write a name with other characters in backticks: `a.b`"),
        ("a ** 2 > 1", "operators are + - * / %"),
        ("a //2 > 1", "operators are + - * / %"),
        (
            "sqrt(a) > 1",
            "at character 1 of 'sqrt(a) > 1': unknown function 'sqrt'; functions are abs, len",
        ),
        ("__import__('os')", "unknown function '__import__'"),
        ("a > 'x", "at character 5 of \"a > 'x\": the quotation mark ' is not closed"),
        ("`a > 1", "at character 1 of '`a > 1': the quotation mark ` is not closed"),
        ("a >", "'a >' is incomplete"),
        ("(a > 1", "'(a > 1' is incomplete: expected ')' at its end"),
        ("a > 1)", "at character 6 of 'a > 1)': unexpected ')'"),
        ("a in 1", "expected '(', got '1'"),
        ("a in ()", "unexpected ')'"),
        ("a in (b)", "at character 7 of 'a in (b)': expected a constant in the list"),
        ("a + 1", "expected a condition that is true or false, got a number in 'a + 1'"),
        ("'x'", "expected a condition that is true or false, got a string"),
        ("1 < 'a'", "at character 5 of \"1 < 'a'\": `<` can't compare a number with a string"),
        ("'a' + 1 > 2", "at character 1 of \"'a' + 1 > 2\": `+` takes numbers, got a string"),
        ("not 3", "`not` takes conditions, got a number"),
        ("a > 1 and 5", "at character 11 of 'a > 1 and 5': `and` takes conditions, got a number"),
        ("1 is missing", "1 is a constant, expected a column"),
        ("a not > 1", "unexpected 'not'"),
        ("date('2026-02-30') < a", "'2026-02-30' is not a date such as '2026-01-31'"),
        ("date(2026) < a", "expected a string in quotes, as in date('2026-01-31'), got '2026'"),
        ("timestamp('now') < a", "'now' is not a timestamp such as"),
        ("a > 1e500", "an exponent must be from -400 to 400, got 1e500"),
        ("1a > 2", "at character 1 of '1a > 2': unexpected '1'"),
        ("a > 1; b", "at character 6 of 'a > 1; b': unexpected ';'"),
        ("a\x00 > 1", "at character 2 of 'a\\x00 > 1': unexpected '\\x00'"),
        ("(" * 60 + "a" + ")" * 60, "a condition can be nested at most 50 levels"),
        ("not " * 60 + "a", "a condition can be nested at most 50 levels"),
        ("-" * 60 + "a > 1", "a condition can be nested at most 50 levels"),
        ("a" + " + a" * 200 + " > 1", "a sum or product has at most 100 terms"),
        ("a" * 10_001, "a condition has at most 10,000 characters, got 10,001"),
    ],
)
def test_what_the_language_lacks_is_refused_with_its_place(text, message):
    with pytest.raises(OptionError) as caught:
        parse_condition(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a < b or `c d` == 'e'", ("a", "b", "c d")),
        ("`a``b` is missing", ("a`b",)),
        ("stra\u00dfe > 1 and stra\u00dfe < 5", ("stra\u00dfe",)),
        ("true", ()),
    ],
)
def test_columns_of_a_condition_in_order_of_appearance(text, columns):
    assert Condition(text).columns == columns


@given(conditions)
def test_the_text_of_a_parsed_condition_means_the_same(text):
    try:
        tree = parse_condition(text)
    except OptionError:
        return
    assert str(parse_condition(str(tree))) == str(tree)


def test_a_long_flat_condition_is_evaluated():
    text = " or ".join(f"x>{i}" for i in range(900, 1800))
    assert holds(text, x=pa.array([901, 900])) == [True, False]
