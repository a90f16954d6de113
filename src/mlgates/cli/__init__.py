"""The command `mlgates`, which calls the library from shells and pipelines."""

from mlgates.cli.commands import main

__all__ = ["main"]
