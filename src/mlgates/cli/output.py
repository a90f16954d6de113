"""Writing to a terminal, a pipe or a file that may not take it."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["be_lenient", "complain", "say"]


def be_lenient() -> None:
    """Let standard output and error show as an escape what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a text to standard output; a reader that has gone needs no more.

    Raises
    ------
    OSError
        When it can't be written for another reason, such as a full disk.
    """
    stream: IO[str] | None = sys.stdout
    if stream is None:  # closed before the command began
        return
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        _close(stream)
    except OSError:
        _close(stream)
        raise


def complain(text: str) -> None:
    """Write a line to standard error, if there is one."""
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"mlgates: {text}\n")
        sys.stderr.flush()


def _close(stream: IO[str]) -> None:
    # or Python would try again at its end, and take that failure for the exit code
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
