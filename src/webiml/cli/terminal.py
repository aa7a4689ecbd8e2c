"""What reaches the terminal: no control character of a file name does, and a closed pipe ends nothing."""

from __future__ import annotations

import sys

from webiml.errors import OutputError
from webiml.runners.log import event, is_on, to_nowhere


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
        to_nowhere(sys.stdout)
    except OSError as error:
        to_nowhere(sys.stdout)
        why = (error.strerror or str(error)).lower()
        raise OutputError(f"Standard output cannot be written ({why}); the work itself is done.") from None


def complain(sentence: str, exit_code: int | None = None) -> None:
    """Print one message for a person on stderr; lines stay lines, anything else unprintable is spelled out.

    With --log-json it is an event: `error`, or `note` where the command does not end with it and so has no `exit_code`.
    """
    if is_on():
        if exit_code is None:
            event("note", message=sentence)
        else:
            event("error", message=sentence, exit_code=exit_code)
        return
    if sys.stderr is None:  # closed by the caller; print would take stdout instead
        return
    try:
        print("\n".join(plain(line) for line in sentence.splitlines()), file=sys.stderr, flush=True)
    except OSError:
        to_nowhere(sys.stderr)
