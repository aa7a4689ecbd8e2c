"""What reaches the terminal: no control character of a file name does, and a closed pipe ends nothing."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from webiml.errors import OutputError


def plain(text: str) -> str:
    """The text with everything unprintable (escape sequences, line ends, direction marks, odd bytes) spelled out.

    A file name may hold an escape sequence that recolours the terminal or rewrites what was printed before.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def say(text: str) -> None:
    """Print on stdout at once. A reader that has gone (`| head`) is no error: the work itself is done or goes on.

    Raises:
        OutputError: stdout goes to a file, and that cannot be written.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _close(sys.stdout)
    except OSError as error:
        _close(sys.stdout)
        why = (error.strerror or str(error)).lower()
        raise OutputError(f"Standard output cannot be written ({why}); the work itself is done.") from None


def complain(sentence: str) -> None:
    """Print one message for a person on stderr; lines stay lines, anything else unprintable is spelled out."""
    if sys.stderr is None:  # closed by the caller; print would take stdout instead
        return
    try:
        print("\n".join(plain(line) for line in sentence.splitlines()), file=sys.stderr, flush=True)
    except OSError:
        _close(sys.stderr)


def _close(stream: TextIO) -> None:
    """Send what is still to come nowhere, else the interpreter complains at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
