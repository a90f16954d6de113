"""Send reports to trackers and monitoring systems, and promote models in a registry.

The modules are `mlflow`, `wandb`, `prometheus` and `opentelemetry`. Each uses the package of this
name, and imports it when a function is called.
"""

from mlgates.integrations._recording import NotRecordedWarning

__all__ = ["NotRecordedWarning"]
