"""Convert the groups of `Fairness` to a `MetricFrame` of fairlearn, and the reverse."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mlgates import metrics
from mlgates.errors import EvidenceError
from mlgates.gates.fairness.rates import Floats, GroupRates, too_few
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.metrics.metric import few, scores
from mlgates.options import did_you_mean, real
from mlgates.predictions import Groups, Outcomes
from mlgates.predictions.groups import group_name, unique_names
from mlgates.stats.proportions import wilson_interval
from mlgates.tables.containers import is_instance_of, name_of
from mlgates.verdict import Limit, format_limit, format_number

__all__ = ["FrameStratum", "metric_frame_of", "strata_of_frame"]

#: Name of the metric that counts the rows of each group.
_COUNT = "count"


def metric_frame_of(
    rates: Sequence[Metric], outcomes: Outcomes, groups: Groups, control: Groups | None
) -> Any:
    """Return a `MetricFrame` of fairlearn with the given rates and the numbers of rows.

    For each group, the frame has each rate, the number of rows, and for each rate that is a share
    of rows the number of rows in its denominator. Intervals are computed from these numbers.
    `control` has the stratum (subset of the rows) of each row; None if all rows are one stratum.
    """
    from fairlearn.metrics import MetricFrame, count

    functions: dict[str, Callable[..., Any]] = {}
    for rate in rates:
        functions[rate.name] = partial(_value, rate, outcomes)
        if isinstance(rate, Share):
            functions[f"{rate.name}_{_COUNT}"] = partial(_denominator, rate, outcomes)
    weights: dict[str, Any] = {}
    if outcomes.weight is not None:
        counted = [*functions, _COUNT] if outcomes.counts else functions
        weights = {name: {"sample_weight": outcomes.weight} for name in counted}
    answers = outcomes.pred if outcomes.score is None else scores(outcomes)
    return MetricFrame(
        metrics=functions | {_COUNT: _rows if outcomes.counts else count},
        y_true=outcomes.true,
        y_pred=answers,
        sensitive_features=_columns(groups, outcomes),
        control_features=None if control is None else _columns(control, outcomes),
        sample_params={_COUNT: {}} | weights if weights else None,
    )


def _columns(groups: Groups, outcomes: Outcomes) -> dict[str, Any]:
    """Return the features of rows with a label; a missing value becomes "missing"."""
    codes = groups.codes if outcomes.kept is None else groups.codes[outcomes.kept]
    found = {}
    for name, of_groups in zip(groups.features, zip(*groups.values, strict=True), strict=True):
        values = np.empty(len(of_groups), object)
        values[:] = of_groups
        if None in of_groups:  # fairlearn sorts the values
            values[:] = ["missing" if value is None else str(value) for value in of_groups]
        found[name] = values[codes]
    return found


def _part(outcomes: Outcomes, y_true: Any, y_pred: Any, sample_weight: Any) -> Outcomes:
    """Return the outcomes of a group from the arrays that fairlearn selected."""
    pred = np.asarray(y_pred)
    return replace(
        outcomes,
        n=len(pred),
        dropped=0,
        kept=None,
        missing=None,
        true=np.asarray(y_true),
        pred=None if outcomes.pred is None else pred,
        score=None if outcomes.score is None else pred,
        weight=None if sample_weight is None else np.asarray(sample_weight, np.float64),
    )


def _value(
    rate: Metric, outcomes: Outcomes, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> float:
    """Return a rate of a group; NaN if it is undefined."""
    part = _part(outcomes, y_true, y_pred, sample_weight)
    value = rate.measure(part, confidence=0).value
    return np.nan if value is None else value


def _rows(y_true: Any, y_pred: Any, sample_weight: Any) -> int:
    """Return the number of rows that the given rows represent."""
    del y_true, y_pred
    return int(np.sum(sample_weight))


def _denominator(
    rate: Share, outcomes: Outcomes, y_true: Any, y_pred: Any, sample_weight: Any = None
) -> float:
    """Return the number of rows that a share is based on; with weights, the effective number."""
    part = _part(outcomes, y_true, y_pred, sample_weight)
    return rate.smallest(part)[0] if part.effective > 0 else 0.0


class FrameStratum(NamedTuple):
    """The rates of the groups in one stratum (subset of the rows) of a `MetricFrame`.

    `name` is the name of the stratum, and None if it is all rows. `features` has the names of the
    sensitive features, `values` has the value of each feature in each group, and `size` the number
    of rows of each group, which is NaN if the frame has no counts of rows.
    """

    name: str | None
    rates: tuple[GroupRates, ...]
    features: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    size: Floats


def strata_of_frame(
    frame: Any,
    rates: Sequence[Metric],
    sensitive: Sequence[str],
    by: Sequence[Any],
    measure: Mapping[str, Any],
) -> Iterator[FrameStratum]:
    """Yield the strata of a `MetricFrame`: one for each combination of its control features.

    `sensitive` and `by` are the options of the gate, empty if they were not given. `measure` has
    the options `confidence`, `least` and `bounded` of `GroupedOutcomes.rates`. A frame without
    control features is one stratum.

    Raises
    ------
    EvidenceError
        If `frame` is not a `MetricFrame`, if a feature or metric is not in the frame, or if its
        values contradict its counts.
    """
    if not is_instance_of(frame, "fairlearn", "MetricFrame"):
        raise EvidenceError(f"`metric_frame` must be a fairlearn MetricFrame, got {name_of(frame)}")
    table = frame.by_group
    table = table.to_frame() if table.ndim == 1 else table
    features, control = list(frame.sensitive_levels), list(frame.control_levels or ())
    _check_names("sensitive", "sensitive features", sensitive, features)
    _check_names("by", "control features", by, control)
    columns = {str(name): table[name].to_numpy() for name in table.columns}
    chosen = [_column_of(rate, list(columns)) for rate in rates]
    keys = [key if isinstance(key, tuple) else (key,) for key in table.index.tolist()]
    counts = _numbers(columns[_COUNT], _COUNT) if _COUNT in columns else None
    occurs = np.ones(len(keys), np.bool_)
    if counts is not None:
        occurs = np.nan_to_num(counts) > 0
    elif len(features) > 1:  # fairlearn lists combinations that do not occur
        occurs = ~np.isnan(_numbers(columns[chosen[0]], chosen[0]))
    groups = list(
        dict.fromkeys(k[len(control) :] for k, some in zip(keys, occurs, strict=True) if some)
    )
    if len(features) == 1:
        groups = list(dict.fromkeys(k[len(control) :] for k in keys))
    names = unique_names([", ".join(map(group_name, features, values)) for values in groups])
    places = {key: place for place, key in enumerate(keys)}
    for stratum in dict.fromkeys(key[: len(control)] for key in keys):
        at = np.array([places.get((*stratum, *group), -1) for group in groups], np.intp)
        found = tuple(
            _rates_of(rate, name, names, columns, at, **measure)
            for rate, name in zip(rates, chosen, strict=True)
        )
        title = ", ".join(map(group_name, control, stratum)) if control else None
        size = found[0].rows.astype(np.float64) if counts is not None else np.full(len(at), np.nan)
        yield FrameStratum(title, found, tuple(features), tuple(groups), size)


def _check_names(option: str, what: str, given: Sequence[Any], known: Sequence[str]) -> None:
    """Raise EvidenceError unless `given` is empty or names all features of the frame.

    `known` has the names of these features. In the message, `option` is the name of the option, and
    `what` is the word for the features.
    """
    if not given:
        return
    conditions = [item[0] for item in given if not isinstance(item, str)]
    if conditions:
        msg = (
            f"`{option}` has the condition {conditions[0]!r}, but a MetricFrame has no rows: give "
        )
        msg += "it control features instead"
        raise EvidenceError(msg)
    unknown = [name for name in given if name not in known]
    listed = ", ".join(known) or "none"
    if unknown:
        near = did_you_mean(unknown[0], known)
        has = f"the {what} of `metric_frame` are: {listed}{near}"
        has = has if known else f"`metric_frame` has no {what}"
        raise EvidenceError(f"`{option}` names {unknown[0]!r}, but {has}")
    if set(given) != set(known):
        msg = f"`{option}` must name all {what} of `metric_frame` ({listed}), because the metrics "
        msg += f"of its groups can't be combined; got {', '.join(given)}"
        raise EvidenceError(msg)


def _column_of(rate: Metric, columns: Sequence[str]) -> str:
    """Return the name of the column of the frame that has the metric `rate`.

    Names of scikit-learn's and fairlearn's functions are accepted, such as "recall_score".
    """
    found = [name for name in columns if name == rate.name or metrics.own_name(name) == rate.name]
    listed = ", ".join(columns)
    if len(found) > 1:
        raise EvidenceError(
            f"`metric_frame` has several metrics for `{rate.name}`: {', '.join(found)}; keep one"
        )
    if not found:
        near = did_you_mean(rate.name, columns)
        raise EvidenceError(
            f"`metric_frame` has no metric `{rate.name}`; its metrics are: {listed}{near}"
        )
    return found[0]


def _numbers(values: Any, name: str) -> Floats:
    """Convert the values of a metric to floats; raise EvidenceError for any other value."""
    plain = [real(value) for value in values.tolist()]
    if any(value is None for value in plain):
        raise EvidenceError(f"`{name}` of `metric_frame` must have one number for each group")
    found = np.array(plain, np.float64)
    if np.isinf(found).any():
        raise EvidenceError(f"`{name}` of `metric_frame` must be finite")
    return found


def _rates_of(
    rate: Metric,
    column: str,
    names: tuple[str, ...],
    columns: Mapping[str, Any],
    at: Any,
    *,
    confidence: float,
    least: int,
    bounded: bool,
) -> GroupRates:
    """Return a rate of each group of a stratum, with intervals if the frame has the counts.

    `at` has the position of each group in the arrays of `columns`; -1 if the group is not in them.
    """

    def of_groups(name: str) -> Floats:
        values = _numbers(columns[name], name)
        return np.where(at < 0, np.nan, values[at])

    value, k = of_groups(column), len(names)
    outside = np.flatnonzero((value < rate.low) | (value > rate.high)).tolist()
    if outside:
        bounds = (end if np.isfinite(end) else None for end in (rate.low, rate.high))
        msg = f"`{column}` of `metric_frame` must be {format_limit(Limit(*bounds))}, got "
        msg += f"{format_number(float(value[outside[0]]))} for {names[outside[0]]}"
        raise EvidenceError(msg)
    has_counts = _COUNT in columns
    rows = np.nan_to_num(of_groups(_COUNT)) if has_counts else np.zeros(k)
    denominator, lacking = np.full(k, np.nan), ""
    if not has_counts:
        lacking = "`metric_frame` has no counts: add the metric `count` (fairlearn.metrics.count)"
    is_share = isinstance(rate, Share) and not rate.overlap
    if isinstance(rate, Share) and is_share and has_counts:
        own = f"{column}_{_COUNT}"
        if own in columns:
            denominator = np.nan_to_num(of_groups(own))
        elif rate.counted == "rows":
            denominator = rows
            hits = np.nan_to_num(value) * rows
            if np.any(np.abs(hits - np.round(hits)) > 1e-6 * np.maximum(rows, 1)):
                msg = (
                    f"`{column}` times `count` of `metric_frame` must be whole numbers; for rates "
                )
                msg += f"with weights add the effective number of rows as the metric `{own}`"
                raise EvidenceError(msg)
        else:
            lacking = f"the number of {rate.counted} is unknown; add it to `metric_frame` as "
            lacking += f"the metric `{own}`"
    elif not is_share and bounded and not lacking:
        lacking = (
            "no interval can be computed from the values in `metric_frame`; pass the labels and "
            "predictions of the rows instead"
        )
    counted = rate.counted if isinstance(rate, Share) else "rows"
    reasons = []
    for g in range(k):
        reason = too_few(int(rows[g]), rows[g], least) if has_counts else ""
        nan = "its value in `metric_frame` is NaN" if np.isnan(value[g]) else ""
        reason = reason or lacking or nan
        reasons.append(reason or (few(float(denominator[g]), counted) if is_share else ""))
    comparable = np.array([not reason for reason in reasons], np.bool_)
    successes = value * denominator
    # NaN for metrics that are not shares, and if the counts are not known
    at_level = partial(wilson_interval, successes, denominator)
    low, high = at_level(confidence) if confidence else np.full((2, k), np.nan)
    return GroupRates(
        metric=rate.name,
        groups=names,
        rows=rows.astype(np.intp),
        value=value,
        low=np.asarray(low),
        high=np.asarray(high),
        denominator=denominator,
        successes=successes,
        insufficient=tuple(reasons),
        comparable=comparable,
        small=(rows < least) & ~comparable if has_counts else np.zeros(k, np.bool_),
        is_share=is_share,
        method="Wilson" if is_share else "",
        at=at_level,
    )
