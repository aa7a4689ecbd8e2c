"""How fast are maps scored, how much memory does it take, and how much slower is the usual way?

    python benchmarks/evaluate_speed.py [--count 1000] [--few 100] [--side 512] [--usual 20] [--workers 2] [--json OUT]

Made pictures with made masks and soft maps (PNG) are scored as `webiml evaluate --predictions` does it: each file read,
hashed and decoded, every figure of every picture, intervals over all of them. The usual way scores the decoded arrays
alone, one picture after the other, on one thread: scikit-learn's roc_auc_score, average_precision_score, f1_score and
jaccard_score, and F1 at each of 256 thresholds in NumPy. Both run here, one after the other. Peak memory (VmHWM, Linux
alone) is that of the main process, which is a fresh one, and of the largest worker, for many and for few pictures.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine

from webiml.images.codec import encode_jpeg, encode_png
from webiml.store.atomic import make_folder, write_bytes

DISTINCT = 25  # pictures that are made; the others are copies under other names


def main() -> None:
    """Make the pictures, score them both ways, print and perhaps keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="pictures that are scored")
    parser.add_argument("--few", type=int, default=100, help="pictures that memory is compared with")
    parser.add_argument("--side", type=int, default=512, help="height and width, pixels")
    parser.add_argument("--usual", type=int, default=20, help="pictures that the usual way is timed on")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, count in (("many", arguments.count), ("few", arguments.few)):
            make_benchmark(root / name, count, arguments.side)
        many, few = (measured(root / name, arguments.workers) for name in ("many", "few"))
        usual = usual_way(root / "many", min(arguments.usual, arguments.count))
    ours = many["seconds"] / arguments.count
    found: dict[str, Any] = {
        "machine": machine(),
        "side": arguments.side,
        "workers": arguments.workers,
        "many": {"pictures": arguments.count, **many},
        "few": {"pictures": arguments.few, **few},
        "more_memory_mb": {name: many[name] - few[name] for name in ("main_mb", "worker_mb")},
        "usual_seconds_a_picture": usual,
        "our_seconds_a_picture": ours,
        "ratio": usual / ours,
    }
    print(f"{found['machine']}\n")
    print(f"{arguments.count:,} pictures of {arguments.side}x{arguments.side}, {arguments.workers} processes: ", end="")
    print(f"{many['seconds']:.1f} s, {1e3 * ours:.1f} ms a picture")
    for name, count in (("many", arguments.count), ("few", arguments.few)):
        one = found[name]
        print(f"peak memory of {count:,}: main process {one['main_mb']:.0f} MB, a worker {one['worker_mb']:.0f} MB")
    print(f"the usual way, one thread, {arguments.usual} pictures: {1e3 * usual:.0f} ms a picture, ", end="")
    print(f"{found['ratio']:.1f} times as long")
    if arguments.json:
        write_bytes(arguments.json, json.dumps(found, indent=1, allow_nan=False).encode())


def make_benchmark(root: Path, count: int, side: int) -> None:
    """Tp/ (JPEG), Gt/ and maps/ (PNG) of `count` pictures; the map is soft and right in part."""
    for name in ("Tp", "Gt", "maps"):
        make_folder(root / name)
    rng = np.random.default_rng(0)
    for number in range(count):
        names = [(root / place / f"{number:06}").with_suffix(end) for place, end in _FILES]
        if number >= DISTINCT:
            for file in names:
                shutil.copy(file.with_name(f"{number % DISTINCT:06}{file.suffix}"), file)
            continue
        noise = [cv2.GaussianBlur(rng.normal(size=(side, side)).astype(np.float32), (0, 0), side / 16) for _ in "abc"]
        truth = noise[0] > np.quantile(noise[0], 0.85)
        soft = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 4) + noise[1] / noise[1].std() / 6
        levels = (np.clip(soft, 0, 1) * 255 + rng.random((side, side)) * 3).clip(0, 255).astype(np.uint8)
        rgb = np.repeat(cv2.normalize(noise[2], np.empty(0), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)[..., None], 3, 2)
        for file, data in zip(
            names, (encode_jpeg(rgb, 90), encode_png(truth.astype(np.uint8) * 255), encode_png(levels)), strict=True
        ):
            write_bytes(file, data)


_FILES = (("Tp", ".jpg"), ("Gt", ".png"), ("maps", ".png"))


def measured(root: Path, workers: int) -> dict[str, float]:
    """Seconds of scoring, and peak memory in MB, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_score, args=(theirs, root, workers))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        raise SystemExit("The process that scores has died; see above.") from None
    process.join()
    return found


def _score(connection: Any, root: Path, workers: int) -> None:
    from webiml.evaluate.benchmarks.read import read_benchmark
    from webiml.evaluate.plan import plan
    from webiml.evaluate.run import evaluate
    from webiml.settings import EvaluateRun, EvaluateSettings

    peaks = [0.0]

    def watch() -> None:  # getrusage would begin with what the process held that started this one
        while True:
            peaks.extend(peak_mb(one.pid) for one in multiprocessing.active_children() if one.pid)
            peaks[:] = [max(peaks)]
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    run = EvaluateRun(workers=workers)
    started = time.perf_counter()
    planned = plan([read_benchmark(str(root))], EvaluateSettings(predictions=root / "maps"), run)
    result = evaluate(planned, root / "out", run).result
    seconds = time.perf_counter() - started
    assert result["n"] == planned.pictures and not result["failed"], result["failed_reasons"]
    found = {"seconds": seconds, "main_mb": peak_mb(os.getpid()), "worker_mb": max(peaks), "f1": result["pixel"]["f1"]}
    connection.send(found)


def peak_mb(process: int) -> float:
    """The most memory that a process ever held, MB; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def usual_way(root: Path, count: int) -> float:
    """Seconds a picture, decoding left out."""
    from sklearn.metrics import average_precision_score, f1_score, jaccard_score, roc_auc_score

    taken = 0.0
    for file in sorted((root / "maps").iterdir())[:count]:
        levels, mask = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (file, root / "Gt" / file.name))
        assert levels is not None and mask is not None
        probability, true = levels.ravel() / 255, mask.ravel() > 127
        started = time.perf_counter()
        roc_auc_score(true, probability)
        average_precision_score(true, probability)
        f1_score(true, probability >= 0.5)
        jaccard_score(true, probability >= 0.5)
        for threshold in np.arange(256) / 255:
            marked = probability >= threshold
            hits = np.count_nonzero(marked & true)
            _ = 2 * hits / (np.count_nonzero(marked) + np.count_nonzero(true))
        taken += time.perf_counter() - started
    return taken / count


if __name__ == "__main__":
    main()
