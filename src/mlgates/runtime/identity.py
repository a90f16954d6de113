"""Identify a model for a report: its class, its parameters, and a hash of its content."""

import copyreg
import hashlib
import sys
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from mlgates.errors import suppress_errors
from mlgates.printable import clean
from mlgates.redaction import without_secrets

__all__ = ["content_hash", "identify"]

_ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, type(...))
_FUNCTIONS = (FunctionType, BuiltinFunctionType, type)
#: Packages whose classes, even if they define their own pickling, pickle equal objects in the same
#: way. Some versions of scikit-learn have a compiled module named `_loss`.
_TRUSTED = sys.stdlib_module_names | {"numpy", "scipy", "sklearn", "pandas", "_loss"}
#: classes of torch, by their full names, so that torch is not imported
_TENSORS = {"torch.Tensor", "torch.nn.parameter.Parameter"}
_MODULE = "torch.nn.modules.module.Module"
_TRUSTED_CLASSES = {"torch.dtype", "torch.device", "torch.Size"}
#: packages that write a random number or the time into the state of a model
_UNSTABLE = {"catboost"}
_MOST_BYTES = 2**30
_MOST_OBJECTS = 50_000
_DEEPEST = 200

_MOST_PARAMS = 200
_MOST_ITEMS = 50
_LONGEST = 200  # largest number of characters of a string
_LEVELS = 3  # largest number of nested mappings and sequences in a parameter


def identify(model: object) -> dict[str, object]:
    """Return the class of a model, its parameters, and a hash of its content, as plain values.

    Parameters
    ----------
    model : object
        A model, a function or another callable. Its method `get_params` is called, if it has one.

    Returns
    -------
    dict
        ``class`` is the full name of the class or function. ``params`` has the parameters, or is
        None if the model has no `get_params`. Arrays, objects and functions in the parameters are
        replaced by a string that describes them, and secrets are hidden. ``sha256`` is the result
        of `content_hash`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> found = identify(Ridge(alpha=0.5))
    >>> found["class"], found["params"]["alpha"], found["params"]["random_state"]
    ('sklearn.linear_model._ridge.Ridge', 0.5, None)
    """
    params: object = None
    with suppress_errors():  # the user's method may raise any exception
        given = model.get_params()  # type: ignore[attr-defined]
        if isinstance(given, Mapping):
            params = without_secrets({str(key): _param(value) for key, value in given.items()})
    if isinstance(params, Mapping):
        ordered = dict(sorted(params.items())[:_MOST_PARAMS])
        more = len(params) - len(ordered)
        params = {**ordered, **({"...": f"{more:,} more"} if more else {})}
    name = "object"
    with suppress_errors():  # the user's metaclass may raise any exception
        name = _name_of(model)
    return {"class": name, "params": params, "sha256": content_hash(model)}


def content_hash(value: object) -> str | None:
    """Return the SHA-256 of an object's content, or None if it can't be determined.

    The hash is computed from the state that pickling would save, such as parameters and learned
    values. It is the same in other processes, and for a model that was pickled and loaded. A part
    of the object that is a function or a class is hashed by its name, without its code. A module of
    torch is hashed by its settings and the bytes of its tensors, also of those on a GPU.

    The result is None in these cases:

    - `value` itself is a function or a class.
    - The object has more than 1 GiB or 50,000 parts, or more than 200 levels of nested parts.
    - A part can't be pickled, or is a lambda, a local function, or a sparse or quantized tensor.
    - The class of a part defines its own pickling. Such classes of the standard library, numpy,
      scipy, scikit-learn and pandas are allowed.
    - A part is a model of CatBoost, because the state of such models has a random number.

    Examples
    --------
    >>> content_hash({"a": np.array([1.0, 2.0])}) == content_hash({"a": np.array([1.0, 2.0])})
    True
    >>> content_hash(lambda x: x) is None
    True
    """
    with suppress_errors():  # the user's class may raise any exception
        if not _is_function(value):
            return _Hasher().digest(value).hex()
    return None


