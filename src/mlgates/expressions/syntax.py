"""The language of conditions: tokens, parser, and the tree of a parsed condition."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Literal, NamedTuple, NoReturn

from mlgates.errors import OptionError

__all__ = [
    "Arithmetic",
    "Call",
    "Column",
    "Comparison",
    "Constant",
    "IsIn",
    "IsMissing",
    "Logical",
    "Moment",
    "Negative",
    "Node",
    "Not",
    "Rounded",
    "parse_condition",
]

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
MAX_TERMS = 100

#: Kinds of values. None is the kind of a column, because it is not known before the table is read.
Kind = Literal["number", "text", "bool", "date", "timestamp"] | None

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])
    |(?P<name>[^\W\d]\w*)
    |(?P<quoted>`(?:[^`]|``)+`)
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<sign><=|>=|==|!=|<>|&&|\|\||\*\*|//|[-+*/%<>(),=&|~!^.\[\]{}@:;?$\\\#])""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false"})
_FUNCTIONS = ("abs", "len", "lower")
_LITERALS = ("date", "timestamp")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
#: Spellings of other languages, and what to write instead.
_SPELLINGS = {
    "=": "==", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or", "~": "not",
    "!": "not", "AND": "and", "OR": "or", "NOT": "not", "IN": "in", "IS": "is", "True": "true",
    "False": "false", "TRUE": "true", "FALSE": "false",
}  # fmt: skip
_MISSING = frozenset(
    "null NULL None none nan NaN NA isnull notnull isna notna MISSING".split()  # noqa: SIM905
)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_LARGEST_EXPONENT = 400
_DAY_NS = 86_400 * 10**9


class Rounded(Fraction):
    """A number that is written with a decimal point or an exponent in a condition.

    In a comparison with a column of floats, such a number is first rounded to the type of the
    column: for a column of float32, 0.1 means the float32 nearest to 0.1. Other numbers are plain
    fractions, which are compared exactly.
    """


class Moment(NamedTuple):
    """A timestamp that is written in a condition, as a number of nanoseconds since 1970.

    If `aware` is True, the timestamp has a time zone, and the number is in UTC. Otherwise it has
    none, and the number is in local time.
    """

    nanoseconds: int
    aware: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A node, in the tree of a parsed condition, for the value of a column in each row.

    `kind` is the type of a node's value. Here it is always None, because the type of a column is
    not known when a condition is parsed.
    """

    name: str
    kind: Kind = None

    def __str__(self) -> str:
        plain = re.fullmatch(r"[^\W\d]\w*", self.name) and self.name not in _KEYWORDS
        return self.name if plain else f"`{self.name.replace('`', '``')}`"


@dataclass(frozen=True, slots=True)
class Constant:
    """A node, in the tree of a parsed condition, for a constant that is written in it.

    `value` is the constant; numbers are exact. `kind` is its type, such as "number", and `text` is
    the constant as it was written.
    """

    value: Fraction | str | bool | date | Moment
    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Negative:
    """A node, in the tree of a parsed condition, for a negative sign, as in ``-x``."""

    operand: "Node"
    kind: Kind = "number"

    def __str__(self) -> str:
        return f"-{_operand_text(self.operand)}"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A node, in the tree of a parsed condition, for one of ``+ - * / %`` and its two operands."""

    operator: str
    left: "Node"
    right: "Node"
    kind: Kind = "number"

    def __str__(self) -> str:
        return f"{_operand_text(self.left)} {self.operator} {_operand_text(self.right)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A node, in the tree of a parsed condition, for comparisons such as ``a < b <= c``.

    There is one operator between every two neighbouring operands. The result is true if all
    comparisons are true.
    """

    operators: tuple[str, ...]
    operands: tuple["Node", ...]
    kind: Kind = "bool"

    def __str__(self) -> str:
        first, *rest = map(_operand_text, self.operands)
        pairs = zip(self.operators, rest, strict=True)
        return " ".join([first, *(f"{operator} {operand}" for operator, operand in pairs)])


@dataclass(frozen=True, slots=True)
class IsIn:
    """A node, in the tree of a parsed condition, for ``x in (...)``.

    It is true if the operand equals one of the constants in `values`.
    """

    operand: "Node"
    values: tuple[Constant, ...]
    kind: Kind = "bool"

    def __str__(self) -> str:
        return f"{_operand_text(self.operand)} in ({', '.join(map(str, self.values))})"


@dataclass(frozen=True, slots=True)
class IsMissing:
    """A node, in the tree of a parsed condition, for ``x is missing``.

    It is true if the operand is null or NaN.
    """

    operand: "Node"
    kind: Kind = "bool"

    def __str__(self) -> str:
        return f"{_operand_text(self.operand)} is missing"


