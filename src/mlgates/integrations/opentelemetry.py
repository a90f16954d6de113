"""Record reports as OpenTelemetry metrics.

Install the API of OpenTelemetry with ``pip install "mlgates[opentelemetry]"``. It is imported when
a function is called. Your program chooses the SDK and the exporter. Without them, nothing is
recorded.
"""

import sys
from typing import TYPE_CHECKING

from mlgates.integrations._recording import attempt, checked, load
from mlgates.integrations._series import SAMPLES, samples
from mlgates.report import Report

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

__all__ = ["record"]


def record(report: Report, meter_provider: "MeterProvider | None" = None) -> bool:
    """Record the report of a suite as OpenTelemetry gauges.

    The gauges are

    - ``mlgates.suite.verdict`` and ``mlgates.gate.verdict``, which have one series for each
      possible verdict, named by the attribute ``verdict``: 1 for the actual verdict, 0 for the
      others,
    - ``mlgates.check.value`` and ``mlgates.check.limit``, by gate, subject, group and metric,
    - ``mlgates.suite.last_run_timestamp``, the time of the run in seconds since 1970.

    If they are exported to Prometheus, they have the same names as the metrics of
    `prometheus.collect`. A check without a value has no ``mlgates.check.value``. Infinity is
    recorded as the largest float, 1.8e308, and minus infinity as -1.8e308.

    Parameters
    ----------
    report : Report
        The report.
    meter_provider : opentelemetry.metrics.MeterProvider, optional
        The provider of the meter. By default the global provider of the process.

    Returns
    -------
    bool
        Whether the gauges were set. If OpenTelemetry raises an exception, the result is False, and
        a `NotRecordedWarning` is given. Exporters run later and log their own errors.

    Raises
    ------
    ImportError
        If the API of OpenTelemetry is not installed.
    OptionError
        If `report` is not a Report.
    """
    owner = "opentelemetry.record"
    report = checked(owner, report)
    metrics = load(owner, "opentelemetry.metrics", "opentelemetry-api")

    def write() -> None:
        meter = metrics.get_meter("mlgates", meter_provider=meter_provider)
        gauges = {}
        for name, (text, _) in SAMPLES.items():
            full = f"mlgates.{name.replace('_', '.', 1)}"
            unit = "s" if full.endswith("_seconds") else ""
            gauges[name] = meter.create_gauge(full.removesuffix("_seconds"), unit, text)
        for name, labels, value in samples(report):
            # The SDK ignores infinite values, so replace them.
            finite = max(-sys.float_info.max, min(sys.float_info.max, value))
            gauges[name].set(finite, dict(zip(SAMPLES[name][1], labels, strict=True)))

    return attempt(owner, report, write)
