"""The provenance of a run: code, environment, time, data, models, seeds and suite."""

from collections.abc import Mapping
from datetime import datetime

from mlgates.environment import environment
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.evidence_names import NAMES
from mlgates.runtime.identity import identify

__all__ = ["identities", "provenance"]


def identities(evidence: Evidence) -> dict[str, object]:
    """Return the class, parameters and content hash of each model that a gate of the run uses.

    Call this function before the gates are run, because some models change when they are called.
    """
    models = (name for name, each in NAMES.items() if each.kind == "model")
    return {name: identify(evidence[name]) for name in models if evidence.uses(name)}


def provenance(
    evidence: Evidence,
    suite: str,
    started: datetime,
    seconds: float,
    *,
    seeds: Mapping[str, int] | None = None,
    models: dict[str, object] | None = None,
) -> dict[str, object]:
    """Return the provenance of a run (code, environment, data, models, suite) as plain values.

    Parameters
    ----------
    evidence : Evidence
        The inputs of the run. Tables that were already scanned are not read again.
    suite : str
        The repr of the suite.
    started : datetime
        Start of the run, with a time zone.
    seconds : float
        Duration of the run.
    seeds : mapping of str to int, optional
        Seed of each gate that drew random numbers, by the name of the gate.
    models : dict, optional
        The result of `identities`, called before the run.
    """
    try:
        now: str | None = evidence.now.isoformat()
    except EvidenceError:
        now = None
    return {
        "started": started.isoformat(),
        "seconds": seconds,
        "now": now,
        **environment(),
        "tables": evidence.tables(),
        "values": evidence.values(),
        "models": models or {},
        "seed": next(iter(seeds.values()), None) if seeds else None,
        "seeds": dict(seeds or {}),
        "suite": suite,
    }
