"""Is 0.5 the right threshold, on forged pictures that no network learned from and that went through the web?

    python benchmarks/localizer_threshold.py --images PACK [--images PACK2] [--count 400] [--seed 13] [--pairs DIR]
                                             [--weights NAME_OR_PATH] [--views 1] [--again] [--json OUT.json]

Forges single pictures of the packs' val split, each with its own way through the web (with --again two of them, the
second as hard as for pairs, which is what a localizer is calibrated on), localizes in them and prints the single
threshold with the highest mean per-image F1, that F1, and what 0.5 loses. A localizer is calibrated where that
threshold lies between 0.4 and 0.6. Below stand the mean F1 at other thresholds and the bins of the calibration.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from calibration import print_bins
from held_out import held_out_pairs, held_out_parser
from localizer_accuracy import WEIGHTS, between
from localizer_scoring import LEVELS, Seen, best_threshold, forged_singles, interval, localizer, look_at_all
from machine import machine

from webiml.errors import WebimlError
from webiml.forge.web_degradation import drawn_strength, through_the_web
from webiml.store.atomic import write_bytes

SIZE = 384  # pixels, the long side of what is forged
RANGE = (0.4, 0.6)  # where the best threshold of a calibrated localizer lies
THRESHOLDS = tuple(tenth / 10 for tenth in range(1, 10))


def main() -> None:
    """Make the pictures, or take those that are there, and print what was found."""
    parser = held_out_parser(__doc__, count=400, seed=13)
    parser.add_argument("--weights", default=WEIGHTS, help="name or path of the localizer")
    parser.add_argument("--views", type=int, default=1, help="views that are averaged")
    parser.add_argument("--again", action="store_true", help="send each picture through the web once more")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    make = functools.partial(localizer, arguments.weights, arguments.views)
    try:
        with held_out_pairs(parser, arguments, kinds="single", size=SIZE) as table:
            seen = look_at_all(
                make,
                forged_singles(table.with_name("singles.csv")),
                workers=arguments.workers,
                change=once_more if arguments.again else None,
            )
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    made_on = f"{machine()}, {arguments.workers} processes of one thread"
    print(f"{made_on}\n{arguments.weights}, {arguments.views} view(s), seed {arguments.seed}")
    found = thresholds(seen)
    report(seen, found)
    if arguments.json:
        write_bytes(arguments.json, json.dumps({"machine": made_on, **found}, indent=1, allow_nan=False).encode())


def thresholds(seen: Sequence[Seen]) -> dict[str, Any]:
    """Mean per-image F1 at every tenth, at 0.5 and at the best single threshold."""
    threshold, best = best_threshold(seen)
    f1 = np.array([one.f1 for one in seen if one.f1 is not None])
    at = {f"{tenth:.1f}": float(f1[:, level_of(tenth)].mean()) for tenth in THRESHOLDS}
    return {
        "n": len(seen),
        "threshold": threshold,
        "calibrated": RANGE[0] <= threshold <= RANGE[1],
        "f1_best": best,
        "f1": at["0.5"],
        "f1_interval": interval(f1[:, level_of(0.5)], [one.single.component for one in seen]),
        "loss": best - at["0.5"],
        "f1_at": at,
        "auc": float(np.mean([one.auc for one in seen if one.auc is not None])),
        "problems": {one.single.key: one.problem for one in seen if one.problem},
    }


def once_more(rgb: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 and its mask (H, W) bool after the web; chance follows from the picture."""
    rng = np.random.default_rng(np.frombuffer(hashlib.sha256(rgb.tobytes()).digest(), np.uint64))
    return through_the_web(rgb, mask, drawn_strength(rng), rng)[:2]


def level_of(threshold: float) -> int:
    """The first level of a stored map that is in the mask at a threshold, as in `Localization`."""
    return math.floor(threshold * (LEVELS - 1) + 0.5)


def report(seen: Sequence[Seen], found: dict[str, Any]) -> None:
    """Print the figures of one set of pictures."""
    print(f"{found['n']} forged pictures, pixel AUC {found['auc']:.3f}")
    print(f"F1 at 0.5: {found['f1']:.3f} ({between(found['f1_interval'])})")
    verdict = "lies" if found["calibrated"] else "does NOT lie"
    print(f"best single threshold {found['threshold']:.3f}: F1 {found['f1_best']:.3f}; 0.5 loses {found['loss']:.3f}")
    print(f"it {verdict} between {RANGE[0]} and {RANGE[1]}\n")
    print("threshold " + "".join(f"{tenth:>7}" for tenth in found["f1_at"]))
    print("F1        " + "".join(f"{f1:>7.3f}" for f1 in found["f1_at"].values()))
    bins = sum((one.bins for one in seen[1:]), seen[0].bins)
    print(f"\npixel ECE {bins.ece:.4f}")
    print_bins(bins)
    for key, problem in found["problems"].items():
        print(f"counted as 0: {key}: {problem}")


if __name__ == "__main__":
    main()
