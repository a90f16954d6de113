"""Send reports to trackers and monitoring systems, and promote models in a registry.

Each module is named after the package that it uses, and imports it when a function is called:
`mlflow`, `wandb`, `prometheus` and `opentelemetry`.
"""

from mlgates.integrations._recording import NotRecordedWarning

__all__ = ["NotRecordedWarning"]
