"""How many examples a test draws."""

from hypothesis import settings


def examples(count: int, **others: object) -> settings:
    """Return settings with so many examples in the session `slow`, and a share of them elsewhere.

    A profile of `conftest.py` says how many of a hundred are drawn.
    """
    return settings(max_examples=max(5, count * settings.default.max_examples // 100), **others)
