"""Run the command `mlgates` by ``python -m mlgates``."""

from mlgates.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
