"""Select the requests whose label has arrived, to compare a metric of the two models on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates.shadow.requests import Requests, missing_in, taken
from mlgates.predictions import Need
from mlgates.predictions.labels import code_labels
from mlgates.predictions.numbers import Scores, values_of
from mlgates.stats.arrays import Floats, Mask
from mlgates.tables.columns import Column, as_column
from mlgates.tables.exact import NANOSECONDS
from mlgates.verdict import format_number

_DAY = 86_400


class LabelCounts(NamedTuple):
    """How many requests of one slice have a label, and how many of these lack an answer.

    Attributes
    ----------
    requests : int
        Number of requests of the slice that are in the logs of both models.
    labelled : int
        Number of requests with a label.
    failed : int
        Number of requests with a label to which at least one of the two models gave no answer, or
        no score if the metric needs scores.
    wrong : bool
        True if the failed requests count as wrong answers, False if they are left out.
    ages : (float, float) or None
        Median age of the requests with a label, and median age of all requests. The age of a
        request is the time from it to the newest request, in seconds. None if the time of no
        request with a label is known.
    """

    requests: int
    labelled: int
    failed: int
    wrong: bool
    ages: tuple[float, float] | None = None

    @property
    def said(self) -> str:
        """A clause for the reason of a check: how many of the requests have a label.

        It also has the number of failed requests if there are any, and the median ages if they are
        known.
        """
        text = f"{self.labelled:,} of {self.requests:,} requests have a label"
        if self.failed:
            counted = "counted as wrong" if self.wrong else "left out"
            text += f"; for {self.failed:,} of these, one of the models gave no answer ({counted})"
        if self.ages is not None:
            ours, every = (format_number(age, "s") for age in self.ages)
            text += f"; their median age is {ours}, that of all requests {every}"
        return text

    @property
    def details(self) -> dict[str, object]:
        """The numbers of requests and their ages, as the details of a check.

        `labelled` is the number of requests with a label, and `labelled_share` is their share of
        all requests (None if there are no requests). `unanswered` is the number of requests with a
        label for which one of the models, or both, gave no answer, or no score if the metric needs
        scores. If the times are known, `labelled_age` is the median age of the requests with a
        label, and `requests_age` that of all requests. The age of a request is the time from it to
        the newest request, in seconds.
        """
        share = self.labelled / self.requests if self.requests else None
        found: dict[str, object] = {
            "labelled": self.labelled,
            "labelled_share": share,
            "unanswered": self.failed,
        }
        if self.ages is not None:
            found |= {"labelled_age": self.ages[0], "requests_age": self.ages[1]}
        return found


@dataclass(frozen=True, eq=False)
class Labelled:
    """The requests that have a label, in the form from which a metric is computed.

    `evidence` has their labels and predictions. `slices` has the name of each slice and a mask of
    its requests. `counts` has the numbers of requests of each slice by its name.
    """

    evidence: Evidence
    slices: tuple[tuple[str | None, Mask], ...]
    counts: Mapping[str | None, LabelCounts]


def labelled_requests(requests: Requests, need: Need, pos_label: object) -> Labelled:
    """Return the requests that have a label, in the form from which a metric is computed.

    `need` says what the metric compares with the true label: predicted labels, values or scores.
    `pos_label` is the positive label. If the metric compares predicted labels, a missing answer of
    a model is replaced by a label other than the true one, so that it counts as wrong. If the
    metric compares values or scores, or if no other label is known, requests with a missing answer
    are left out. EvidenceError is raised for labels and predictions that can't be compared.
    """
    sides = (requests.candidate, requests.production)
    is_score = need in ("scores", "probabilities")
    option, names = "prediction", ("y_pred", "production_pred")
    if is_score:
        option, names = "score", ("y_score", "production_score")
    truth = requests.production.columns["y_true"]
    labelled = ~missing_in(truth)
    failed = sides[0].failed | sides[1].failed
    if is_score:
        failed = failed | missing_in(sides[0].columns[option])
        failed |= missing_in(sides[1].columns[option])
    kept, wrong = labelled & ~failed, False
    columns = [taken(side.columns[option], kept) for side in sides]
    if need == "labels" and bool((labelled & failed).any()):
        true = taken(truth, labelled)
        guesses = [
            _with_wrong_labels(true, taken(side.columns[option], labelled), side.failed[labelled])
            for side in sides
        ]
        known = [guess for guess in guesses if guess is not None]
        if len(known) == 2:
            kept, wrong, columns = labelled, True, known
    true = taken(truth, kept)
    given: dict[str, Any] = {"y_true": true.array, "data": {"request": np.arange(true.rows)}}
    given |= {name: column.array for name, column in zip(names, columns, strict=True)}
    evidence = Evidence({**given, "pos_label": pos_label})
    # read here, so that messages name the column and its log
    read: dict[str, object] = {"y_true": true, **dict(zip(names, columns, strict=True))}
    if is_score:
        for name, column in zip(names, columns, strict=True):
            read[name] = Scores(column.title, column.rows, None, values_of(column))
    for name, value in read.items():
        kind = "scores" if isinstance(value, Scores) else "column"
        evidence.cached(kind, name, partial(read.__getitem__, name))
    masks = [(name, rows) for name, rows in requests.slices if not isinstance(rows, BaseException)]
    times = requests.production.columns.get("time")
    ages = None if times is None else _ages(times)
    counts = {
        name: LabelCounts(
            int(np.count_nonzero(rows)),
            int(np.count_nonzero(rows & labelled)),
            int(np.count_nonzero(rows & labelled & failed)),
            wrong,
            None if ages is None else _medians(ages, rows & labelled, rows),
        )
        for name, rows in masks
    }
    return Labelled(evidence, tuple((name, rows[kept]) for name, rows in masks), counts)


def _ages(times: Column) -> Floats:
    """Return how many seconds before the newest request each one was made; NaN if not known."""
    unit, is_date = times.field.unit, times.field.kind == "date"
    if times.field.kind != "timestamp" and not is_date:
        raise EvidenceError(
            f"{times.title} has type {times.field.type_name}, expected timestamps or dates"
        )
    array = times.array.cast(pa.date32()).cast(pa.int32()) if is_date else times.array
    ticks = array.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy()
    seconds = ticks * (_DAY if is_date else NANOSECONDS[unit or "ns"] / 1e9)
    return np.asarray(np.fmax.reduce(seconds, initial=-np.inf) - seconds)


def _medians(ages: Floats, labelled: Mask, every: Mask) -> tuple[float, float] | None:
    """Return the median age of the requests with a label, and the median age of every request.

    `ages` is NaN for requests of unknown age, which are left out. `labelled` and `every` are masks
    of the requests. The result is None if no request with a label has a known age.
    """
    known = [ages[rows & ~np.isnan(ages)] for rows in (labelled, every)]
    return (float(np.median(known[0])), float(np.median(known[1]))) if len(known[0]) else None


def _with_wrong_labels(true: Column, column: Column, failed: Mask) -> Column | None:
    """Return the predictions in `column`, with a wrong label in rows of failed requests.

    A wrong label is any label but the true one. The result is None if there is no other label of
    the same type. `true` has the true labels, none of which is missing.
    """
    truth, coded = code_labels(true), code_labels(column)
    labels = list(coded.values)
    if len(labels) < 2:
        labels += [
            v for v in truth.values if v not in labels and type(v) is type((labels or [v])[0])
        ]
    if len(labels) < 2:
        return None
    others = [next(i for i, label in enumerate(labels) if label != v) for v in truth.values]
    codes = np.where(failed, np.array(others, np.intp)[truth.codes], coded.codes)
    # a label that is still missing has the code -1, and is refused where it is read
    return as_column(column.title, pa.array(labels).take(pa.array(codes, mask=codes < 0)))
