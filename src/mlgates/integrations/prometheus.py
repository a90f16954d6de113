"""Export reports to Prometheus, by a file for node_exporter or by a registry that is scraped.

Install its client with ``pip install "mlgates[prometheus]"``. It is imported when a function is
called.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mlgates.integrations._recording import attempt, checked, load
from mlgates.integrations._series import SAMPLES, Sample, samples
from mlgates.report import Report

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["collect", "write_textfile"]


def write_textfile(report: Report, path: str | os.PathLike[str]) -> bool:
    """Write the report of a suite to a file for the textfile collector of node_exporter.

    Use it in batch jobs. The file is replaced in one step, so that no scrape sees a part of it. The
    metrics are those of `collect`.

    Parameters
    ----------
    report : Report
        The report.
    path : str or Path
        The file, one for each suite. It must be in the folder ``--collector.textfile.directory`` of
        node_exporter, which must exist, and its name must end in ``.prom`` to be read.

    Returns
    -------
    bool
        Whether the file was written. If not, the exception becomes a `NotRecordedWarning`: it
        neither ends the program nor changes the verdict.

    Raises
    ------
    ImportError
        If the client of Prometheus is not installed.
    OptionError
        If `report` is not a Report.
    """
    owner = "prometheus.write_textfile"
    report = checked(owner, report)
    client = load(owner, "prometheus_client", "prometheus-client")

    def write() -> None:
        registry = client.CollectorRegistry()
        registry.register(_Collector(client.Metric, report))
        client.write_to_textfile(os.fspath(path), registry)

    return attempt(owner, report, write)


def collect(report: Report, registry: "CollectorRegistry") -> bool:
    """Let a registry export the report of a suite, until `collect` gets the next one.

    Use it in services. The metrics are

    - ``mlgates_suite_verdict`` and ``mlgates_gate_verdict``: 1 for the verdict in the label
      ``verdict``, 0 for the others,
    - ``mlgates_check_value`` and ``mlgates_check_limit``, by gate, subject, group and metric,
    - ``mlgates_suite_last_run_timestamp_seconds``, to notice that a suite does not run any more.

    Checks without a value have no ``mlgates_check_value``.

    Parameters
    ----------
    report : Report
        The report.
    registry : prometheus_client.CollectorRegistry
        The registry that is scraped.

    Returns
    -------
    bool
        Whether the report is exported, as in `write_textfile`.

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
    """The last report of each suite, as a collector of a registry."""

    def __init__(self, metric: Any, report: Report) -> None:
        self._metric = metric
        self._samples: dict[str, list[Sample]] = {}
        self.add(report)

    def add(self, report: Report) -> None:
        # replaced, not changed: another thread may be scraping
        self._samples = {**self._samples, report.name: list(samples(report))}

    def describe(self) -> list[Any]:
        """Return the metrics without values, by which a registry finds names that are in use."""
        return [
            self._metric(f"mlgates_{name}", text, "gauge") for name, (text, _) in SAMPLES.items()
        ]

    def collect(self) -> Iterator[Any]:
        """Return the metrics with their values, when a registry is scraped."""
        metrics = {metric.name: metric for metric in self.describe()}
        for sample in (each for of_suite in self._samples.values() for each in of_suite):
            name = f"mlgates_{sample.name}"
            labels = dict(zip(SAMPLES[sample.name][1], sample.labels, strict=True))
            metrics[name].add_sample(name, labels, sample.value)
        return iter(metrics.values())


#: The collector of each registry that has one.
_COLLECTORS: WeakKeyDictionary[Any, _Collector] = WeakKeyDictionary()
