"""The command: a thin door to the library, for shells and pipelines."""

from mlgates.cli.commands import main

__all__ = ["main"]
