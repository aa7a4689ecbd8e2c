"""What happens in a long run, for a program that watches it: one line of JSON on stderr for each event.

Underneath is the standard library's logger `webiml`, so whoever imports webiml can attach a handler of his own: each
event is a record of level INFO with the event's name as its message and its fields as `record.fields`. Until somebody
does, or `switch_on` is called, an event costs one comparison and goes nowhere.

structlog and python-json-logger are kept and would bring a formatter, which is json.dumps. The rest they leave to their
user, and it is most of this file: numbers that JSON does not know, half a surrogate pair in a file name, a reader that
has gone.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import Any, TextIO

MAX_TEXT = 2000  # characters of a text that an event keeps
MAX_DEPTH = 6  # of lists and tables within one another

_logger = logging.getLogger("webiml")


def event(name: str, /, **fields: Any) -> None:
    """Say that something happened. Nothing is raised, whatever the fields hold and whoever has stopped reading.

    Args:
        name: of the event, such as row_failed; docs/operations.md lists all of them.
        fields: what a program wants to know of it: words, numbers, and lists and tables of them.
    """
    with suppress(Exception):
        _logger.info(name, extra={"fields": fields})


def switch_on() -> None:
    """Write every event of this process on stderr from now on, a line of JSON each."""
    if not is_on():
        _logger.addHandler(_Lines(logging.INFO))
        _logger.setLevel(logging.INFO)
        _logger.propagate = False  # another library may have set up the root: it would print every event once more


def switch_off() -> None:
    """Write no more events on stderr; handlers of others stay."""
    for handler in [one for one in _logger.handlers if isinstance(one, _Lines)]:
        _logger.removeHandler(handler)
        _logger.setLevel(logging.NOTSET)
        _logger.propagate = True


def is_on() -> bool:
    """Whether events are written on stderr, so that nothing else should be."""
    return any(isinstance(one, _Lines) for one in _logger.handlers)


def to_nowhere(stream: TextIO) -> None:
    """Send what is still to come nowhere: its reader has gone, and the interpreter would complain at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Lines(logging.Handler):
    """Writes an event as one line of JSON, in ASCII."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stderr
        if stream is None:  # closed by the caller
            return
        try:
            stream.write(_line(record) + "\n")
            stream.flush()
        except OSError:
            to_nowhere(stream)
        except Exception:  # closed since, say; the answer of logging's own handlers would be a traceback
            return


def _line(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    fields = getattr(record, "fields", {})
    whole = {"time": f"{at}Z", "event": record.getMessage()}
    whole |= {name: _as_json(value) for name, value in fields.items() if name not in whole}
    return json.dumps(whole, separators=(",", ":"))


def _as_json(value: Any, depth: int = 0) -> Any:
    """The value as something that any reader of JSON understands."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {_text(name): _as_json(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [_as_json(one, depth + 1) for one in value]
    return _text(value)


def _text(value: object) -> str:
    """The value in words; half a surrogate pair, which is no Unicode, is spelled out."""
    try:
        text = str(value)
    except Exception:
        text = type(value).__name__
    text = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."
    return text.encode("utf-8", "backslashreplace").decode()
