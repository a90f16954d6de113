"""Export reports to Prometheus, as a file for node_exporter or with a registry.

Install the Prometheus client with ``pip install "mlgates[prometheus]"``. It is imported when a
function is called.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mlgates import options
from mlgates.integrations._recording import attempt, checked, load
from mlgates.integrations._series import SAMPLES, Sample, samples
from mlgates.report import Report

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["collect", "write_textfile"]


def write_textfile(report: Report, path: str | os.PathLike[str]) -> bool:
    """Write the report of a suite as metrics to a file for the textfile collector of node_exporter.

    Use this function in batch jobs. The metrics are those of `collect`. The file is replaced in one
    step, so a scrape never reads an incomplete file.

    Parameters
    ----------
    report : Report
        The report.
    path : str or Path
        The file; use one for each suite. node_exporter reads it if its name ends in ``.prom`` and
        it is in the folder ``--collector.textfile.directory``. The folder must exist.

    Returns
    -------
    bool
        Whether the file was written. If writing raises an exception, the result is False, and a
        `NotRecordedWarning` is given.

    Raises
    ------
    ImportError
        If the client of Prometheus is not installed.
    OptionError
        If `report` is not a Report, or `path` is not a path.
    """
    owner = "prometheus.write_textfile"
    report = checked(owner, report)
    if not isinstance(path, str | os.PathLike):
        raise options.refuse(owner, "path", "a path", path)
    client = load(owner, "prometheus_client", "prometheus-client")

    def write() -> None:
        registry = client.CollectorRegistry()
        registry.register(_Collector(client.Metric, report))
        client.write_to_textfile(os.fspath(path), registry)

    return attempt(owner, report, write)


def collect(report: Report, registry: "CollectorRegistry") -> bool:
    """Add the metrics of a report to a registry, from which Prometheus reads them.

    The metrics stay in the registry until this function is called with the next report of the same
    suite, which replaces them. Use this function in services. The metrics are

    - ``mlgates_suite_verdict`` and ``mlgates_gate_verdict``, which have one series for each
      possible verdict, named by the label ``verdict``: 1 for the actual verdict, 0 for the others,
    - ``mlgates_check_value`` and ``mlgates_check_limit``, by gate, subject, group and metric,
    - ``mlgates_suite_last_run_timestamp_seconds``, the time of the run in seconds since 1970.

    A check without a value has no ``mlgates_check_value``.

    Parameters
    ----------
    report : Report
        The report.
    registry : prometheus_client.CollectorRegistry
        The registry that Prometheus scrapes.

    Returns
    -------
    bool
        Whether the metrics were added. If adding them raises an exception, the result is False, and
        a `NotRecordedWarning` is given.

    Raises
    ------
    ImportError
        If the client of Prometheus is not installed.
    OptionError
        If `report` is not a Report.
    """
    owner = "prometheus.collect"
    report = checked(owner, report)
    client = load(owner, "prometheus_client", "prometheus-client")

    def add() -> None:
        collector = _COLLECTORS.get(registry)
        if collector is None:
            collector = _Collector(client.Metric, report)
            registry.register(collector)
            _COLLECTORS[registry] = collector
        else:
            collector.add(report)

    return attempt(owner, report, add)


class _Collector:
    """A collector that exports the last report of each suite."""

    def __init__(self, metric: Any, report: Report) -> None:
        self._metric = metric
        self._samples: dict[str, list[Sample]] = {}
        self.add(report)

    def add(self, report: Report) -> None:
        # Replace the dict instead of changing it, because another thread may be reading it.
        self._samples = {**self._samples, report.name: list(samples(report))}

    def describe(self) -> list[Any]:
        """Return the metrics without values; a registry uses them to find duplicate names."""
        return [
            self._metric(f"mlgates_{name}", text, "gauge") for name, (text, _) in SAMPLES.items()
        ]

    def collect(self) -> Iterator[Any]:
        """Yield the metrics with their values; the registry calls this for each scrape."""
        metrics = {metric.name: metric for metric in self.describe()}
        for sample in (each for of_suite in self._samples.values() for each in of_suite):
            name = f"mlgates_{sample.name}"
            labels = dict(zip(SAMPLES[sample.name][1], sample.labels, strict=True))
            metrics[name].add_sample(name, labels, sample.value)
        return iter(metrics.values())


#: The collector of each registry to which reports were exported.
_COLLECTORS: WeakKeyDictionary[Any, _Collector] = WeakKeyDictionary()
