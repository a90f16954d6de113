"""`assign`: choose which users, or other units, a candidate serves, by a stable hash."""

import hashlib

from mlgates import options

__all__ = ["assign"]

_OWNER = "assign"


def assign(unit: str | int, *, share: float, salt: str) -> bool:
    """Return whether a unit is assigned to the candidate.

    The answer depends only on the arguments: it is the same in every process and on every machine.
    A unit that is assigned at a share of 1 % is also assigned at every larger share.

    Parameters
    ----------
    unit : str or int
        What is assigned, such as a user; ``42`` and ``"42"`` are the same unit.
    share : float
        Share of the units to assign, from 0 to 1.
    salt : str
        Name of the rollout, such as the candidate's version. Another salt assigns other units, so
        that it is not always the same users who get the candidate first.

    Returns
    -------
    bool
        True for the candidate, False for production.

    Raises
    ------
    OptionError
        For another type of unit, a share that is not from 0 to 1, or an empty salt.

    Notes
    -----
    The first 53 bits of the SHA-256 of salt and unit are a fraction, which is compared with the
    share.

    Examples
    --------
    >>> [assign("user-42", share=share, salt="v2") for share in (0.01, 0.1, 0.5, 0.9)]
    [False, False, True, True]
    """
    plain = unit if isinstance(unit, str) else options.real(unit)
    if not isinstance(plain, str | int) or plain == "":
        raise options.refuse(_OWNER, "unit", "a non-empty string or an integer", unit)
    rho = options.share(_OWNER, "share", share)
    # the length keeps "a" + "bc" apart from "ab" + "c"
    salted = f"{len(options.text(_OWNER, 'salt', salt))}:{salt}{plain}"
    digest = hashlib.sha256(salted.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53 < rho
