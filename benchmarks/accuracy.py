"""How good are the masks on pairs with published truth? Every pair counts, a rejected one with its map.

    python benchmarks/accuracy.py --pairs ../shared/data/casia1_dev/pairs.csv [--pairs MORE.csv] [--json OUT.json]

Protocol: per-image IoU and F1 at 0.5 (8-bit map >= 128) at native size, nothing inverted, nothing ignored, mean over all
pairs of a true kind with the *predicted* kind deciding how a pair is segmented; a pair without a map scores an empty
mask. AUC is the mean of per-image pixel AUCs. Spearman compares QES (0 where there is none) with the true IoU. ECE: 15
equal bins, all pixels of all pairs. The published masks are read here and never by the annotator.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from webiml import Annotator
from webiml.images.codec import to_8bit
from webiml.images.decode import decode
from webiml.metrics.calibration import Reliability, reliability
from webiml.metrics.overlap import f1, iou
from webiml.metrics.ranking import auc, spearman


@dataclass(frozen=True)
class Score:
    """One pair against its truth."""

    key: str
    kind: str
    predicted: str
    confidence: float
    status: str
    reason: str
    qes: float
    iou: float
    f1: float
    auc: float | None
    seconds: float


def main() -> None:
    """Score each table and print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=Path, action="append", required=True, help="table with key, authentic, manipulated, mask, kind"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every score here")
    parser.add_argument("--maps", type=Path, help="write every probability map under this folder, to look at")
    arguments = parser.parse_args()
    print(f"{date.today()}, {platform.machine()}, {multiprocessing.cpu_count()} cores, {arguments.workers} workers")
    everything = {}
    for table in arguments.pairs:
        rows = [row | {"folder": table.parent, "maps": arguments.maps} for row in pd.read_csv(table).to_dict("records")]
        with multiprocessing.get_context("spawn").Pool(
            arguments.workers, initializer=cv2.setNumThreads, initargs=(1,)
        ) as pool:
            started = time.time()
            scored = pool.map(score, rows, chunksize=4)
        print(f"\n{table}: {len(scored)} pairs, {len(scored) / (time.time() - started):.2f} pairs a second")
        everything[str(table)] = report(scored)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1))


def score(row: dict) -> tuple[Score, Reliability]:
    """Annotate one pair and compare."""
    authentic, manipulated = (
        decode((row["folder"] / row[side]).read_bytes(), max_pixels=200_000_000).rgb
        for side in ("authentic", "manipulated")
    )
    started = time.perf_counter()
    annotation = Annotator()(authentic, manipulated)
    seconds = time.perf_counter() - started
    truth = cv2.imread(str(row["folder"] / row["mask"]), cv2.IMREAD_GRAYSCALE) > 127
    empty = np.zeros(truth.shape, np.float32)
    probability = empty if annotation.probability is None else annotation.probability
    stored = to_8bit(probability)
    if row["maps"]:
        row["maps"].mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(row["maps"] / f"{row['key']}.png"), stored)
    return Score(
        row["key"], row["kind"], annotation.kind.value, annotation.kind_confidence, annotation.status.value,
        annotation.reason.value if annotation.reason else "", annotation.qes or 0.0, iou(stored >= 128, truth),
        f1(stored >= 128, truth), auc(stored, truth), seconds,
    ), reliability(probability, truth)  # fmt: skip


def report(scored: list[tuple[Score, Reliability]]) -> dict:
    """Print the table of one data set and return its numbers."""
    frame = pd.DataFrame([asdict(score) for score, _ in scored])
    bins = sum((r for _, r in scored[1:]), scored[0][1])
    right = float((frame.kind == frame.predicted).mean())
    result = {"n": len(frame), "kind_accuracy": right, "ece": bins.ece, "kinds": {}, "pairs": frame.to_dict("records")}
    print(f"kind accuracy {right:.3f}   ECE {bins.ece:.4f}")
    print(
        f"{'kind':<10}{'n':>5}{'IoU':>8}{'s.e.':>7}{'F1':>8}{'AUC':>8}{'QES>.5':>8}{'IoU kept':>10}{'Spearman':>10}{'s/pair':>8}"
    )
    for kind, part in frame.groupby("kind"):
        kept = part[part.qes > 0.5]
        numbers = {
            "n": len(part), "iou": part.iou.mean(), "iou_standard_error": part.iou.std() / np.sqrt(len(part)),
            "f1": part.f1.mean(), "auc": part.auc.astype(float).mean(), "kept": len(kept) / len(part),
            "kept_iou": kept.iou.mean(), "spearman": spearman(part.qes.to_numpy(), part.iou.to_numpy()),
            "seconds": part.seconds.mean(),
        }  # fmt: skip
        result["kinds"][kind] = numbers
        print(
            f"{kind:<10}"
            + "{n:>5}{iou:>8.3f}{iou_standard_error:>7.3f}{f1:>8.3f}{auc:>8.3f}{kept:>8.2f}{kept_iou:>10.3f}{spearman:>10.2f}{seconds:>8.2f}".format(
                **numbers
            )
        )
    confusion = frame[frame.kind != frame.predicted].groupby(["kind", "predicted"]).size()
    for (kind, predicted), count in confusion.items():
        print(f"  {count} {kind} taken for {predicted}")
    return result


if __name__ == "__main__":
    main()
