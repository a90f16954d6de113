"""What is known of the machine while it is measured: processors, threads, load."""

import os
import platform
import threading
from contextlib import suppress
from typing import Any, NamedTuple

__all__ = ["Moment", "facts", "is_busy", "observe", "pools", "processors"]


class Moment(NamedTuple):
    """How busy the machine and this process are at one moment; None where that can't be told."""

    load: float | None
    preempted: int | None


def observe() -> Moment:
    """Return the load of the last minute, and how often this process had to give way.

    Examples
    --------
    >>> len(observe())
    2
    """
    load = preempted = None
    with suppress(AttributeError, OSError):  # not every system has it
        load = os.getloadavg()[0]
    with suppress(ImportError):
        import resource

        preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    return Moment(load, preempted)


def facts(before: Moment, after: Moment) -> dict[str, object]:
    """Return what a report keeps of the machine, and of how busy it was in between.

    Examples
    --------
    >>> facts(Moment(0.5, 10), Moment(1.5, 12))["preempted"]
    2
    """
    preempted = None
    if before.preempted is not None and after.preempted is not None:
        preempted = after.preempted - before.preempted
    return {
        "processors": processors(),
        "load_before": before.load,
        "load_after": after.load,
        "preempted": preempted,
        "python_threads": threading.active_count(),
        "pools": pools(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}".strip(),
    }


def processors() -> int:
    """Return how many processors this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pools() -> dict[str, int]:
    """Return the threads of each library that has threads of its own, where threadpoolctl tells."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {}
    found: dict[str, int] = {}
    with suppress(Exception):  # it reads libraries as they are loaded
        libraries: list[dict[str, Any]] = threadpool_info()
        for library in libraries:
            name = str(library.get("internal_api", "unknown"))
            found[name] = max(found.get(name, 0), int(library.get("num_threads", 0)))
    return found


def is_busy(before: Moment, after: Moment) -> bool:
    """Whether more wanted to run than there are processors."""
    loads = [moment.load for moment in (before, after) if moment.load is not None]
    return bool(loads) and max(loads) > processors()