class _Hasher:
    """Compute the digest of an object from the digests of its parts."""

    def __init__(self) -> None:
        self._bytes = _MOST_BYTES
        self._objects = _MOST_OBJECTS
        # Digests of objects by their `id`. Each object is kept, so that no other object gets the
        # same `id`.
        self._known: dict[int, tuple[bytes, object]] = {}
        self._path: dict[int, int] = {}

    def digest(self, value: Any) -> bytes:
        kind = type(value)
        self._objects -= 1
        if self._objects < 0 or len(self._path) > _DEEPEST:
            raise ValueError("too many parts")
        if kind in _ATOMS:
            data = value if kind in (bytes, bytearray) else repr(value).encode("utf-8", "replace")
            return self._joined(kind.__name__, [data])
        if _is_function(value):
            name = _name_of(value)
            if "<" in name:  # a lambda or a local function: its name is not unique
                raise ValueError(f"{name} has no name in a module")
            return self._joined("name", [name.encode()])
        if id(value) in self._known:
            return self._known[id(value)][0]
        if id(value) in self._path:  # inside of itself
            return self._joined("cycle", [b"%d" % (len(self._path) - self._path[id(value)])])
        self._path[id(value)] = len(self._path)
        found = self._of_parts(value, kind)
        del self._path[id(value)]
        self._known[id(value)] = (found, value)
        return found

    def _of_parts(self, value: Any, kind: type) -> bytes:
        if kind in (list, tuple):
            return self._joined(kind.__name__, map(self.digest, value))
        if kind is dict:
            pairs = (self.digest(key) + self.digest(item) for key, item in value.items())
            return self._joined("dict", sorted(pairs))
        if kind in (set, frozenset):
            return self._joined(kind.__name__, sorted(map(self.digest, value)))
        if kind is np.ndarray:
            head = repr((value.dtype.str, value.shape)).encode()
            if value.dtype.names:  # there may be undefined bytes between the fields
                parts = [self.digest(value[name]) for name in value.dtype.names]
                return self._joined("fields", [repr(value.dtype.names).encode(), *parts])
            if value.dtype.hasobject:
                return self._joined("array", [head, self.digest(value.tolist())])
            if value.nbytes > self._bytes:
                raise ValueError("too many bytes")
            return self._joined("array", [head, np.ascontiguousarray(value).view(np.uint8).data])
        if _full_name(kind) in _TENSORS:
            torch = sys.modules["torch"]
            if value.layout is not torch.strided or value.is_quantized:
                raise TypeError("a tensor whose bytes are not all of its content")
            plain = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
            head = repr((str(value.dtype), tuple(value.shape))).encode()
            return self._joined("tensor", [head, plain.flatten().view(torch.uint8).numpy().data])
        if kind is MethodType:
            return self._joined("method", map(self.digest, (value.__func__, value.__self__)))
        return self._joined("object", map(self.digest, _reduced(value, kind)))

    def _joined(self, tag: str, parts: Iterable[bytes | memoryview]) -> bytes:
        hasher = hashlib.sha256(tag.encode())
        for part in parts:
            size = memoryview(part).nbytes
            self._bytes -= size
            if self._bytes < 0:
                raise ValueError("too many bytes")
            hasher.update(b"%d:" % size)
            hasher.update(part)
        return hasher.digest()


def _reduced(value: Any, kind: type) -> tuple[object, ...]:
    """Return what pickling would save of an object; raise TypeError if it could vary.

    A class that defines its own pickling could save memory addresses or the order of a set, which
    vary between processes.
    """
    reducer = copyreg.dispatch_table.get(kind)
    owner: Any = reducer
    if reducer is None:
        own = ("__reduce__", "__reduce_ex__")
        owner = next(base for base in kind.__mro__ if any(name in vars(base) for name in own))
    known = owner.__module__.partition(".")[0] in _TRUSTED or _full_name(owner) in _TRUSTED_CLASSES
    if not known or any(base.__module__.partition(".")[0] in _UNSTABLE for base in kind.__mro__):
        raise TypeError(f"{_name_of(kind)} is pickled in its own way")
    found = value.__reduce_ex__(4) if reducer is None else reducer(value)
    if isinstance(found, str):  # a global object
        return (kind, found)
    make, arguments, *rest = found
    state, listed, mapped = (*rest, None, None, None)[:3]
    if isinstance(state, dict):
        # autologging of MLflow writes the run into the model
        state = {name: part for name, part in state.items() if name != "_mlflow_run_id"}
        if any(_full_name(base) == _MODULE for base in kind.__mro__):
            # the keys of hooks are numbers that torch counts up in each process
            state = {
                name: [*part.values()] if "_hooks" in name and isinstance(part, dict) else part
                for name, part in state.items()
            }
    items = None if listed is None else list(listed)
    pairs = None if mapped is None else list(mapped)
    return (kind, make, arguments, state, items, pairs)


def _param(value: Any, level: int = 0) -> object:
    """Return a parameter as a plain value, or as a string that describes it."""
    item = value.item() if isinstance(value, np.generic) else value
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, str):
        return clean(str(item), _LONGEST)
    if isinstance(item, int) and type(item) is int and item.bit_length() < 1_000:
        return item
    if isinstance(item, float):
        return "nan" if item != item else float(item)  # noqa: PLR0124
    if isinstance(item, np.ndarray):
        mark = content_hash(np.asarray(item)) or ""
        return f"array {item.shape} {item.dtype}{mark and f', sha256 {mark[:12]}'}"
    if not isinstance(item, list | tuple | dict):
        return _name_of(item)
    if level == _LEVELS or len(item) > _MOST_ITEMS:
        return f"{_name_of(item)} of {len(item):,} items"
    if isinstance(item, dict):
        return {str(key): _param(part, level + 1) for key, part in item.items()}
    return tuple(_param(part, level + 1) for part in item)


def _is_function(value: object) -> bool:
    """Return whether an object is a function (in Python, C or Cython) or a class."""
    kind = type(value)  # `isinstance` would run code of the user's class
    return issubclass(kind, _FUNCTIONS) or kind.__module__.startswith("_cython_")


def _full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _name_of(value: Any) -> str:
    """Return the full name of a function or class; for another object, the name of its class."""
    if type(value) is MethodType:
        return f"{_name_of(type(value.__self__))}.{value.__func__.__name__}"
    named = value if _is_function(value) else type(value)
    module = getattr(named, "__module__", None)
    prefix = f"{module}." if isinstance(module, str) and module != "builtins" else ""
    return clean(f"{prefix}{named.__qualname__}", _LONGEST)
