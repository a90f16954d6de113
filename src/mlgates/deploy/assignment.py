"""`assign`: choose by a stable hash which users, or other units, get the candidate."""

import hashlib

from mlgates import options

__all__ = ["assign"]

_OWNER = "assign"


def assign(unit: str | int, *, share: float, salt: str) -> bool:
    """Return whether a unit, such as a user, is assigned to the candidate.

    The result depends only on the arguments, so it is the same in every process and on every
    machine. A unit that is assigned at a share of 1 % is also assigned at every larger share.

    Parameters
    ----------
    unit : str or int
        Identifier of the unit, such as a user name. ``42`` and ``"42"`` are the same unit.
    share : float
        Share of the units that are assigned to the candidate, from 0 to 1.
    salt : str
        Name of the rollout, such as the candidate's version. With another salt, other units are
        assigned. So the users who get a candidate first are not always the same.

    Returns
    -------
    bool
        True for the candidate, False for production.

    Raises
    ------
    OptionError
        If `unit` has another type, `share` is not from 0 to 1, or `salt` is empty.

    Notes
    -----
    The first 53 bits of the SHA-256 of salt and unit are used as a fraction from 0 to 1. The unit
    is assigned to the candidate if this fraction is less than the share.

    Examples
    --------
    >>> [assign("user-42", share=share, salt="v2") for share in (0.01, 0.1, 0.5, 0.9)]
    [False, False, True, True]
    """
    plain = unit if isinstance(unit, str) else options.real(unit)
    if not isinstance(plain, str | int) or plain == "":
        raise options.refuse(_OWNER, "unit", "a non-empty string or an integer", unit)
    rho = options.share(_OWNER, "share", share)
    # The length is included, so that "a" + "bc" differs from "ab" + "c".
    salted = f"{len(options.text(_OWNER, 'salt', salt))}:{salt}{plain}"
    digest = hashlib.sha256(salted.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53 < rho
