"""A real S3-compatible server for tests: moto's, in a process of its own on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ACCESS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Run the server; what the environment must hold to reach it."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stderr is not None
            port = next(match[1] for line in server.stderr if (match := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
            os.set_blocking(server.stderr.fileno(), False)  # what it logs later may be lost, and must not stop it
            yield {**ACCESS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        finally:
            server.kill()


_SERVE = """
import logging, sys
from moto.server import main
import werkzeug.serving
log = werkzeug.serving._log
def quiet(kind, message, *args):
    if "Running on" in message:
        log(kind, message, *args)
        sys.stderr.flush()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
werkzeug.serving._log = quiet
main(["-H", "127.0.0.1", "-p", "0"])
"""
