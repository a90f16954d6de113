"""``python -m mlgates``: the command."""

from mlgates.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
