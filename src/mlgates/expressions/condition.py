"""Conditions on the rows of a table, which are parsed once and evaluated on any batch of rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import scalar
from mlgates.errors import EvidenceError, OptionError
from mlgates.expressions import values
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
    Node,
    Not,
    parse_condition,
)
from mlgates.expressions.values import Value

__all__ = ["Condition", "column_text"]


@dataclass(frozen=True)
class Condition:
    """A condition on the columns of a table, which is true, false or missing for each row.

    Parameters
    ----------
    text : str
        The condition in the language of `parse_condition`.

    Raises
    ------
    OptionError
        If the text is not a condition.

    Examples
    --------
    >>> condition = Condition("status != 'paid' or amount > 0")
    >>> condition.columns
    ('status', 'amount')
    >>> table = {"status": pa.array(["open", "paid", "paid"]), "amount": pa.array([None, 5, None])}
    >>> condition.evaluate(table, 3).to_pylist()
    [True, True, None]
    """

    text: str
    tree: Node = field(init=False, compare=False, repr=False)
    columns: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", parse_condition(self.text))
        object.__setattr__(self, "columns", tuple(dict.fromkeys(_columns(self.tree))))

    def evaluate(
        self,
        columns: Mapping[str, pa.Array | pa.ChunkedArray],
        rows: int,
        halves: Collection[str] = (),
    ) -> pa.Array:
        """Return for each row whether the condition is true.

        The result is one bool per row, or null where it depends on a missing value.

        Parameters
        ----------
        columns : mapping of str to pyarrow.Array or pyarrow.ChunkedArray
            The columns by name, in plain types (see `mlgates.tables.field`) and not
            dictionary-encoded. Null and NaN are missing.
        rows : int
            Length of the columns.
        halves : collection of str
            Names of the columns that were float16 before they were converted to float32. A number
            such as 0.1 is rounded to float16 before it is compared with one of them.

        Raises
        ------
        EvidenceError
            If an operator does not support the types of its operands, or if integers overflow 64
            bits.
        """
        cells = _Cells()
        cells.halves = halves
        for name in self.columns:
            array = columns[name]
            array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
            cells[name] = values.without_nan(array)
        answer = _evaluate(self.tree, cells)
        if isinstance(answer, pa.Array):
            if pa.types.is_null(answer.type):
                return pa.nulls(rows, pa.bool_())
            if not pa.types.is_boolean(answer.type):
                kind = values.described(answer)
                raise EvidenceError(f"`{self.text}` is {kind}; a condition must be true or false")
            return answer
        return pa.repeat(scalar(answer, pa.bool_()), rows)


def column_text(name: str) -> str | None:
    """Return the name of a column as it is written in a condition, in backticks if needed.

    The result is None if a condition can't contain the name.

    Examples
    --------
    >>> column_text("age"), column_text("net pay"), column_text("in"), column_text("")
    ('age', '`net pay`', '`in`', None)
    """
    quoted = name.replace("`", "``")
    for written in (name, f"`{quoted}`"):
        with suppress(OptionError):
            if Condition(f"{written} <= 0").columns == (name,):
                return written
    return None


class _Cells(dict[str, pa.Array]):
    """A dict of the columns by name.

    `halves` has the names of the columns that were float16 in the user's table.
    """

    halves: Collection[str] = ()

    def as_compared(self, operand: Node, constants: Iterable[Value]) -> list[Value]:
        """Return the constants with which an operand is compared.

        If the operand is a column that was float16 in the user's table, constants with decimal
        places are rounded to float16. Otherwise the constants are unchanged.
        """
        is_half = isinstance(operand, Column) and operand.name in self.halves
        return [values.nearest_half(each) if is_half else each for each in constants]


def _columns(node: Node) -> Iterator[str]:
    """Yield the names of the columns that occur in a parsed condition, from left to right."""
    stack = [node]
    while stack:
        match stack.pop():
            case Column(name=name):
                yield name
            case Arithmetic(left=left, right=right):
                stack += [right, left]
            case Comparison(operands=operands) | Logical(operands=operands):
                stack += reversed(operands)
            case Negative(operand=inner) | Not(operand=inner) | IsMissing(operand=inner):
                stack.append(inner)
            case IsIn(operand=inner) | Call(operand=inner):
                stack.append(inner)


def _evaluate(node: Node, cells: _Cells) -> Value:
    """Compute the value of a node for all rows.

    The result is an Arrow array, or one constant for all rows (None for a missing value). `cells`
    has the columns by name. EvidenceError is raised for operators that do not support the types,
    and for integer overflow.
    """
    try:
        return _evaluated(node, cells)
    except values.TypeMismatchError as error:
        raise EvidenceError(f"`{node}`: {error}") from error
    except pa.ArrowInvalid as error:
        problem = "overflows 64 bits" if "overflow" in str(error) else "can't be computed"
        raise EvidenceError(f"`{node}` {problem} in at least one row") from error


def _evaluated(node: Node, cells: _Cells) -> Value:
    match node:
        case Column(name=name):
            return cells[name]
        case Constant(value=value):
            return value
        case Negative(operand=inner):
            return values.arithmetic("-", values.ZERO, _evaluate(inner, cells))
        case Arithmetic(operator=operator, left=left, right=right):
            pair = _evaluate(left, cells), _evaluate(right, cells)
            return values.arithmetic(operator, *pair)
        case Call(function=function, operand=inner):
            return values.call(function, _evaluate(inner, cells))
        case IsMissing(operand=inner):
            operand = _evaluate(inner, cells)
            return pc.is_null(operand) if isinstance(operand, pa.Array) else operand is None
        case IsIn(operand=inner, values=listed):
            constants = cells.as_compared(inner, (each.value for each in listed))
            return values.is_in(_evaluate(inner, cells), constants)
        case Not(operand=inner):
            return values.invert(_evaluate(inner, cells))
        case Comparison(operators=operators, operands=operands):
            found = [_evaluate(operand, cells) for operand in operands]
            for operand in operands:
                found = cells.as_compared(operand, found)
            compared = [
                values.compare(operator, left, right)
                for operator, left, right in zip(operators, found[:-1], found[1:], strict=True)
            ]
            return values.every(compared)
        case Logical(word=word, operands=operands):
            combine = values.every if word == "and" else values.some
            return combine([_evaluate(operand, cells) for operand in operands])
