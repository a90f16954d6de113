"""Attributes that are computed when first asked for, and once."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801
    """The attribute is computed at the first reading and kept in the instance.

    `functools.cached_property` of Python 3.11 holds one lock for all instances while it computes,
    so that threads that scan different columns would wait for each other. This one has no lock:
    two threads that meet compute the same value twice.

    Parameters
    ----------
    compute : callable
        The method that computes the value.

    Examples
    --------
    >>> class Circle:
    ...     radius = 2.0
    ...
    ...     @lazy
    ...     def area(self) -> float:
    ...         return 3.0 * self.radius**2
    >>> Circle().area
    12.0
    """

    def __init__(self, compute: Callable[..., T]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object, owner: type) -> T | Self:
        if instance is None:
            return self
        value = self.compute(instance)
        # An attribute of the instance goes before a descriptor without `__set__`.
        instance.__dict__[self.name] = value
        return value
