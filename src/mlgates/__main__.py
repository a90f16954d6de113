"""``python -m mlgates``: the command."""

from mlgates.command import main

if __name__ == "__main__":
    raise SystemExit(main())
