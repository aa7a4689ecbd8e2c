"""Does a run that is killed again and again end as one that is left in peace? Prints a table; exits 1 where it differs.

    python benchmarks/soak.py [--rows 100000] [--kills 20] [--seed 1] [--workers 2] [--format shards] [--work FOLDER]

Pairs of 64x64 are made, 5 of 100 hostile: cut short, no picture, empty, a header that claims too many pixels, a wrong
name, no partner, a folder or a pipe in place of a file, a pair that raises, and one in 10,000 that kills its worker.
The annotator is a stand-in, see stand_in.py. One run goes through; another has its whole group of processes killed at
random moments and is called again. Then both datasets are compared file by file, byte by byte; the times of the rows
alone may differ. --work keeps all this, and a run that is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from machine import machine
from stand_in import KILLS, RAISES, SETTINGS, Difference, one_colour, write_pair

HOSTILE = 20  # one pair in so many
ROWS_A_KILLER = 10_000  # each costs the start of two workers
JOURNAL = Path(".webiml/journal.jsonl")


def main(arguments: list[str] | None = None) -> int:
    """Make the pairs, run both ways, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--format", choices=("shards", "folder"), default="shards")
    parser.add_argument(
        "--work", type=Path, help="a folder for pairs and datasets; by default one that goes at the end"
    )
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)  # of the process that is killed
    given = parser.parse_args(arguments)
    if given.run is not None:
        run(given.work, given.run, given)
        return 0
    print(f"{machine()}\n{given.rows:,} rows, one in {HOSTILE} hostile, {given.kills} kills, seed {given.seed}\n")
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        pairs, calm, killed = work / "pairs", work / "calm", work / "killed"
        kinds = make(pairs, given.rows, given.seed)
        begun = time.monotonic()
        wait(start(pairs, calm, given))
        print(f"left in peace   {time.monotonic() - begun:8.1f} s")
        shutil.rmtree(killed, ignore_errors=True)
        begun = time.monotonic()
        kills = run_and_kill(pairs, killed, given, (calm / JOURNAL).stat().st_size)
        print(f"killed {kills:>3} times{time.monotonic() - begun:8.1f} s\n")
        for kind, count in sorted(kinds.items()):
            print(f"  {kind:<16}{count:>8,}")
        for reason, count in reasons(calm).items():
            print(f"  became {reason:<24}{count:>8,}")
        different = differences(calm, killed)
    print("\nequal but for times" if not different else "\nDIFFERENT: " + ", ".join(different[:20]))
    return 1 if different else 0


# ---------------------------------------------------------------- pairs


def make(folder: Path, rows: int, seed: int) -> dict[str, int]:
    """Write the pairs; what they are, and how many of each. Seeded."""
    order = random.Random(seed)
    counts = dict.fromkeys(["good", *SPOILED], 0)
    ready = folder.with_name("pairs.json")
    if ready.exists():
        return json.loads(ready.read_text())
    for number in range(rows):
        pair = folder / f"p{number:07d}"
        write_pair(pair, number)
        kind = "good"
        if order.random() < 1 / HOSTILE or number == rows // 2:
            kind = order.choice(list(SPOILED)) if number != rows // 2 else "kills its worker"  # one at least
            if kind == "kills its worker" and counts[kind] * ROWS_A_KILLER >= rows:
                kind = "raises"
            SPOILED[kind](pair)
        counts[kind] += 1
    ready.write_text(json.dumps(counts))
    return counts


def _cut(pair: Path) -> None:
    file = pair / "1.jpg"
    file.write_bytes(file.read_bytes()[:200])


