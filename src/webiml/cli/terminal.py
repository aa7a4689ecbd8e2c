"""What reaches the terminal: no control character of a file name does, and a closed pipe ends nothing."""

from __future__ import annotations

import os
import sys


def plain(text: str) -> str:
    """The text with everything unprintable (escape sequences, line ends, direction marks, odd bytes) spelled out.

    A file name may hold an escape sequence that recolours the terminal or rewrites what was printed before.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def say(text: str) -> None:
    """Print on stdout at once. A reader that has gone (`| head`) is no error: the work itself is done or goes on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at exit


def complain(sentence: str) -> None:
    """Print one message for a person on stderr; lines stay lines, anything else unprintable is spelled out."""
    try:
        print("\n".join(plain(line) for line in sentence.splitlines()), file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
