"""Stop a removal at each of its steps, go on, and see that the same is left. Run by test_removal_stops.py.

    python removal_stops.py FOLDER WHAT kill|full

WHAT is the shape of a dataset, `store`, `several` (places at once) or a format of exports. Each attempt is a process of
its own, forked before any thread has started. `kill` ends it by SIGKILL before step n; `full` lets step n fail as a
full disk does. A step is a call that changes the disk or waits for it.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet  # loads what an attempt would load after its fork
from tests.datasets.removal_places import SIZE, contents, make_dataset, make_store, traces
from tests.datasets.reviewing import decided

import webiml.datasets.export.write
import webiml.datasets.remove
from webiml.datasets.remove import remove
from webiml.errors import OutputError, SettingError
from webiml.store.dataset import Role, read_member, read_rows
from webiml.store.links import read_links, read_picture
from webiml.store.place import Place
from webiml.store.removal import FILE_NAME
from webiml.store.removed_rows import Asked

BOB = Asked(author=("Bob",))
ENDED, FULL, SWALLOWED = (
    0,
    3,
    4,
)  # exit codes; SWALLOWED: the step failed and no harm was done
ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask", "probability")


def make(folder: Path, what: str) -> None:
    """What pictures are taken out of."""
    if what in ("folder", "shards"):
        make_dataset(folder / "data", what, "abF")
        (folder / "data" / "report.html").write_text("<img src='x'>")
        if what == "folder":  # people have looked at the pair that goes, and at one that stays
            decided(folder / "data", "a", "Ann", mask=np.eye(SIZE, SIZE, 3) > 0, note="as Bob said")
            decided(folder / "data", "b", "Ann", mask=np.eye(SIZE, SIZE, 5) > 0)
    elif what == "store":
        make_store(folder / "store")
    elif what == "several":  # the other place does not know whose the picture is
        make_dataset(folder / "data", "folder", "a")
        make_dataset(folder / "more", "shards", "c", finish=False)
    else:
        make_dataset(folder.parent / "source", "folder", "abc")  # of two archives one changes and one goes
        source, out = Place(str(folder.parent / "source")), Place(str(folder / "export"))
        webiml.datasets.export.write.export_dataset(source, out, what.removeprefix("export-"), shard_pairs=2, workers=1)
        shutil.rmtree(folder.parent / "source")


def redraw(dataset: Place, report: str, card: str) -> None:
    dataset.write("report.html", b"the page anew")


def arm(step: int, how: str) -> Callable[[], bool]:
    """Let step `step` go wrong; the function that is returned tells whether it was reached."""
    steps = itertools.count()
    reached: list[str] = []

    def wrap(name: str, call: Any) -> Any:
        def stopping(*args: Any, **kwargs: Any) -> Any:
            idle = name in ("unlink", "rmdir") and not os.path.lexists(args[0])
            if not idle and next(steps) == step:
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                reached.append(name)
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*args, **kwargs)

        return stopping

    for name in ("fsync", "replace", "mkdir", "unlink", "rmdir"):
        setattr(os, name, wrap(name, getattr(os, name)))
    return lambda: bool(reached)


def child(work: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = work()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def attempt(folder: Path, step: int | None, how: str) -> int:
    """Take Bob's picture out, in a process that fails at this step."""

    def work() -> int:
        reached = (lambda: False) if step is None else arm(step, how)
        try:
            remove([folder], BOB, redraw=redraw)
        except OutputError as error:
            return FULL if "Free space and run the same command again" in str(error) else 1
        return SWALLOWED if reached() else ENDED

    return child(work)


def check(folder: Path, begun: dict[str, bytes], what: str) -> int:
    """Whether what a stop left can be read and refuses a writer; then end it without saying again what goes."""

    def work() -> int:
        now = contents(folder)
        for place in [path for path in folder.iterdir() if path.is_dir()]:
            plan = place / FILE_NAME
            ours = {name: data for name, data in now.items() if name.startswith(f"{place.name}/")}
            gone = begun.keys() - now.keys() | {name for name in begun.keys() & now.keys() if begun[name] != now[name]}
            if [name for name in gone if name.startswith(f"{place.name}/")]:
                assert plan.exists() or not any(FILE_NAME in name for name in ours)
                assert (place / "removed.jsonl").exists(), f"{gone} went before the tombstones were written"
            if (place / "annotations.parquet").exists():
                for row in read_rows(place):
                    assert row.authentic_path is None or [read_member(place, row, role) for role in ROLES]
            if (place / "store.json").exists():
                for row in read_links(Place(str(place))):
                    if row.path is not None and row.sha256 is not None:
                        read_picture(place, row.path, row.sha256)
        try:
            remove([folder], Asked(), redraw=redraw)
        except SettingError as error:
            assert "Say what" in str(error), error  # no plan was written yet, or all were done
        return 0

    return child(work)


def main(folder: Path, what: str, how: str) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    webiml.datasets.remove.datetime = Clock  # type: ignore[misc]
    os.fsync = lambda handle: None  # a kill does not need it, and a busy disk makes us wait; it is still a step
    pyarrow.array([0])
    template, reference, path = folder / "template", folder / "reference", folder / "stopped"
    assert child(lambda: make(template, what) or 0) == 0
    begun = contents(template)
    shutil.copytree(template, reference)
    assert attempt(reference, None, how) == ENDED
    expected = contents(reference)
    assert child(lambda: len(traces(reference))) == 0 and begun != expected
    step = 0
    while True:
        shutil.copytree(template, path)
        code = attempt(path, step, how)
        if code == ENDED:
            break
        assert code in ({-signal.SIGKILL} if how == "kill" else {FULL, SWALLOWED}), (step, code)
        if how == "full":
            assert not list(path.rglob("*webiml-tmp")), f"step {step}: half a file was left"
        if step % 2:  # any later removal ends it; else the same one
            assert check(path, begun, what) == 0, f"step {step}: what was left cannot be read"
        assert attempt(path, None, how) == ENDED, f"step {step}: it did not go on"
        now = contents(path)
        differs = sorted(name for name in now | expected if now.get(name) != expected.get(name))
        assert not differs, f"step {step}: {differs}"
        assert not list(path.rglob("*webiml-tmp")), f"step {step}: half a file was left"
        shutil.rmtree(path)
        step += 3 if what.startswith("export-") or how == "full" else 1  # these share most of their steps
    print(step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