def _bomb(pair: Path) -> None:
    """A PNG of a few bytes whose header claims 3,600 megapixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(bytes(1000)), b"IEND")
    (pair / "1.jpg").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    )


def _folder(pair: Path) -> None:
    (pair / "1.jpg").unlink()
    (pair / "1.jpg").mkdir()


def _pipe(pair: Path) -> None:
    (pair / "1.jpg").unlink()
    os.mkfifo(pair / "1.jpg")


def _in_place_of_authentic(data: bytes) -> Callable[[Path], object]:
    def spoil(pair: Path) -> None:
        (pair / "0.jpg").write_bytes(data)

    return spoil


SPOILED: dict[str, Callable[[Path], object]] = {
    "cut short": _cut,
    "no picture": lambda pair: (pair / "1.jpg").write_text("<html>Not found</html>"),
    "empty": lambda pair: (pair / "0.jpg").write_bytes(b""),
    "pixel bomb": _bomb,
    "wrong name": lambda pair: (pair / "0.jpg").rename(pair / "zero.jpg"),
    "no partner": lambda pair: (pair / "1.jpg").unlink(),
    "a folder": _folder,
    "a pipe": _pipe,
    "raises": _in_place_of_authentic(one_colour(RAISES)),
    "kills its worker": _in_place_of_authentic(one_colour(KILLS)),
}

# ---------------------------------------------------------------- runs


def run(pairs: Path, out: Path, given: argparse.Namespace) -> None:
    """What `webiml annotate` does, with the stand-in."""
    from webiml.annotate.dataset import annotate_dataset
    from webiml.pairs.source import list_pairs
    from webiml.report.html import write_report
    from webiml.settings import AnnotateRun

    settings = AnnotateRun(workers=given.workers, format=given.format, shard_pairs=max(10, min(1000, given.rows // 10)))
    annotate_dataset(list_pairs([pairs]).pairs, out, SETTINGS, settings, annotator=Difference)
    write_report(out, pictures=True)


def start(pairs: Path, out: Path, given: argparse.Namespace) -> subprocess.Popen[bytes]:
    """The same in a group of processes of its own."""
    command = [sys.executable, __file__, "--work", str(pairs), "--run", str(out), "--workers", str(given.workers)]
    command += ["--rows", str(given.rows), "--format", given.format]
    return subprocess.Popen(command, start_new_session=True)


def wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end, which must be a good one."""
    if process.wait():
        raise SystemExit(f"A run ended with {process.returncode}.")


def run_and_kill(pairs: Path, out: Path, given: argparse.Namespace, journal: int) -> int:
    """Run, kill, and run again; the last run is left alone. How many were killed.

    Args: journal: bytes of the whole journal: moments are spread over its growth, and one is at its end, where the
    table and the report are written.
    """
    chance = random.Random(given.seed)
    moments = sorted([chance.uniform(0, journal) for _ in range(given.kills - 1)] + [journal] * (given.kills > 0))
    kills = 0
    for moment in moments:
        process = start(pairs, out, given)
        while process.poll() is None and size(out / JOURNAL) < moment:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        elif process.returncode:
            raise SystemExit(f"A run ended with {process.returncode}.")
        process.wait()
    wait(start(pairs, out, given))
    return kills


def size(file: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


# ---------------------------------------------------------------- comparison


def differences(one: Path, two: Path) -> list[str]:
    """Files that only one of the two folders has, or whose bytes differ in more than the times of rows."""
    ours, theirs = ({str(file.relative_to(top)) for file in top.rglob("*") if file.is_file()} for top in (one, two))
    both = sorted(ours & theirs)
    return [*sorted(ours ^ theirs), *(name for name in both if not same(one / name, two / name))]


def same(one: Path, two: Path) -> bool:
    """Whether two files are equal but for the times of rows."""
    if one.name == JOURNAL.name:
        return lines(one) == lines(two)
    if one.name == "annotations.parquet":
        ours, theirs = (pq.read_table(file) for file in (one, two))
        return ours.schema.equals(theirs.schema, check_metadata=True) and (
            ours.drop_columns(["annotated_at"]).equals(theirs.drop_columns(["annotated_at"]))
        )
    return one.read_bytes() == two.read_bytes()


def lines(journal: Path) -> list[dict]:
    """The journal without times."""
    found = [json.loads(line) for line in journal.read_bytes().splitlines()]
    for record in found:
        record.get("row", {}).pop("annotated_at", None)
    return found


def reasons(dataset: Path) -> dict[str, int]:
    """Status or reason to rows, the most frequent first."""
    table = pq.read_table(dataset / "annotations.parquet", columns=["status", "reason"]).to_pylist()
    words = [row["reason"] or row["status"] for row in table]
    return dict(sorted(((word, words.count(word)) for word in set(words)), key=lambda item: -item[1]))


if __name__ == "__main__":
    sys.exit(main())
