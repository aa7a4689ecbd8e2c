"""How do time, memory and disk grow with the number of rows? Each step in processes of its own, looked at from outside.

    python benchmarks/scaling.py [--rows 1000 10000 100000] [--steps make annotate resume ...] [--networks N]
                                 [--workers 2] [--work FOLDER] [--results scaling.jsonl]

Pairs of 64x64 are made, all different. The networks take far longer than all the rest and cost the same for each pair,
so they are measured apart: --networks N times the real annotator on N pairs of two sizes, in one process on one thread.
Everything else runs with a stand-in for them (stand_in.py):

    annotate   list the pairs, annotate into shards, write table and report: what the command does
    resume     the same again, where all is finished
    verify     webiml dataset verify, and quick with --quick
    stats      webiml dataset stats
    dedup      webiml dataset dedup, the first time: every picture is hashed

What was measured is appended to --results, one line of JSON a step, and not measured again, so a run that is stopped
goes on. To measure a step again, take its line out; a dataset that is there is taken as it is. Peak memory is VmHWM of
the driver, and of that of its workers which took most (Linux).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from machine import machine
from speed import make_pairs, tree
from stand_in import SETTINGS, Difference, write_pair

LOOK_EVERY = 0.05  # seconds, between two looks at the memory
SIZES = ((64, 64), (384, 512))  # of pairs for the networks, (H, W)
STEPS = ("make", "annotate", "resume", "quick", "verify", "stats", "dedup")


def main(arguments: list[str] | None = None) -> None:
    """Measure what has not been measured yet, then print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--steps", choices=STEPS, nargs="+", default=STEPS)
    parser.add_argument("--networks", type=int, default=0, help="pairs of each size for the real annotator; 0: none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--work", type=Path, help="a folder for pairs and datasets; by default one that goes at the end"
    )
    parser.add_argument("--results", type=Path, default=Path("scaling.jsonl"))
    parser.add_argument("--one", help=argparse.SUPPRESS)  # of the process of one step: its name
    given = parser.parse_args(arguments)
    if given.one:
        IN_A_PROCESS[given.one](given)
        return
    with tempfile.TemporaryDirectory() as temporary:
        given.work = (given.work or Path(temporary)).absolute()
        for rows in given.rows:
            for step in given.steps:
                once(given, step, rows, lambda step=step, rows=rows: measure(given, step, rows))
        if given.networks:
            once(given, "networks", given.networks, lambda: networks(given))
    show(read(given.results))


