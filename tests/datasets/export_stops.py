"""Stop an export at each of its steps, go on, and compare. Run by test_export_write.py.

    python export_stops.py FOLDER FORMAT

Each attempt is a process of its own, forked before any thread has started, and ended by SIGKILL before step n. A step
is a call that puts a file into place or takes one away.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from small_dataset import contents, usual, write_pictured

from webiml.datasets.export.write import export_dataset
from webiml.store.place import Place


def arm(step: int) -> None:
    """Kill this process before step `step`."""
    steps = itertools.count()

    def wrap(call: Any) -> Any:
        def stopping(*args: Any, **kwargs: Any) -> Any:
            idle = call is unlink and not os.path.lexists(args[0])
            if not idle and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return stopping

    unlink = os.unlink
    os.replace, os.unlink = wrap(os.replace), wrap(unlink)


def attempt(action: Callable[[], object], step: int | None) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if step is not None:
                arm(step)
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, format: str) -> None:
    os.fsync = lambda handle: None  # a kill does not need it, and a busy disk makes us wait
    pyarrow.array([0])  # loads what an attempt would load after its fork
    dataset, whole, stopped = write_pictured(folder / "dataset", usual()[:3]), folder / "whole", folder / "stopped"

    def export(out: Path) -> None:
        export_dataset(Place(str(dataset)), Place(str(out)), format, shard_pairs=2, workers=1)

    assert attempt(lambda: export(whole), None) == 0
    expected = contents(whole)
    step = 0
    while True:
        code = attempt(lambda: export(stopped), step)
        if code == 0:
            break
        assert code == -signal.SIGKILL, code
        assert not (stopped / "export.json").exists() or contents(stopped) == expected, f"step {step}: whole too early"
        assert attempt(lambda: export(stopped), None) == 0, f"step {step}: it did not go on"
        assert contents(stopped) == expected, f"step {step}: other bytes"
        shutil.rmtree(stopped)
        step += 1
    print(step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
