"""The registry of evidence names: one line for each name that a run can be given."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

__all__ = ["ALIASES", "ALIGNED", "MODEL_OF", "NAMES", "ROWLESS", "TABLES", "EvidenceName"]

Kind = Literal["table", "features", "rows", "log", "model", "counts", "moment", "free"]


@dataclass(frozen=True, slots=True)
class EvidenceName:
    """A name of evidence, and how its value is read."""

    name: str
    #: "table": scanned by counters; "features": rows as a model takes them; "rows": one value a
    #: row; "log": numbers of any length; "model": a model or another callable; "counts": whole
    #: numbers by name; "moment": a time; "free": anything else.
    kind: Kind
    #: One line of the reference page.
    summary: str
    #: Features and rows of "candidate" and "production" have the same rows.
    side: Literal["candidate", "production", "reference", "golden"] = "candidate"
    #: The model that is asked when the value was not given.
    model: str = ""
    #: Whether it may be several columns.
    several: bool = False
    #: Names that other libraries use.
    aliases: tuple[str, ...] = ()

    @property
    def on_command_line(self) -> bool:
        """Whether the command line can give it: a file, columns of one, a label or a time."""
        return self.kind not in ("model", "counts") and self.side != "golden"


_OLD = "of the model in production"
_production = partial(EvidenceName, side="production")
_predicted = partial(EvidenceName, kind="rows", model="model")
_predicted_before = partial(_production, kind="rows", model="production_model")
_golden = partial(EvidenceName, side="golden")
_DECLARED = (
    EvidenceName("data", "table", "the table to judge", aliases=("df", "table")),
    EvidenceName(
        "reference", "table", "the table to compare it with", "reference", aliases=("baseline",)
    ),
    EvidenceName("X", "features", "the table of features given to the models"),
    EvidenceName("y_true", "rows", "labels", aliases=("target", "y", "y_test")),
    _predicted("y_pred", summary="predicted labels or values", aliases=("predictions",)),
    _predicted("y_score", summary="predicted scores", aliases=("y_prob", "y_proba")),
    _predicted_before("production_pred", summary=f"predicted labels or values {_OLD}"),
    _predicted_before("production_score", summary=f"predicted scores {_OLD}"),
    EvidenceName("model", "model", "the model to judge", aliases=("candidate", "estimator")),
    _production("production_model", "model", "the model in production", aliases=("champion",)),
    EvidenceName("sample_weight", "rows", "weights of the rows", aliases=("weights",)),
    EvidenceName(
        "sensitive_features",
        "rows",
        "features by which people are grouped",
        several=True,
        aliases=("sensitive",),
    ),
    EvidenceName("pos_label", "free", "the label that counts as positive"),
    EvidenceName("latencies", "log", "seconds, one for each request"),
    _production("production_latencies", "log", f"the same {_OLD}"),
    _golden("golden_X", "features", "rows of which the answers are known"),
    _golden("golden_pred", "rows", "these answers"),
    EvidenceName("application", "model", "a callable from a raw request to a response"),
    EvidenceName("now", "moment", "a `datetime` with a zone; by default the present"),
)
NAMES = {each.name: each for each in _DECLARED}


def _of_kind(*kinds: Kind) -> tuple[str, ...]:
    return tuple(name for name, each in NAMES.items() if each.kind in kinds)


#: Tables that counters scan.
TABLES = _of_kind("table")
#: Names whose values have the same rows as `X`.
ALIGNED = tuple(name for name in _of_kind("features", "rows") if NAMES[name].side != "golden")
#: Names whose length, if any, is no number of rows: an ensemble has that of its members.
ROWLESS = frozenset(_of_kind("model", "counts", "moment", "free"))
#: The model that answers for a name.
MODEL_OF = {name: each.model for name, each in NAMES.items() if each.model}
#: Names that other libraries use, and the name here.
ALIASES = {alias: name for name, each in NAMES.items() for alias in each.aliases}