@dataclass(frozen=True, slots=True)
class Not:
    """A node, in the tree of a parsed condition, for ``not``.

    True becomes false, false becomes true, and missing stays missing.
    """

    operand: "Node"
    kind: Kind = "bool"

    def __str__(self) -> str:
        return f"not {_operand_text(self.operand)}"


@dataclass(frozen=True, slots=True)
class Logical:
    """A node, in the tree of a parsed condition, for ``and`` or ``or`` between conditions.

    There are two or more conditions. With ``and``, the node is false if one of them is false; with
    ``or``, it is true if one of them is true. Otherwise it is missing if one of them is missing.
    Else it is true with ``and``, and false with ``or``.
    """

    word: str
    operands: tuple["Node", ...]
    kind: Kind = "bool"

    def __str__(self) -> str:
        return f" {self.word} ".join(map(_operand_text, self.operands))


@dataclass(frozen=True, slots=True)
class Call:
    """A node, in the tree of a parsed condition, for a call of ``abs``, ``len`` or ``lower``.

    `function` is the name, and `operand` its argument.
    """

    function: str
    operand: "Node"
    kind: Kind

    def __str__(self) -> str:
        return f"{self.function}({self.operand})"


Node = (
    Column | Constant | Negative | Arithmetic | Comparison | IsIn | IsMissing | Not | Logical | Call
)


def _operand_text(node: Node) -> str:
    """Return the text of an operand, in parentheses if it consists of several parts."""
    return str(node) if isinstance(node, Column | Constant | Call) else f"({node})"


def parse_condition(text: str) -> Node:
    """Parse the text of a condition into a tree of nodes.

    Parameters
    ----------
    text : str
        At most 10,000 characters, nested at most 50 deep. The grammar::

            condition  = conjunction {"or" conjunction}
            conjunction = negation {"and" negation}
            negation   = "not" negation | relation
            relation   = sum {("<"|"<="|">"|">="|"=="|"!=") sum}
                       | sum ["not"] "in" "(" constant {"," constant} ")"
                       | sum "is" ["not"] "missing"
            sum        = product {("+"|"-") product}
            product    = factor {("*"|"/"|"%") factor}
            factor     = ("-"|"+") factor | atom
            atom       = number | string | "true" | "false" | column | "(" condition ")"
                       | ("abs"|"len"|"lower") "(" condition ")"
                       | ("date"|"timestamp") "(" string ")"

    Raises
    ------
    OptionError
        If the text is not a condition. The message has the position in the text. For an operator of
        another language, such as ``&``, ``&&`` or ``=``, it says what to write instead.

    Examples
    --------
    >>> print(parse_condition("status != 'paid' or amount > 0"))
    (status != 'paid') or (amount > 0)
    >>> parse_condition("a & b")
    Traceback (most recent call last):
    mlgates.errors.OptionError: at character 3 of 'a & b': unexpected '&'; write `and`
    """
    if len(text) > MAX_CHARACTERS:
        raise OptionError(
            f"a condition has at most {MAX_CHARACTERS:,} characters, got {len(text):,}"
        )
    return _Parser(text).condition()


class _Token(NamedTuple):
    kind: str  # "number", "name", "quoted", "text", "sign" or "end"
    text: str
    place: int


