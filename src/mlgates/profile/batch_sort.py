"""Float columns of few rows, looked at many at a time.

A call of numpy costs a microsecond or more whatever it works on, and threads that make many short
ones wait for each other. So columns are copied into a matrix, a row each, and each call serves all
of them.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.profile.column import ColumnView, Swept
from mlgates.profile.hashing import float_sums
from mlgates.tables.threads import each, threads_for

__all__ = ["look_together"]

#: Values of a matrix: they stay in a processor's cache, and one call takes long enough for threads.
_VALUES = 1 << 16
#: From so many values on, threads gain more than they cost.
_MANY = 1 << 19

Floats: TypeAlias = npt.NDArray[np.float64]
Group: TypeAlias = tuple[Sequence[ColumnView], bool]


def look_together(
    views: Iterable[ColumnView], ordered: Collection[str], n_jobs: int | None = None
) -> None:
    """Fill `ColumnView.swept`, and `ordered` where it is wanted, of what can be filled together.

    These are columns of floats of one batch, without nulls and NaN, in one chunk; all others fill
    theirs when they are asked.

    Parameters
    ----------
    views : iterable of ColumnView
        Columns of one batch.
    ordered : collection of str
        Names of those that will be asked for their sorted values.
    n_jobs : int, optional
        Number of threads; default: as many as processors where there are many values.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlgates.tables.field import Field
    >>> views = [ColumnView(pa.array([x, 1.5]), Field("x", "float", "double")) for x in (2.0, 0.5)]
    >>> look_together(views, {"x"})
    >>> views[0].is_ordered, views[0].ordered
    (True, array([1.5, 2. ]))
    """
    fitting = [view for view in views if _fits(view)]
    if not fitting:
        return
    rows = fitting[0].rows
    width = _VALUES // rows
    groups: list[Group] = []
    for wanted in (True, False):
        some = [view for view in fitting if (view.field.name in ordered) == wanted]
        groups += [(some[i : i + width], wanted) for i in range(0, len(some), width)]
    threads = threads_for(n_jobs, is_large=rows * len(fitting) >= _MANY)
    threads = min(threads, len(groups))
    if threads == 1 and len(groups) == len(fitting):
        # Nothing is gained by matrices of one column.
        return
    each(_look_at_all, [groups[i::threads] for i in range(threads)], threads)


def _fits(view: ColumnView) -> bool:
    array = view.array
    return (
        view.field.kind == "float"
        and 0 < len(array) <= _VALUES
        and array.num_chunks == 1
        and array.null_count == 0
    )


def _look_at_all(groups: Iterable[Group]) -> None:
    scratch = np.empty((0, 0))
    # Whatever is done to some kinds of NaN is invalid, and says so, before they are found.
    with np.errstate(invalid="ignore"):
        for views, sort in groups:
            shape = len(views), views[0].rows
            if scratch.shape != shape:
                scratch = np.empty(shape)
            _look(views, scratch, sort=sort)


def _look(views: Sequence[ColumnView], scratch: Floats, *, sort: bool) -> None:
    columns = [view.floats for view in views]
    np.stack(columns, out=scratch)
    matrix = np.empty_like(scratch)
    low, high = np.minimum.reduce(scratch, axis=1), np.maximum.reduce(scratch, axis=1)
    # Each uses the memory of the other.
    sums = float_sums(scratch, matrix).tolist()
    # One zero of the two.
    ends = zip((low + 0.0).tolist(), (high + 0.0).tolist(), strict=True)
    if sort:
        np.add(np.stack(columns, out=matrix), 0.0, out=matrix)
        matrix.sort(axis=1)
        matrix.flags.writeable = False
    for view, values, (least, greatest), total in zip(views, matrix, ends, sums, strict=True):
        if least == least:  # noqa: PLR0124  (no NaN)
            view.__dict__["swept"] = Swept(least, greatest, 0, total)
            if sort:
                view.__dict__["ordered"] = values
