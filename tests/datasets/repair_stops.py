"""Kill a repair before each of its steps, begin it again, and see that the same is left. Run by test_repair.py.

    python repair_stops.py FOLDER

As in removal_stops.py each attempt is a process of its own, and a step is a call that changes the disk or waits for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow
from tests.datasets.edited import contents
from tests.datasets.removal_stops import arm, child
from tests.datasets.whole_dataset import failed, kept, picture, rejected, write_whole

from webiml.datasets.repair import repair_dataset
from webiml.datasets.repair_store import repair_store
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import Place
from webiml.types import Link, LinkRow


def make(path: Path, format: str) -> int:
    if format != "store":
        write_whole(path, [kept(10), kept(11), kept(12), rejected(13), failed(14), kept(15)], format)
        return 0
    for numbers in ((1, 2, 3), (4,)):
        with LinkWriter.open(path) as writer:
            for number in numbers:
                link, data = (
                    Link(f"n{number}", "g", "manipulated", f"https://example.org/{number}.png"),
                    picture(number),
                )
                row = LinkRow(link_id(link), link.name, link.group, link.role, link.url, "fetched")
                sha256 = hashlib.sha256(data).hexdigest()
                there = replace(row, sha256=sha256, bytes=len(data), path=picture_name(sha256, ".png"))
                writer.add(number, there, data)
            writer.finish()
    return 0


def damage(dataset: Path, format: str) -> None:
    if format == "store":
        (dataset / "links" / "000001.parquet").write_bytes(b"no table")
        next(iter(sorted((dataset / "pictures").rglob("*.png")))).unlink()
        (dataset / "pictures" / "notes.txt").write_bytes(b"mine")
        return
    if format == "folder":
        (dataset / "masks" / "pair-11.png").unlink()
        (dataset / "authentic" / "pair-99.png").write_bytes(b"mine")
    else:
        with open(dataset / "shard-000000.tar", "r+b") as file:
            file.truncate((dataset / "shard-000000.tar").stat().st_size // 2)
        (dataset / "shard-000002.tar").unlink()
    journal = dataset / ".webiml" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5])


def attempt(path: Path, step: int | None) -> int:
    repair = repair_store if (path / "store.json").exists() else repair_dataset

    def work() -> int:
        if step is not None:
            arm(step, "kill")
        repair(Place(str(path)), quick=True)
        return 0

    return child(work)


def state(path: Path) -> dict[str, object]:
    """All that is there, and what was set aside; of a dataset's own table the rows."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != "lock")
    found: dict[str, object] = {str(file.relative_to(path)): file.read_bytes() for file in files}
    return found if "store.json" in found else found | contents(path)


def main(folder: Path) -> None:
    os.fsync = lambda handle: None  # a kill does not need it, and a busy disk makes us wait; it is still a step
    pyarrow.array([0])
    steps = 0
    for format in ("folder", "shards", "store"):
        template, reference, path = (folder / f"{name}-{format}" for name in ("template", "reference", "stopped"))
        assert child(lambda to=template, format=format: make(to, format)) == 0
        damage(template, format)
        shutil.copytree(template, reference)
        assert attempt(reference, None) == 0
        wanted = state(reference)
        for step in range(0, 1000, 2 if format == "shards" else 1):
            shutil.copytree(template, path)
            code = attempt(path, step)
            if code == 0:
                break
            assert code == -signal.SIGKILL, (format, step, code)
            assert attempt(path, None) == 0, f"{format}, step {step}: it did not go on"
            assert state(path) == wanted, f"{format}, step {step}: something else is left"
            assert not list(path.rglob("*webiml-tmp")), f"{format}, step {step}: half a file was left"
            shutil.rmtree(path)
            steps += 1
    print(steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