class _Parser:
    """A recursive descent parser for conditions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[_Token] = []
        self._at = 0
        self._tokens = list(self._split())
        self._depth = 0

    def condition(self) -> Node:
        """Parse the whole text, and return the top node of the tree."""
        if self._token.kind == "end":
            raise OptionError("expected a condition, got an empty string")
        node = self._or()
        if self._token.kind != "end":
            self._unexpected(self._token)
        if node.kind not in (None, "bool"):
            kind = _name_of(node.kind)
            self._refuse(f"expected a condition that is true or false, got a {kind}", None)
        return node

    def _split(self) -> Iterator[_Token]:
        place = 0
        while place < len(self._text):
            match = _TOKEN.match(self._text, place)
            token = _Token("sign", self._text[place], place)
            if match is None or match.lastgroup is None:
                quote = self._text[place]
                if quote in "'\"`":
                    self._refuse(f"the quotation mark {quote} is not closed", token)
                self._unexpected(token)
            if match.lastgroup != "space":
                yield _Token(match.lastgroup, match[0], place)
            place = match.end()
        yield _Token("end", "", place)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _takes(self, *texts: str) -> str | None:
        """Read the next token if it is one of the given signs or keywords, and return its text.

        If it is another token, it is not read, and the result is None.
        """
        token = self._token
        if token.kind in ("sign", "name") and token.text in texts:
            self._at += 1
            return token.text
        return None

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            self._unexpected(self._token, f"expected {text!r}")

    def _refuse(self, problem: str, token: _Token | None, hint: str = "") -> NoReturn:
        """Raise OptionError for a problem at a token of the text.

        If `token` is None, the problem is about the whole text. `hint` is the end of the message.
        """
        place = token.place if token else 0
        start = max(place - 30, 0)
        shown = self._text[start : start + 60]
        cut = "..." if len(self._text) > start + 60 else ""
        shown = repr(f"{'...' if start else ''}{shown}{cut}")
        if token:
            msg = f"at character {place + 1:,} of {shown}: {problem}{hint}"
        else:
            msg = f"{problem} in {shown}{hint}"
        raise OptionError(msg)

    def _unexpected(self, token: _Token, expected: str = "") -> NoReturn:
        """Raise OptionError for an unexpected token; if possible, say what to write instead.

        `expected` is the first part of the message, such as "expected ')'".
        """
        if token.kind == "end":
            shown = repr(f"{'...' if len(self._text) > 60 else ''}{self._text[-60:]}")
            lacking = f": {expected} at its end" if expected else ""
            raise OptionError(f"{shown} is incomplete{lacking}")
        got, hint = f"{'got' if expected else 'unexpected'} {token.text!r}", ""
        if token.text in _SPELLINGS:
            hint = f"; write `{_SPELLINGS[token.text]}`"
        elif token.text in (".", "["):
            after = self._tokens[self._at + 1].text if self._at + 1 < len(self._tokens) else ""
            hint = "; write a name with other characters in backticks: `a.b`"
            if after in _MISSING:
                hint = "; write `x is missing`"
        elif token.text in _MISSING:
            hint = "; write `x is missing` or `x is not missing`"
        elif token.text in ("**", "//", "^"):
            hint = "; operators are + - * / %"
        self._refuse(f"{expected}, {got}" if expected else got, token, hint)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        """Enter one more level of nesting; raise OptionError if there are more than 50 levels."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"a condition can be nested at most {MAX_DEPTH} levels deep", self._token)
        yield
        self._depth -= 1

    def _or(self) -> Node:
        with self._nested():
            return self._logic("or", self._and)

    def _and(self) -> Node:
        return self._logic("and", self._not)

    def _logic(self, word: str, operand: Callable[[], Node]) -> Node:
        token, first = self._token, operand()
        if not self._is(word):
            return first
        self._require(first, "bool", word, token)
        operands = [first]
        while self._takes(word):
            token = self._token
            operands.append(operand())
            self._require(operands[-1], "bool", word, token)
        return Logical(word, tuple(operands))

    def _is(self, word: str) -> bool:
        return self._token.kind == "name" and self._token.text == word

    def _not(self) -> Node:
        if self._takes("not"):
            token = self._token
            with self._nested():
                operand = self._not()
            self._require(operand, "bool", "not", token)
            return Not(operand)
        return self._relation()

    def _relation(self) -> Node:
        start, first = self._token, self._sum()
        operators, operands = [], [first]
        while operator := self._takes(*_COMPARISONS):
            token = self._token
            operators.append(operator)
            operands.append(self._sum())
            self._require_alike(operands[-2], operands[-1], operator, token)
        if operators:
            return Comparison(tuple(operators), tuple(operands))
        negated = self._is("not") and self._tokens[self._at + 1].text == "in"
        if negated:
            self._at += 1
        if self._takes("in"):
            node: Node = self._in(first)
        elif self._takes("is"):
            negated = self._takes("not") is not None
            if not self._takes("missing"):
                self._unexpected(self._token, "expected 'missing'")
            node = IsMissing(first)
        else:
            if self._is("not"):
                self._unexpected(self._token)
            return first
        if isinstance(first, Constant):
            self._refuse(f"{first} is a constant, expected a column", start)
        return Not(node) if negated else node

    def _in(self, operand: Node) -> Node:
        self._expect("(")
        values = []
        while True:
            token = self._token
            value = self._factor()
            if not isinstance(value, Constant):
                self._refuse("expected a constant in the list", token)
            self._require_alike(operand, value, "in", token)
            values.append(value)
            if not self._takes(","):
                break
        self._expect(")")
        return IsIn(operand, tuple(values))

    def _sum(self) -> Node:
        return self._arithmetic(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._arithmetic(("*", "/", "%"), self._factor)

    def _arithmetic(self, signs: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        token, node, terms = self._token, operand(), 1
        while operator := self._takes(*signs):
            right_token, right, terms = self._token, operand(), terms + 1
            if terms > MAX_TERMS:
                self._refuse(f"a sum or product has at most {MAX_TERMS} terms", right_token)
            self._require(node, "number", operator, token)
            self._require(right, "number", operator, right_token)
            node = Arithmetic(operator, node, right)
        return node

    def _factor(self) -> Node:
        if sign := self._takes("-", "+"):
            token = self._token
            with self._nested():
                operand = self._factor()
            self._require(operand, "number", sign, token)
            if sign == "+":
                return operand
            if isinstance(operand, Constant) and isinstance(operand.value, Fraction):
                return Constant(type(operand.value)(-operand.value), "number", f"-{operand.text}")
            return Negative(operand)
        return self._atom()

    def _atom(self) -> Node:
        token = self._token
        if token.kind in ("end", "sign") and token.text != "(":
            self._unexpected(token)
        self._at += 1
        if token.kind == "sign":
            with self._nested():
                node = self._or()
            self._expect(")")
            return node
        if token.kind == "number":
            exponent = re.search(r"[eE]([+-]?[0-9]+)", token.text)
            if exponent and abs(int(exponent[1])) > _LARGEST_EXPONENT:
                self._refuse(f"an exponent must be from -400 to 400, got {token.text}", token)
            kind = Fraction if token.text.isdecimal() else Rounded
            return Constant(kind(token.text), "number", token.text)
        if token.kind == "text":
            quote = token.text[0]
            value = token.text[1:-1].replace(quote * 2, quote)
            return Constant(value, "text", "'" + value.replace("'", "''") + "'")
        if token.kind == "quoted":
            return Column(token.text[1:-1].replace("``", "`"))
        return self._named(token)

    def _named(self, token: _Token) -> Node:
        """Parse what begins with a name: a column, a function call, a time, true or false."""
        name = token.text
        if name in ("true", "false"):
            return Constant(name == "true", "bool", name)
        if self._token.text == "(" and self._token.kind == "sign":
            if name in _LITERALS:
                return self._time(name)
            if name not in _FUNCTIONS:
                self._refuse(f"unknown function {name!r}; functions are abs, len, lower", token)
            self._at += 1
            inside = self._token
            with self._nested():
                operand = self._or()
            self._expect(")")
            takes: Kind = "number" if name == "abs" else "text"
            self._require(operand, takes, name, inside)
            return Call(name, operand, "text" if name == "lower" else "number")
        if name in _KEYWORDS or name in _MISSING or name in _SPELLINGS:
            self._at -= 1
            self._unexpected(token)
        return Column(name)

    def _time(self, name: str) -> Constant:
        """Parse a call such as ``date('2026-01-31')`` or ``timestamp('2026-01-31T06:00:00Z')``."""
        self._expect("(")
        token = self._token
        value = token.text[1:-1]
        if token.kind != "text":
            self._unexpected(token, f"expected a string in quotes, as in {name}('2026-01-31')")
        self._at += 1
        self._expect(")")
        parsed: date | Moment | None = None
        try:
            if name == "date":
                if len(value) == len("2026-01-31"):
                    parsed = date.fromisoformat(value)
            elif match := _TIMESTAMP.fullmatch(value):
                day, clock, fraction, zone = match.groups()
                moment = datetime.fromisoformat(f"{day}T{clock}{zone or '+00:00'}")
                since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
                whole = since.days * _DAY_NS + since.seconds * 10**9
                parsed = Moment(whole + int((fraction or "0").ljust(9, "0")), zone is not None)
        except ValueError:
            parsed = None
        if parsed is None:
            example = "2026-01-31" if name == "date" else "2026-01-31T06:00:00+01:00"
            self._refuse(f"{value!r} is not a {name} such as {example!r}", token)
        return Constant(parsed, "date" if name == "date" else "timestamp", f"{name}('{value}')")

    def _require(self, node: Node, kind: Kind, operator: str, token: _Token) -> None:
        if node.kind not in (None, kind):
            needed = {"bool": "conditions", "number": "numbers", "text": "strings"}[str(kind)]
            problem = f"`{operator}` takes {needed}, got a {_name_of(node.kind)}"
            self._refuse(problem, token)

    def _require_alike(self, left: Node, right: Node, operator: str, token: _Token) -> None:
        kinds = {left.kind, right.kind} - {None}
        if len(kinds) > 1 and kinds != {"date", "timestamp"}:
            names = _name_of(left.kind), _name_of(right.kind)
            problem = f"`{operator}` can't compare a {names[0]} with a {names[1]}"
            self._refuse(problem, token)
        if kinds == {"bool"} and operator not in ("==", "!=", "in"):
            self._refuse(
                f"`{operator}` can compare numbers, strings and times, got a condition", token
            )


def _name_of(kind: Kind) -> str:
    """Return the name of a kind of values for messages."""
    return "string" if kind == "text" else str(kind)
