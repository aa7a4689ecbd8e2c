"""Stop a writer at each of its steps on the way to a dataset, go on, and print what came out. Run by test_stops.py.

    python stops.py FOLDER SHAPE kill|full

Each attempt is a process of its own, forked before any thread has started. `kill` ends it by SIGKILL before step n;
`full` lets step n fail as a full disk does. A step is a call that changes the disk or waits for it.
"""

from __future__ import annotations

import errno
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
from store_samples import contents, stop_clock, write_dataset

import webiml.store.dataset_writer
from webiml.errors import OutputError

KEYS = "abFc"  # a full tar, a tar of one, and a row without files
ENDED, FULL, SWALLOWED = 0, 3, 4  # exit codes; SWALLOWED: the step failed and the writer went on, which must do no harm


def arm(step: int, how: str) -> Callable[[], bool]:
    """Let step `step` go wrong; the function that is returned tells whether it was reached."""
    steps = itertools.count()
    reached: list[str] = []

    def wrap(name: str, call: Any) -> Any:
        def stopping(*args: Any, **kwargs: Any) -> Any:
            idle = name == "unlink" and not os.path.lexists(args[0])
            if not idle and next(steps) == step:
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                reached.append(name)
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*args, **kwargs)

        return stopping

    for name in ("fsync", "replace", "mkdir", "unlink"):
        setattr(os, name, wrap(name, getattr(os, name)))
    return lambda: bool(reached)


def attempt(path: Path, shape: str, step: int | None, how: str) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            reached = (lambda: False) if step is None else arm(step, how)
            write_dataset(path, KEYS, roles=("authentic.jpg", "mask.png"), format=shape)
            code = SWALLOWED if reached() else ENDED
        except OutputError as error:
            code = FULL if "Free space and run the same command again" in str(error) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, shape: str, how: str) -> None:
    stop_clock(0)
    webiml.store.dataset_writer.SECONDS_AT_ONCE = -1  # row by row, however quick this machine is
    os.fsync = lambda handle: None  # a kill does not need it, and a busy disk makes us wait; it is still a step
    pyarrow.array([0])  # loads what an attempt would load after its fork
    reference, path = folder / "reference", folder / "stopped"
    assert attempt(reference, shape, None, how) == ENDED
    expected = contents(reference)
    step = 0
    while True:
        code = attempt(path, shape, step, how)
        if code == ENDED:
            break
        assert code in ({-signal.SIGKILL} if how == "kill" else {FULL, SWALLOWED}), (step, code)
        finished = read(path / ".webiml" / "journal.jsonl")
        pictures = {
            file: file.stat().st_ino for file in path.glob("[amp]*/*.*") if b'"%s"' % file.stem.encode() in finished
        }
        if how == "full":
            assert not list(path.rglob("*webiml-tmp")), f"step {step}: half a file was left"
        assert attempt(path, shape, None, how) == ENDED, f"step {step}: it did not go on"
        assert contents(path) == expected, f"step {step}: other bytes"
        assert read(path / ".webiml" / "journal.jsonl").startswith(finished), f"step {step}: a row was done again"
        assert all(file.stat().st_ino == inode for file, inode in pictures.items()), (
            f"step {step}: a file was made again"
        )
        assert not list(path.rglob("*webiml-tmp")), f"step {step}: half a file was left"
        shutil.rmtree(path)
        step += 1
    print(step)


def read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
