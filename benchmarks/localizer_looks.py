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
from pathlib import Path

import cv2
import numpy as np
from held_out import held_out_pairs, held_out_parser
from localizer_accuracy import WEIGHTS
from localizer_scoring import Answer, Look, best_threshold, forged_singles, look_at_all
from machine import machine

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.geometry.looks import mean_look
from webiml.geometry.maps import log_odds, sigmoid
from webiml.localize.tiles import FLOOR
from webiml.store.atomic import write_bytes

SIZES = (192, 256, 320, 384, 448, 512)  # pixels, the long side of what is forged
LOOKS = ((1.0,), (1.5,), (2.0,), (1.0, 1.25), (1.0, 1.5), (1.0, 2.0), (1.0, 1.5, 2.0))


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
                for looks in LOOKS:
                    make = functools.partial(looking_at, arguments.weights, looks)
                    seen = look_at_all(make, singles, workers=arguments.workers)
                    auc = float(np.mean([one.auc for one in seen if one.auc is not None]))
                    found[size, looks] = {"n": len(seen), "auc": auc, "f1_best": best_threshold(seen)[1]}
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    made_on = f"{machine()}, {arguments.workers} processes of one thread"
    print(f"{made_on}\n{arguments.weights}, {arguments.count} forged pictures of each size, seed {arguments.seed}")
    for figure in ("auc", "f1_best"):
        print(f"\n{figure:<14}" + "".join(f"{size:>8}" for size in SIZES))
        for looks in LOOKS:
            print(f"{called(looks):<14}" + "".join(f"{found[size, looks][figure]:>8.3f}" for size in SIZES))
    if arguments.json:
        rows = [{"size": size, "looks": looks, **row} for (size, looks), row in found.items()]
        write_bytes(arguments.json, json.dumps({"machine": made_on, "found": rows}, indent=1).encode())


def looking_at(weights: str, looks: tuple[float, ...]) -> Look:
    """What a localizer says of a picture at these sizes, shares of its own; the mean of log-odds."""
    loaded = Localizer.load(weights, threads=1)
    loaded.enlargement = 1.0  # nothing of its own accord

    def look(rgb: np.ndarray) -> Answer:
        height, width = rgb.shape[:2]
        sizes = [(round(one * width), round(one * height)) for one in looks]
        runs = [loaded.look(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)) for size in sizes]
        shown = [cv2.resize(log_odds(run[0], FLOOR), (width, height)) for run in runs]
        return Answer(sigmoid(mean_look(shown)), np.zeros((height, width), np.float32), runs[0][2])

    return look


def called(looks: tuple[float, ...]) -> str:
    """As the tables call it."""
    return " and ".join(f"{one:g}" for one in looks)


if __name__ == "__main__":
    main()
