"""Products of cases, of which the session `tests` runs a sample and `slow` the rest."""

from collections.abc import Mapping

import pytest


def in_turn(
    cases: Mapping[str, object], partners: Mapping[str, object], *, every: int | None = None
) -> list:
    """Return each case with each partner; all pairs are slow but one of each case.

    The partners take turns: the first case is quick with the first, the second with the second.
    With `every`, a case is quick with more partners, each so many places after the one before.
    """
    every = every or len(partners)
    return [
        pytest.param(
            case,
            partner,
            id=f"{named}-{name}",
            marks=() if (i - j) % every == 0 else pytest.mark.slow,
        )
        for i, (name, case) in enumerate(cases.items())
        for j, (named, partner) in enumerate(partners.items())
    ]