def once(given: argparse.Namespace, step: str, rows: int, measured: Callable[[], dict]) -> None:
    """Measure one step of so many rows, unless its line is there."""
    if any(
        (line["step"], line["rows"], line["workers"]) == (step, rows, given.workers) for line in read(given.results)
    ):
        return
    line = {"step": step, "rows": rows, "workers": given.workers, "machine": machine(), **measured()}
    with open(given.results, "a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), file=sys.stderr, flush=True)


def read(results: Path) -> list[dict]:
    """What was measured before."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


# ---------------------------------------------------------------- steps


def measure(given: argparse.Namespace, step: str, rows: int) -> dict:
    """Run one step and look at it; of annotating also what lies on the disk then."""
    dataset, workers = given.work / f"dataset-{rows}", ["--workers", str(given.workers)]
    webiml = [sys.executable, "-m", "webiml", "dataset"]
    without = given.work / f"without-{rows}"
    if step == "dedup":
        shutil.rmtree(without, ignore_errors=True)
        (dataset / ".webiml" / "hashes.parquet").unlink(missing_ok=True)
    command = {
        "quick": [*webiml, "verify", str(dataset), "--quick", *workers, "--json"],
        "verify": [*webiml, "verify", str(dataset), *workers, "--json"],
        "stats": [*webiml, "stats", str(dataset), "--json"],
        "dedup": [*webiml, "dedup", str(dataset), "--out", str(without), *workers, "--json"],
    }.get(step)
    one = [sys.executable, __file__, "--one", step, "--rows", str(rows), "--work", str(given.work), *workers]
    found = watched(command or one)
    if step == "annotate":
        found["bytes a pair"] = {kind: round(size / rows, 1) for kind, size in on_disk(dataset).items()}
    if step == "dedup":
        found["bytes a pair"] = {"hashes": (dataset / ".webiml" / "hashes.parquet").stat().st_size / rows}
        shutil.rmtree(without)
    return found


def make_step(given: argparse.Namespace) -> None:
    """Write the pairs."""
    for number in range(given.rows[0]):
        folder = given.work / f"pairs-{given.rows[0]}" / f"p{number:07d}"
        if not folder.exists():
            write_pair(folder, number)


def annotate_step(given: argparse.Namespace) -> None:
    """What `webiml annotate` does, with the stand-in."""
    from webiml.annotate.dataset import annotate_dataset
    from webiml.pairs.source import list_pairs
    from webiml.report.html import write_report
    from webiml.settings import AnnotateRun

    dataset = given.work / f"dataset-{given.rows[0]}"
    listing = list_pairs([given.work / f"pairs-{given.rows[0]}"])
    run = AnnotateRun(workers=given.workers, format="shards")
    annotate_dataset(listing.pairs, dataset, SETTINGS, run, annotator=Difference)
    write_report(dataset, pictures=True)


IN_A_PROCESS = {"make": make_step, "annotate": annotate_step, "resume": annotate_step}


def networks(given: argparse.Namespace) -> dict:
    """Milliseconds that the real annotator needs for a pair, by size, on one thread."""
    from webiml.annotate.annotator import Annotator
    from webiml.images.decode import decode
    from webiml.runners.cores import one_thread
    from webiml.settings import AnnotatorSettings

    one_thread()
    annotator = Annotator(AnnotatorSettings())
    found = {}
    for size in SIZES:
        folder = given.work / f"networks-{size[0]}"
        shutil.rmtree(folder, ignore_errors=True)
        make_pairs(folder, given.networks, 7, size)
        pairs = [
            [decode((pair / name).read_bytes(), 1 << 30).rgb for name in ("0.jpg", "1.jpg")]
            for pair in sorted(folder.iterdir())
        ]
        annotator(*pairs[0])  # what is read once is no part of it
        begun = time.perf_counter()
        for pair in pairs:
            annotator(*pair)
        found[f"{size[1]}x{size[0]}"] = round(1000 * (time.perf_counter() - begun) / len(pairs), 1)
    return {"milliseconds a pair": found}


# ---------------------------------------------------------------- looking at them


def watched(command: list[str]) -> dict:
    """Run a command to its end: seconds, and peak memory of its process and of the largest below it, megabytes."""
    begun = time.perf_counter()
    peaks: dict[int, int] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in tree(process.pid):
                peaks[pid] = peak_of(pid) or peaks.get(pid, 0)  # the last: before exec it was that of its parent
            time.sleep(LOOK_EVERY)
        seconds = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    driver = peaks.pop(process.pid, 0)
    return {
        "seconds": round(seconds, 2),
        "driver MB": driver / 1000,
        "worker MB": max(peaks.values(), default=0) / 1000,
    }


def peak_of(pid: int) -> int:
    """Peak resident memory of a process, kilobytes; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def on_disk(dataset: Path) -> dict[str, int]:
    """Bytes of a dataset in shards by kind of file; what tars add to their members is apart."""
    found: Counter[str] = Counter()
    for file in dataset.rglob("*"):
        if not file.is_file():
            continue
        size = file.stat().st_size
        if file.suffix != ".tar":
            found[file.name] += size
            continue
        with tarfile.open(file) as tar:
            for member in tar:
                found["." + member.name.partition(".")[2]] += member.size
                size -= member.size
        found["of the tar itself"] += size
    return dict(sorted(found.items()))


def show(results: list[dict]) -> None:
    """All that was measured, as Markdown."""
    print("| step | rows | workers | seconds | rows a second | driver, MB | largest worker, MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for line in results:
        if "seconds" in line:
            print(
                f"| {line['step']} | {line['rows']:,} | {line['workers']} | {line['seconds']:.1f} "
                f"| {line['rows'] / line['seconds']:,.0f} | {line['driver MB']:.0f} | {line['worker MB']:.0f} |"
            )
    for line in results:
        for what in ("bytes a pair", "milliseconds a pair"):
            if what in line:
                print(f"\n{what}, {line['step']}, {line['rows']:,} rows")
                for kind, value in line[what].items():
                    print(f"  {kind:<24}{value:>10,.1f}")


if __name__ == "__main__":
    main()
