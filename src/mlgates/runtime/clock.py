"""The clock that calls are timed by, and how to wait for a moment of it."""

import time

__all__ = ["SECOND", "Clock"]

#: In ticks of the clock, which are nanoseconds.
SECOND = 1_000_000_000
#: The system may wake a sleeper so much too late; the rest is waited for awake.
_COARSE = 2_000_000


class Clock:
    """Nanoseconds since some moment: they only grow, whatever happens to the time of day.

    Examples
    --------
    >>> clock = Clock()
    >>> before = clock.now()
    >>> clock.wait_until(before + SECOND // 1_000)
    >>> clock.now() - before >= SECOND // 1_000
    True
    """

    def now(self) -> int:
        """Return the present moment."""
        return time.perf_counter_ns()

    def sleep(self, seconds: float) -> None:
        """Sleep for at least so long."""
        time.sleep(seconds)

    def wait_until(self, moment: int) -> None:
        """Return at a moment, at once when it has passed: asleep, and the last bit awake."""
        ahead = moment - self.now()
        if ahead > _COARSE:
            self.sleep((ahead - _COARSE) / SECOND)
        while self.now() < moment:
            pass
