"""The names of all arguments of a run, such as ``data`` and ``y_true``, and their meaning.

Each name is declared once, in `_DECLARED`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

__all__ = ["ALIASES", "ALIGNED", "MODEL_OF", "NAMES", "ROWLESS", "TABLES", "EvidenceName"]

Kind = Literal["table", "features", "rows", "log", "model", "counts", "moment", "free", "frame"]


@dataclass(frozen=True, slots=True)
class EvidenceName:
    """The name of an argument of a run, such as ``y_true``, and how its value is used.

    Parameters
    ----------
    name : str
        The name.
    kind : str
        What values of the argument are. "table": a table with named columns. "features": the input
        of a model. "rows": one value per row. "log": any number of values. "model": a model or
        another callable. "counts": a `Traffic`. "moment": a time. "frame": a `MetricFrame` of
        fairlearn. "free": anything else.
    summary : str
        Description for the reference page.
    side : {"candidate", "production", "reference", "golden", "training"}
        To which model or data the values belong: to the model that is checked ("candidate"), to the
        model in production, to the reference table, to the examples with known predictions
        ("golden"), or to the training data. Values of "candidate" and "production" have the same
        rows.
    model : str
        The name of the argument with the model that computes the values if they were not given; ""
        if no model does.
    several : bool
        Whether the values may have several columns.
    aliases : tuple of str
        Names that other libraries use for this argument, for hints in messages.
    """

    name: str
    kind: Kind
    summary: str
    side: Literal["candidate", "production", "reference", "golden", "training"] = "candidate"
    model: str = ""
    several: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def on_command_line(self) -> bool:
        """Whether the command line has an option for this argument.

        There are options for files, names of columns, labels and times. Models, frames and the
        golden examples have no option.
        """
        return self.kind not in ("model", "frame") and self.side != "golden"


_OLD = "of the model in production"
_ENDS = "lower and upper ends of predicted intervals"
_production = partial(EvidenceName, side="production")
_predicted = partial(EvidenceName, kind="rows", model="model")
_predicted_before = partial(_production, kind="rows", model="production_model")
_golden = partial(EvidenceName, side="golden")
_training = partial(EvidenceName, side="training")
_DECLARED = (
    EvidenceName("data", "table", "the table to check", aliases=("df", "table")),
    EvidenceName(
        "reference", "table", "the table to compare `data` with", "reference", aliases=("baseline",)
    ),
    EvidenceName("X", "features", "the table of features that the models get"),
    EvidenceName("y_true", "rows", "true labels or values", aliases=("target", "y", "y_test")),
    _predicted("y_pred", summary="predicted labels or values", aliases=("predictions",)),
    _predicted("y_score", summary="predicted scores", aliases=("y_prob", "y_proba")),
    _predicted_before("production_pred", summary=f"predicted labels or values {_OLD}"),
    _predicted_before("production_score", summary=f"predicted scores {_OLD}"),
    EvidenceName("y_interval", "rows", _ENDS, several=True),
    _production("production_interval", "rows", f"{_ENDS} {_OLD}", several=True),
    EvidenceName("model", "model", "the model to check", aliases=("candidate", "estimator")),
    _production("production_model", "model", "the model in production", aliases=("champion",)),
    EvidenceName("sample_weight", "rows", "weights of the rows", aliases=("weights",)),
    EvidenceName(
        "row_counts",
        "rows",
        "how many equal rows each given row represents (frequency weights)",
        aliases=("freq_weights", "frequency_weights", "counts"),
    ),
    EvidenceName(
        "clusters",
        "rows",
        "one value per row; rows with the same value depend on each other, such as the visits of "
        "one patient",
        aliases=("cluster", "cluster_id"),
    ),
    EvidenceName(
        "query_id",
        "rows",
        "the query to which each document of a ranking belongs",
        aliases=("qid",),
    ),
    EvidenceName(
        "sensitive_features",
        "rows",
        "features that define groups of people",
        several=True,
        aliases=("sensitive",),
    ),
    EvidenceName("metric_frame", "frame", "a `MetricFrame` of fairlearn, for `Fairness`"),
    EvidenceName("pos_label", "free", "the label that counts as positive"),
    EvidenceName(
        "classes",
        "free",
        "all labels, in the order of the columns of scores",
        aliases=("class_names",),
    ),
    EvidenceName("latencies", "log", "seconds that each request took"),
    _production(
        "production_latencies", "log", "seconds that each request took with the model in production"
    ),
    _golden("golden_X", "features", "rows with known predictions"),
    _golden("golden_pred", "rows", "the known predictions of `golden_X`"),
    _training("X_train", "features", "the table of features that the model was trained on"),
    _training("y_train", "rows", "labels of the rows of `X_train`"),
    _training("train_pred", "rows", "predicted labels or values of the rows of `X_train`"),
    _training("train_score", "rows", "predicted scores of the rows of `X_train`"),
    EvidenceName("fit", "model", "a function without arguments that trains and returns a model"),
    EvidenceName(
        "application", "model", "a function that takes a raw request and returns a response"
    ),
    EvidenceName(
        "traffic",
        "counts",
        "requests and events of two models: a `Traffic`, or the path of its file",
    ),
    EvidenceName(
        "candidate_log",
        "table",
        "the answers of a new model to copies of requests",
        aliases=("shadow_log",),
    ),
    _production(
        "production_log", "table", "the answers of the model in production to the same requests"
    ),
    EvidenceName(
        "now",
        "moment",
        "the time from which ages are computed, a `datetime` with a time zone; by default the "
        "current time",
    ),
)
NAMES = {each.name: each for each in _DECLARED}


def _of_kind(*kinds: Kind) -> tuple[str, ...]:
    return tuple(name for name, each in NAMES.items() if each.kind in kinds)


#: Tables; counters scan `data` and `reference`.
TABLES = _of_kind("table")
#: Names whose values have the same rows as `X`.
ALIGNED = tuple(
    name for name in _of_kind("features", "rows") if NAMES[name].side in ("candidate", "production")
)
#: Names whose length is not a number of rows: len() of an ensemble counts its members.
ROWLESS = frozenset(_of_kind("model", "counts", "moment", "free", "frame"))
#: The model that computes the values of a name.
MODEL_OF = {name: each.model for name, each in NAMES.items() if each.model}
#: The evidence name for each name of other libraries.
ALIASES = {alias: name for name, each in NAMES.items() for alias in each.aliases}
