"""How good are the masks on pairs with published truth? Every pair counts, a rejected one with its map.

    python benchmarks/accuracy.py --pairs ../shared/data/casia1_dev/pairs.csv [--pairs MORE.csv] [--json OUT.json]

Protocol: per-image IoU and F1 at 0.5 (8-bit map >= 128) at native size, nothing inverted, nothing ignored, mean over
all pairs of a true kind with the *predicted* kind deciding how a pair is segmented; a pair without a map scores an
empty mask. AUC is the mean of per-image pixel AUCs. Spearman compares QES (0 where there is none) with the true IoU.
ECE: 15 equal bins, all pixels of all pairs. The published masks are read by scoring.py and never by the annotator.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
from machine import machine
from scoring import Scored, as_frame, pooled, score_table

from webiml.metrics.ranking import spearman

COLUMNS = {  # heading of the table -> number and its format
    "n": ("n", "5"),
    "IoU": ("iou", "8.3f"),
    "s.e.": ("iou_standard_error", "7.3f"),
    "F1": ("f1", "8.3f"),
    "AUC": ("auc", "8.3f"),
    "QES>.5": ("kept", "8.2f"),
    "IoU kept": ("kept_iou", "10.3f"),
    "Spearman": ("spearman", "10.2f"),
    "s/pair": ("seconds", "8.2f"),
}


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
    print(f"{machine()}, {arguments.workers} workers")
    everything = {}
    for table in arguments.pairs:
        started = time.time()
        scored = score_table(table, workers=arguments.workers, maps=arguments.maps)
        print(f"\n{table}: {len(scored)} pairs, {len(scored) / (time.time() - started):.2f} pairs a second")
        everything[str(table)] = report(scored)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1))


def report(scored: Scored) -> dict:
    """Print the table of one data set and return its numbers."""
    frame, bins = as_frame(scored), pooled(scored)
    right = float((frame.kind == frame.predicted).mean())
    result = {"n": len(frame), "kind_accuracy": right, "ece": bins.ece, "kinds": {}, "pairs": frame.to_dict("records")}
    print(f"kind accuracy {right:.3f}   ECE {bins.ece:.4f}")
    print(f"{'kind':<10}" + "".join(f"{heading:>{layout.split('.')[0]}}" for heading, (_, layout) in COLUMNS.items()))
    for kind, part in frame.groupby("kind"):
        kept = part[part.qes > 0.5]
        numbers = {
            "n": len(part), "iou": part.iou.mean(), "iou_standard_error": part.iou.std() / np.sqrt(len(part)),
            "f1": part.f1.mean(), "auc": part.auc.astype(float).mean(), "kept": len(kept) / len(part),
            "kept_iou": kept.iou.mean(), "spearman": spearman(part.qes.to_numpy(), part.iou.to_numpy()),
            "seconds": part.seconds.mean(),
        }  # fmt: skip
        result["kinds"][kind] = numbers
        print(f"{kind:<10}" + "".join(f"{numbers[name]:>{layout}}" for name, layout in COLUMNS.values()))
    for (kind, predicted), count in sorted(Counter(zip(frame.kind, frame.predicted, strict=True)).items()):
        if kind != predicted:
            print(f"  {count} {kind} taken for {predicted}")
    return result


if __name__ == "__main__":
    main()
