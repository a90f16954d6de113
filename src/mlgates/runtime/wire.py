"""Plain values, and how they travel: nothing that a child process sends is ever unpickled."""

import base64
import datetime as dt
import decimal
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from mlgates.tables.containers import is_instance_of

__all__ = ["NotPlainError", "decode", "encode", "plain"]

_SCALARS = (type(None), bool, int, float, str, bytes)
_WRITTEN = (dt.date, dt.time, dt.timedelta, decimal.Decimal)
_DEEPEST = 50


class NotPlainError(TypeError):
    """A value that is not made of numbers, texts, lists and mappings."""


def plain(value: Any, depth: int = 0) -> object:
    """Return a value made of None, bools, numbers, texts, bytes, lists and dicts alone.

    Arrays and series become lists, numpy scalars Python's; times and decimals their text.

    Raises
    ------
    NotPlainError
        For anything else: it could neither be compared nor handed over.

    Examples
    --------
    >>> plain({"score": np.float32(0.5), "labels": ("a", "b")})
    {'score': 0.5, 'labels': ['a', 'b']}
    """
    if depth > _DEEPEST:
        msg = f"a value nested deeper than {_DEEPEST} levels"
        raise NotPlainError(msg)
    if type(value) in _SCALARS:
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist(), depth) if value.dtype.kind != "V" else _refuse(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if any(is_instance_of(value, package, "Series") for package in ("pandas", "polars")):
        value = value.to_list()
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, _WRITTEN):
        return str(value)
    return _bare(value)


def _bare(value: Any) -> object:
    """Return a member of an enum, or of another subclass, as the number or text that it is."""
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else _refuse(value)


def _key(key: object) -> str:
    return key if type(key) is str else repr(key)


def _refuse(value: object) -> NoReturn:
    msg = f"a value of type {type(value).__name__}"
    raise NotPlainError(msg)


def encode(value: object) -> bytes:
    """Return plain values and numpy arrays as bytes, so that `decode` gives them back.

    Examples
    --------
    >>> decode(encode({"a": [1, b"x", None], "b": np.arange(3)}))
    {'a': [1, b'x', None], 'b': array([0, 1, 2])}
    """
    return json.dumps(_tagged(value)).encode()


def decode(data: bytes) -> Any:
    """Return what `encode` was given; a ValueError for anything that it did not write."""
    return _untagged(json.loads(data))


def _tagged(value: Any) -> object:
    if isinstance(value, bytes):
        return ["b", base64.b64encode(value).decode()]
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return ["o", list(value.shape), [_tagged(plain(item)) for item in value.ravel()]]
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return ["a", array.dtype.str, list(array.shape), data]
    if isinstance(value, dict):
        return ["d", [[key, _tagged(item)] for key, item in value.items()]]
    if isinstance(value, list | tuple):
        return ["l", [_tagged(item) for item in value]]
    return value


def _untagged(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    tag, *parts = value
    if tag == "b":
        return base64.b64decode(parts[0])
    if tag == "l":
        return [_untagged(item) for item in parts[0]]
    if tag == "d":
        return {key: _untagged(item) for key, item in parts[0]}
    if tag == "o":
        shape, items = parts
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = _untagged(item)
        return array.reshape(shape)
    if tag == "a":
        dtype, shape, data = parts
        found = np.frombuffer(base64.b64decode(data), dtype=np.dtype(dtype))
        return found.reshape(shape).copy()
    raise ValueError(tag)
