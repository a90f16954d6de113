"""Convert values to bytes without pickle, to send them to another process."""

import base64
import datetime as dt
import decimal
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlgates.tables.containers import is_instance_of

__all__ = ["NotPlainError", "plain"]

_SCALARS = (type(None), bool, int, float, str, bytes)
_AS_TEXT = (dt.date, dt.time, dt.timedelta, decimal.Decimal)
_MAX_DEPTH = 50


class NotPlainError(TypeError):
    """A value contains something that is not a number, string, list or mapping.

    Such a value can't be sent to another process or be compared with another one.
    """


def plain(value: Any, depth: int = 0) -> object:
    """Convert a value to None, bools, numbers, strings, bytes, lists and dicts.

    Arrays and series become lists. Numpy scalars and enum members become the plain values to which
    they are equal. Times and decimals become strings. NotPlainError is raised for other values,
    because they can't be compared or sent to another process. `depth` is the number of containers
    in which the value is nested.

    Examples
    --------
    >>> plain({"score": np.float32(0.5), "labels": ("a", "b")})
    {'score': 0.5, 'labels': ['a', 'b']}
    """
    if depth > _MAX_DEPTH:
        raise NotPlainError(f"a value nested deeper than {_MAX_DEPTH} levels")
    if type(value) in _SCALARS:
        return value
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind != "V":
        return plain(value.tolist(), depth)
    if isinstance(value, Mapping):
        return {
            key if type(key) is str else repr(key): plain(item, depth + 1)
            for key, item in value.items()
        }
    if any(is_instance_of(value, package, "Series") for package in ("pandas", "polars")):
        value = value.to_list()
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, int | float):  # such as an enum member
        return int(value) if isinstance(value, int) else float(value)
    raise NotPlainError(f"a value of type {type(value).__name__}")


def encode(value: object) -> bytes:
    """Convert plain values and numpy arrays to bytes; `decode` is the inverse.

    Examples
    --------
    >>> decode(encode({"a": [1, b"x", None], "b": np.arange(3)}))
    {'a': [1, b'x', None], 'b': array([0, 1, 2])}
    """
    return json.dumps(_tagged(value)).encode()


def decode(data: bytes) -> Any:
    """Return the value that `encode` converted to these bytes; raise ValueError for other bytes."""
    return json.loads(data, object_hook=_untagged)


def _tagged(value: Any) -> object:
    """Convert a value to JSON types.

    Dicts, bytes and arrays become dicts with a single key, which is the name of the type.
    """
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [(key, _tagged(item)) for key, item in value.items()]}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return {"objects": [value.shape, [_tagged(plain(item)) for item in value.ravel()]]}
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, value.shape, data]}
    return value


def _untagged(tagged: dict[str, Any]) -> Any:
    ((kind, content),) = tagged.items()
    if kind == "dict":
        return dict(content)
    if kind == "bytes":
        return base64.b64decode(content)
    if kind == "objects":
        shape, items = content
        return np.fromiter(items, object, len(items)).reshape(shape)
    dtype, shape, data = content
    return np.frombuffer(base64.b64decode(data), dtype=np.dtype(dtype)).reshape(shape).copy()
