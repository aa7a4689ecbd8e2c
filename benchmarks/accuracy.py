"""How good are the masks on pairs with published truth? Every pair counts, a rejected one with its map.

    python benchmarks/accuracy.py --pairs ../shared/data/casia1_dev/pairs.csv [--pairs "web-like=MORE/pairs.csv"]
                                  [--method prior|learned] [--json OUT.json] [--maps DIR]

Protocol: per-image IoU and F1 at 0.5 (8-bit map >= 128) at native size, nothing inverted, nothing ignored, mean over
all pairs of a true kind with the *predicted* kind deciding how a pair is segmented; a pair without a map scores an
empty mask. AUC is the mean of per-image pixel AUCs. "QES>.5" is the share of pairs above it, "IoU kept" theirs.
Spearman compares QES (0 where there is none) with the true IoU. ECE: 15 equal bins, all pixels of the kind's pairs.
The published masks are read by scoring.py and never by the annotator. docs/make_pictures.py draws the JSON.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from machine import machine
from scoring import METHODS, Scored, annotator, as_frame, pooled, score_table

from webiml.metrics.ranking import spearman
from webiml.store.atomic import write_bytes

COLUMNS = {  # heading of the table -> number and its format
    "n": ("n", "5"),
    "kind right": ("kind_accuracy", "12.3f"),
    "IoU": ("iou", "8.3f"),
    "s.e.": ("iou_standard_error", "7.3f"),
    "F1": ("f1", "8.3f"),
    "AUC": ("auc", "8.3f"),
    "QES>.5": ("kept", "8.3f"),
    "IoU kept": ("kept_iou", "10.3f"),
    "Spearman": ("spearman", "10.2f"),
    "ECE": ("ece", "8.4f"),
    "s/pair": ("seconds", "8.2f"),
}
KEEP = 0.5  # QES above which a mask is kept


def main() -> None:
    """Score each table and print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=named_table, action="append", required=True, metavar="[NAME=]TABLE",
        help="table with key, authentic, manipulated, mask, kind; NAME is its folder's unless given; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--method", choices=METHODS, help="how a pair is segmented; the annotator's default unless given"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every score here")
    parser.add_argument("--maps", type=Path, help="write every probability map to a folder a table under this one")
    arguments = parser.parse_args()
    tables: dict[str, Path] = dict(arguments.pairs)
    if len(tables) < len(arguments.pairs):
        parser.error("--pairs: two tables have one name; give each its own, as in NAME=TABLE.")
    made_on = f"{machine()}, {arguments.workers} workers"
    print(made_on)
    everything = {"machine": made_on, "method": arguments.method or "default", "tables": {}}
    for name, table in tables.items():
        started = time.time()
        maps = arguments.maps / name if arguments.maps else None
        make = functools.partial(annotator, arguments.method)
        scored = score_table(table, workers=arguments.workers, maps=maps, make=make)
        print(f"\n{name}: {len(scored)} pairs, {len(scored) / (time.time() - started):.2f} pairs a second")
        everything["tables"][name] = report(scored)
        if arguments.json:  # after each table, so that a stop loses none that is finished
            write_bytes(arguments.json, json.dumps(everything, indent=1, allow_nan=False).encode())


def named_table(text: str) -> tuple[str, Path]:
    """NAME=TABLE, or a table that is called like its folder."""
    name, equals, path = text.rpartition("=")
    table = Path(path)
    if not table.is_file():
        raise argparse.ArgumentTypeError(f"{path} is no file; give a table of pairs.")
    name = name if equals else table.resolve().parent.name
    if not name or any(sign in name for sign in "/\\"):
        raise argparse.ArgumentTypeError(f"{name!r} cannot be a table's name.")
    return name, table


def report(scored: Scored) -> dict:
    """Print the table of one data set and return its numbers; what is not defined is None."""
    frame, bins = as_frame(scored), pooled(scored)
    right = float((frame.kind == frame.predicted).mean())
    result = {"n": len(frame), "kind_accuracy": right, "ece": bins.ece, "kinds": {}, "pairs": []}
    result["pairs"] = [asdict(one) for one, _ in scored]
    print(f"kind accuracy {right:.3f}   ECE {bins.ece:.4f}")
    print(f"{'kind':<10}" + "".join(f"{heading:>{layout.split('.')[0]}}" for heading, (_, layout) in COLUMNS.items()))
    for kind in dict.fromkeys(sorted(frame.kind)):
        numbers = summary([one for one in scored if one[0].kind == kind])
        result["kinds"][kind] = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
        print(f"{kind:<10}" + "".join(f"{numbers[name]:>{layout}}" for name, layout in COLUMNS.values()))
    for (kind, predicted), count in sorted(Counter(zip(frame.kind, frame.predicted, strict=True)).items()):
        if kind != predicted:
            print(f"  {count} {kind} taken for {predicted}")
    return result


def summary(scored: Scored) -> dict[str, float]:
    """Every number of one kind's line, over all its pairs; nan where it is not defined."""
    part: pd.DataFrame = as_frame(scored)
    kept = part[part.qes > KEEP]
    return {
        "n": len(part),
        "kind_accuracy": float((part.kind == part.predicted).mean()),
        "iou": float(part.iou.mean()),
        "iou_standard_error": float(part.iou.std() / math.sqrt(len(part))),
        "f1": float(part.f1.mean()),
        "auc": float(part.auc.astype(float).mean()),
        "kept": len(kept) / len(part),
        "kept_iou": float(kept.iou.mean()),
        "spearman": spearman(part.qes.to_numpy(), part.iou.to_numpy()),
        "ece": pooled(scored).ece,
        "seconds": float(part.seconds.mean()),
    }


if __name__ == "__main__":
    main()
