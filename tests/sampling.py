"""Products of cases, of which the session `tests` runs a sample and `slow` the rest."""

from collections.abc import Mapping

import pytest


def in_turn(cases: Mapping[str, object], partners: Mapping[str, object]) -> list:
    """Return each case with each partner; all pairs are slow but one of each case.

    The partners take turns: the first case is quick with the first, the second with the second.
    """
    return [
        pytest.param(
            case,
            partner,
            id=f"{named}-{name}",
            marks=() if i % len(partners) == j else pytest.mark.slow,
        )
        for i, (name, case) in enumerate(cases.items())
        for j, (named, partner) in enumerate(partners.items())
    ]
