"""Stop one run after the other, each later in the work, and go on. Run by test_stops.py.

    python stops.py FOLDER

Each attempt is a process of its own, forked before any thread has started, that kills itself at the beginning of a
step, at a row of annotating or of writing, or on either side of a rename. Prints at how many places it was stopped.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from tests.datasets.stub_annotator import RandomAnnotator
from tests.grow.growing import Folder

import webiml.grow.generations
from webiml.grow.run import Tick, grow

STOPS: list[tuple[str, int]] = [  # (step, ticks of it that are allowed)
    *(("collect", 5), ("begin", 0), ("annotate", 0), ("annotate", 2), ("hash pictures", 0)),
    *(("write", 1), ("describe", 0), ("publish", 0), ("published", 0), ("dropped", 0)),
]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stopping(step: str, ticks: int) -> Callable[..., Tick]:
    """Kills this process when `step` has had so many ticks."""

    def begin(what: str, total: int, done: int = 0) -> Tick:
        left = ticks if what == step else -1
        if left == 0:
            die()

        def tick(words: str = "", done: int | None = None) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                die()

        return tick

    return begin


def arm(step: str) -> None:
    """Kill this process around what changes which generations there are."""

    def before(call: Any) -> Any:
        return lambda *arguments: die()

    def after(call: Any) -> Any:
        def stopping(*arguments: Any) -> None:
            call(*arguments)
            die()

        return stopping

    where: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "begin": ("write_records", after),
        "publish": ("_rename", before),
        "published": ("_rename", after),
        "dropped": ("drop", before),
    }
    if step in where:
        name, wrap = where[step]
        setattr(webiml.grow.generations, name, wrap(getattr(webiml.grow.generations, name)))


def attempt(folder: Folder, step: str, ticks: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            arm(step)
            grow(folder.settings(), stopping(step, ticks), annotator=RandomAnnotator)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def make(folder: Path) -> Folder:
    made = Folder(folder)
    for number in range(3):
        made.add(f"g{number}", f"name {number}", number, 10 + number)
    made.add("g3", "again", 3, 12)
    return made


def main(folder: Path) -> None:
    os.fsync = lambda handle: None  # a kill does not need it, and a busy disk makes us wait
    for module in ("webiml.collect.fetch", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        importlib.import_module(module)  # what an attempt would load after its fork
    pyarrow.array([0])
    whole, stopped = make(folder / "whole"), make(folder / "stopped")
    assert attempt(whole, "", 0) == 0
    for step, ticks in STOPS:
        code = attempt(stopped, step, ticks)
        assert code == -signal.SIGKILL, f"{step}, {ticks}: exit code {code}"
        visible = [entry.name for entry in stopped.generations.iterdir() if entry.name != ".webiml"]
        published = ["000000"] if step in ("published", "dropped") else []
        assert visible == published, f"{step}, {ticks}: {visible}"
    assert attempt(stopped, "", 0) == 0
    print(len(STOPS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
