"""At what sizes should a small picture be looked at?

    python benchmarks/localizer_looks.py --images PACK [--images PACK2] [--count 120] [--seed 13] [--pairs DIR]
                                         [--weights NAME_OR_PATH] [--json OUT.json]

Forges single pictures of the packs' val split, as many of each of several sizes, and localizes in each as it is,
enlarged, and at several sizes of which the log-odds are averaged. Prints the mean pixel AUC and the F1 at the best
single threshold of each. What a second look costs is its share of pixels: twice as many a side, four times the work.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
from held_out import held_out_pairs, held_out_parser
from localizer_accuracy import WEIGHTS
from localizer_scoring import LEVELS, Single, f1_of_levels, forged_singles, read_single
from machine import machine

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.geometry.looks import mean_look
from webiml.geometry.maps import log_odds, sigmoid
from webiml.images.codec import to_8bit
from webiml.localize.tiles import FLOOR
from webiml.metrics.ranking import auc
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.store.atomic import write_bytes

SIZES = (256, 320, 384, 448)  # pixels, the long side of what is forged
LOOKS = ((1.0,), (1.5,), (2.0,), (1.0, 1.5), (1.0, 2.0), (1.0, 1.5, 2.0))

Seen = tuple[np.ndarray, float]  # (LEVELS,) F1 at every level, and pixel AUC


def main() -> None:
    """Make the pictures, or take those that are there, and print a table for AUC and one for F1."""
    parser = held_out_parser(__doc__, count=120, seed=13)
    parser.add_argument("--weights", default=WEIGHTS, help="name or path of the localizer")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    pairs, found = arguments.pairs, {}
    try:
        for size in SIZES:
            arguments.pairs = pairs and pairs / str(size)
            with held_out_pairs(parser, arguments, kinds="single", size=size) as table:
                singles = forged_singles(table.with_name("singles.csv"))
                start = functools.partial(_start, arguments.weights)
                with closing(run_ordered(_see, singles, arguments.workers, start)) as results:
                    found[size] = figures([seen for _, seen in results if not isinstance(seen, Crashed)])
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    made_on = f"{machine()}, {arguments.workers} processes of one thread"
    print(f"{made_on}\n{arguments.weights}, {arguments.count} forged pictures of each size, seed {arguments.seed}")
    for figure in ("auc", "f1_best"):
        print(f"\n{figure:<14}" + "".join(f"{size:>8}" for size in SIZES))
        for looks in LOOKS:
            print(f"{called(looks):<14}" + "".join(f"{found[size][looks][figure]:>8.3f}" for size in SIZES))
    if arguments.json:
        rows = [{"size": size, "looks": looks, **row} for size, table in found.items() for looks, row in table.items()]
        write_bytes(arguments.json, json.dumps({"machine": made_on, "found": rows}, indent=1).encode())


def figures(seen: Sequence[dict[tuple[float, ...], Seen]]) -> dict[tuple[float, ...], dict[str, float]]:
    """Of pictures that were all looked at in the same ways: of each way the mean AUC and the best mean F1."""
    return {
        looks: {
            "n": len(seen),
            "auc": float(np.mean([one[looks][1] for one in seen])),
            "f1_best": float(np.mean([one[looks][0] for one in seen], axis=0)[1:].max()),
        }
        for looks in LOOKS
    }


def see(run: Callable[[np.ndarray], np.ndarray], rgb: np.ndarray, mask: np.ndarray) -> dict[tuple[float, ...], Seen]:
    """One picture (H, W, 3) uint8 against its mask (H, W) bool in all the ways of LOOKS, each size run once.

    Args: run: a picture to its probability (h, w).
    """
    height, width = mask.shape
    shown = {}
    for one in sorted({size for looks in LOOKS for size in looks}):
        size = round(one * width), round(one * height)
        evidence = log_odds(run(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)), FLOOR)
        shown[one] = cv2.resize(evidence.astype(np.float32), (width, height))
    found = {}
    for looks in LOOKS:
        levels = to_8bit(sigmoid(mean_look([shown[one] for one in looks])))
        area = auc(levels, mask)
        found[looks] = f1_of_levels(levels, mask) if mask.any() else np.zeros(LEVELS), area or 0.0
    return found


_localizer: Localizer  # what a process holds from picture to picture


def _start(weights: str) -> None:
    global _localizer
    one_thread()
    _localizer = Localizer.load(weights, threads=1)
    _localizer.enlargement = 1.0  # nothing of its own accord


def _see(single: Single) -> dict[tuple[float, ...], Seen]:
    return see(lambda rgb: _localizer.look(rgb)[0], *read_single(single))


def called(looks: tuple[float, ...]) -> str:
    """As the tables call it."""
    return " and ".join(f"{one:g}" for one in looks)


if __name__ == "__main__":
    main()
