"""The service as a process of its own, run as `webiml serve` runs it, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

PROGRAM = """
import json, sys
from pathlib import Path
from starlette.applications import Starlette
from starlette.routing import Mount
from webiml.app import api
from webiml.app.run import address, bind, run_app
from webiml.runners.log import switch_on
from webiml.settings.serve import ServeSettings

settings, mount, token = json.loads(sys.argv[1])
if "keep" in settings:
    settings["keep"] = Path(settings["keep"])
switch_on()
app = api(ServeSettings(**settings), token=token, hosts={"127.0.0.1"} if token else None)
if mount:
    app = Starlette(routes=[Mount(mount, app)])
listener = bind("127.0.0.1", 0)
run_app(app, listener, lambda: print(address(listener, "127.0.0.1"), flush=True))
"""


@dataclass(frozen=True)
class Server:
    """A service that runs. `folder` is all that it may write to: its working folder, HOME and TMPDIR."""

    url: str
    process: subprocess.Popen[str]
    folder: Path
    log: Path

    @property
    def host(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def refused(self) -> list[str]:
        """The reason of each refusal so far."""
        return [event["reason"] for event in self.events() if event["event"] == "request_refused"]

    def workers(self) -> list[int]:
        """The ids of its working processes."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        found = [int(child) for path in children for child in path.read_text().split()]
        return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def written(self) -> list[str]:
        """Every file below its folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def serving(folder: Path, mount: str = "", token: str | None = None, **settings: Any) -> Iterator[Server]:
    """A service in a process; it is ended afterwards, and must have ended well."""
    home = folder / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps([settings, mount, token])],
            cwd=home, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, (folder / "log").read_text()
            yield Server(url.rstrip("/") + mount, process, home, folder / "log")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def until(happens: Callable[[], Any], seconds: float = 20) -> Any:
    """What `happens` returns, as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := happens()):
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.01)
    return found


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def red(height: int, width: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A grey picture (H, W, 3) uint8 with a red rectangle of that size: what the tiny localizer marks."""
    picture = np.full((*size, 3), 120, np.uint8)
    picture[8 : 8 + height, 8 : 8 + width] = (220, 60, 120)
    return picture


def png(rgb: np.ndarray) -> bytes:
    """The bytes of a PNG file."""
    done, data = cv2.imencode(".png", rgb[..., ::-1])
    assert done
    return data.tobytes()


def levels(data: bytes) -> np.ndarray:
    """The pixels of a PNG file as they lie there; colour as RGB."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found if found.ndim == 2 else found[..., ::-1]
