"""How long does the review server make a person wait, and what does it hold in memory?

    python benchmarks/review.py --rows 1000 10000 100000 --out review.json

A dataset of that many rows is written (all pairs are one pair of photographs of examples/pairs, enlarged), and the
server is started in a process of its own, without guard and browser: seconds from its start to the first queue, by
part. Then the views of pairs of 1, 4 and 12 megapixels are asked for one after the other, with nothing held from
before, of 500 cases, while the memory of the process is read.
`benchmarks/review_page.py` measures the page in a browser.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from machine import machine

from webiml.images.codec import encode_png
from webiml.store.dataset import DatasetInfo
from webiml.store.parquet import FILE_NAME, write_annotations
from webiml.store.place import Place
from webiml.types import Row

PAIR = Path(__file__).resolve().parents[1] / "examples" / "pairs" / "no-diving"
SERVER = """
import sys, time
begun = float(sys.argv[3])
from webiml.app.review.server import review_app
from webiml.app.run import bind, run_app
imported = time.time()
from webiml.app.review.open import open_cases
app = review_app(open_cases(sys.argv[1]), "bench")
opened = time.time()
listener = bind("127.0.0.1", 0)
def ready():
    print(listener.getsockname()[1], imported - begun, opened - imported, time.time() - opened, flush=True)
run_app(app, listener, ready)
"""


def write_dataset(folder: Path, rows: int, megapixels: float, shown: int) -> Path:
    """A dataset of `rows` rows, of which the first `shown` have their own maps, all of them the same picture."""
    (folder / "authentic").mkdir(parents=True)
    (folder / "manipulated").mkdir()
    (folder / "probability").mkdir()
    width = 0
    height = 0
    for role, name in (("authentic", "0.jpg"), ("manipulated", "1.jpg")):
        bgr = cv2.imread(str(PAIR / name))
        assert bgr is not None
        share = (megapixels * 1e6 / (bgr.shape[0] * bgr.shape[1])) ** 0.5
        large = cv2.resize(bgr, None, fx=share, fy=share, interpolation=cv2.INTER_CUBIC)
        height, width = large.shape[:2]
        cv2.imwrite(str(folder / role / "one.jpg"), large)
    truth = cv2.imread(str(PAIR / "1.png"), cv2.IMREAD_GRAYSCALE)
    assert truth is not None
    levels = cv2.resize(truth, (width, height), interpolation=cv2.INTER_LINEAR)
    one = folder / "probability" / "one.png"
    one.write_bytes(encode_png(np.asarray(levels, np.uint8)))
    row = Row(
        key="", name="", status="kept", kind="SPG", kind_confidence=0.9, mask_area=0.1, components=3,
        transform=[1.0, 0, 0, 0, 1, 0, 0, 0, 1], unknown_fraction=0.0, height=height, width=width,
        authentic_path="authentic/one.jpg", manipulated_path="manipulated/one.jpg", source="benchmark",
        license="CC0", author="nobody", authentic_url="https://example.org/0.jpg",
        manipulated_url="https://example.org/1.jpg", authentic_sha256="0" * 64, manipulated_sha256="1" * 64,
        annotated_at="2026-11-01T00:00:00Z", settings_hash="0" * 16, package_version="0",
    )  # fmt: skip
    far = np.random.default_rng(0).permutation(rows) / max(rows, 2) / 2
    for number in np.argsort(far)[:shown].tolist():
        os.link(one, folder / "probability" / f"pair-{number:06}.png")
    info = DatasetInfo(1, "folder", 1000, {"min_qes": 0.5}, "0" * 16, "0")
    told = {name: v if isinstance(v, str) else json.dumps(v) for name, v in vars(info).items()}
    all_rows = (
        replace(row, key=f"pair-{n:06}", name=f"thread {n} / picture {n}", qes=0.5 + float(far[n])) for n in range(rows)
    )
    write_annotations(Place(str(folder)), FILE_NAME, all_rows, set(), told)
    return folder


class Served:
    """A review server of its own process, which ends with the block."""

    def __init__(self, folder: Path) -> None:
        begun = time.time()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder), "-", repr(begun)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        port, *parts = self.process.stdout.readline().split()
        self.address = f"http://127.0.0.1:{port}"
        self.keys: list[str] = json.loads(self.get("/api/queue"))["keys"]
        self.started = {
            "imports_s": round(float(parts[0]), 3),
            "table_s": round(float(parts[1]), 3),
            "listening_s": round(float(parts[2]), 3),
            "first_queue_s": round(time.time() - begun, 3),
        }

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=60) as response:
            return response.read()

    def views(self, key: str) -> dict[str, float]:
        """Seconds until each view of a case is there, asked for in turn."""
        found = {}
        for view in json.loads(self.get(f"/api/case/{key}"))["views"]:
            begun = time.perf_counter()
            self.get(f"/api/case/{key}/{view}")
            found[view] = time.perf_counter() - begun
        return found

    def memory(self) -> int:
        """MiB that the process holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") >> 20

    def peak(self) -> int:
        """MiB that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) >> 10

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


def startup(work: Path, rows: int, runs: int) -> dict[str, Any]:
    """Medians over several starts."""
    folder = write_dataset(work / f"rows-{rows}", rows, 0.25, 1)
    times = []
    for _ in range(runs):
        with Served(folder) as served:
            begun = time.perf_counter()
            served.get("/api/queue")
            seconds = round(time.perf_counter() - begun, 3)
            times.append(served.started | {"next_queue_s": seconds, "mib": served.memory()})
    shutil.rmtree(folder)
    return {"rows": rows} | {name: statistics.median(one[name] for one in times) for name in times[0]}


def looking(work: Path, megapixels: float, cases: int) -> dict[str, Any]:
    """Median seconds of each view, and memory."""
    folder = write_dataset(work / f"mp-{megapixels}", 1000, megapixels, cases)
    found, memory, step = [], [], max(1, cases // 5)
    with Served(folder) as served:
        for number, key in enumerate(served.keys[:cases], 1):
            found.append(served.views(key))
            if number % step == 0:
                memory.append(served.memory())
        peak = served.peak()
    result = {
        "megapixels": megapixels,
        "cases": cases,
        "views_s": {view: round(statistics.median(one[view] for one in found), 3) for view in found[0]},
        "all_views_s": round(statistics.median(sum(one.values()) for one in found), 3),
        "mib": memory,
        "peak_mib": peak,
    }
    shutil.rmtree(folder)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 12])
    parser.add_argument("--cases", type=int, default=500, help="of one megapixel; larger ones: a tenth")
    parser.add_argument("--runs", type=int, default=5, help="starts of each number of rows")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    print(machine())
    result: dict[str, Any] = {"machine": machine(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for what, make in (
            ("startup", [lambda rows=rows: startup(work, rows, given.runs) for rows in given.rows]),
            (
                "views",
                [lambda mp=mp: looking(work, mp, given.cases // (1 if mp <= 1 else 10)) for mp in given.megapixels],
            ),
        ):
            result[what] = []
            for one in make:
                result[what].append(one())
                print(json.dumps(result[what][-1]), flush=True)
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
