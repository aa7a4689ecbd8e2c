"""A command that serves, started as a user starts it, and asked over its socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@contextmanager
def started(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process; killed at the end where the test has not ended it."""
    command = [sys.executable, "-m", "webiml", *map(str, arguments)]
    inherited = {name: value for name, value in os.environ.items() if name not in ("WEBIML_TOKEN", "WEBIML_DEBUG")}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)


def first_line(process: subprocess.Popen[str]) -> str:
    """The line that says where it listens."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Exit code, and what was still printed, after a signal; Ctrl-C reaches the processes that it started, too."""
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def ask(address: str, path: str, posted: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of a GET, or of a POST of JSON; JSON is read."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        method, body = ("GET", None) if posted is None else ("POST", json.dumps(posted))
        connection.request(method, path, body, headers | {"Content-Type": "application/json"} if body else headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        kind = answer.headers.get_content_type()
        return answer.status, dict(answer.headers), json.loads(text) if kind == "application/json" else text
    finally:
        connection.close()
