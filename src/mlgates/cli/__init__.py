"""The command `mlgates`, for use of the library in shells and pipelines."""

from mlgates.cli.commands import main

__all__ = ["main"]
