"""How fast is a localizer on the processor, and what memory does it take? Every line is a fresh process.

    python benchmarks/localizer_speed.py [--part small|start|large] [--weights NAME_OR_PATH] [--threads 2]
                                         [--views 1] [--json OUT.json]

    small   512x512: milliseconds once warm, median of 15, with one thread and with --threads; resident memory after it
    start   from starting Python to the first mask of a JPEG of 512x512, median of five starts
    large   12 and 50 megapixels from a JPEG file: seconds without the start, and peak memory

Pictures are made of examples/pictures, enlarged, with grain. Memory is the resident size, in large the highest of
fifty looks a second. Nothing but the localizer is measured: what `webiml localize` writes comes on top.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine
from speed import PICTURES, run

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.localize.localizer import SHIPPED
from webiml.store.atomic import write_bytes

SMALL = (512, 512)  # pixels, (H, W)
LARGE = {"12 megapixels": (3000, 4000), "50 megapixels": (6120, 8170)}
REPEATS, STARTS = 15, 5
LOCALIZE = """
import json, os, statistics, sys, time
weights, picture, threads, views, repeats = *sys.argv[1:3], *map(int, sys.argv[3:])
import cv2
from webiml import Localizer
cv2.setNumThreads(threads)
localizer = Localizer.load(weights, threads=threads)
taken = []
for _ in range(repeats):
    begun = time.perf_counter()
    found = localizer.localize(picture, views=views)
    taken.append(time.perf_counter() - begun)
try:
    pages = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
except OSError:
    pages = 0
height, width = found.probability.shape
print(json.dumps({"first": taken[0], "warm": statistics.median(taken[1:] or taken), "resident": pages,
                  "height": height, "width": width}))
"""


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds of the whole process, of its first look and of a warm one; memory in bytes."""

    process: float
    first: float
    warm: float
    resident: int
    peak: int


def main() -> None:
    """Measure each part that was asked for."""
    parts: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]]
    parts = {"small": small, "start": start, "large": large}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=list(parts), action="append", help="may be given again; default: all")
    parser.add_argument("--weights", default=SHIPPED, help="name or path of the localizer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    try:
        Localizer.load(arguments.weights)
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    print(f"{machine()}\n{arguments.weights}, {arguments.views} view(s)")
    found: dict[str, Any] = {"machine": machine(), "weights": arguments.weights, "views": arguments.views}
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.part or parts:
            found[name] = parts[name](arguments, Path(temporary))
    if arguments.json:
        write_bytes(arguments.json, json.dumps(found, indent=1, allow_nan=False).encode())


def small(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One small picture, once the network is warm."""
    picture = make_picture(folder / "small.png", SMALL)  # what a PNG takes to decode is next to nothing
    print(f"\n512x512, once warm, median of {REPEATS - 1}")
    found = {}
    for threads in sorted({1, arguments.threads}):
        taken = localize(arguments, picture, threads, REPEATS)
        print(f"  {threads} thread(s) {1000 * taken.warm:>8.0f} ms {taken.resident / 1e6:>8.0f} MB resident")
        found[str(threads)] = {"milliseconds": 1000 * taken.warm, "resident": taken.resident}
    return found


def start(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The first mask, as somebody waits for it who has just started."""
    picture = make_picture(folder / "small.jpg", SMALL)
    starts = [localize(arguments, picture, arguments.threads, 1).process for _ in range(STARTS)]
    print(f"\nfirst mask of a start, Python included   {statistics.median(starts):.2f} s, median of {STARTS}")
    return {"seconds": statistics.median(starts), "all": starts}


def large(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Large pictures, in tiles."""
    print(f"\nlarge pictures, {arguments.threads} thread(s)")
    found = {}
    for name, size in LARGE.items():
        taken = localize(arguments, make_picture(folder / "large.jpg", size), arguments.threads, 1)
        print(f"  {name:<16}{taken.first:>8.1f} s {taken.peak / 1e6:>8.0f} MB at most")
        found[name] = {"seconds": taken.first, "peak": taken.peak}
    return found


def localize(arguments: argparse.Namespace, picture: Path, threads: int, repeats: int) -> Taken:
    """A fresh process that localizes in one picture `repeats` times."""
    numbers = map(str, (threads, arguments.views, repeats))
    ran = run([sys.executable, "-c", LOCALIZE, arguments.weights, str(picture), *numbers])
    said: Mapping[str, Any] = json.loads(ran.output)
    return Taken(ran.seconds, said["first"], said["warm"], said["resident"], ran.peak)


def make_picture(path: Path, size: tuple[int, int], seed: int = 7) -> Path:
    """A picture of `size` (H, W) with the grain of a camera; the path."""
    source = cv2.imread(str(PICTURES / "canyon.jpg"))
    assert source is not None
    picture = cv2.resize(source, size[::-1], interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(seed).integers(-6, 7, picture.shape, np.int8)
    cv2.imwrite(str(path), cv2.add(picture, grain, dtype=cv2.CV_8U))
    return path


if __name__ == "__main__":
    main()
