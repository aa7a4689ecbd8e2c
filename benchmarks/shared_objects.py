"""Which shared objects are hard to find? Small, smooth, recoloured, mirrored, bent and repeated ones, each apart.

    python benchmarks/shared_objects.py --images PACK [--images PACK2] --out DIR [--each 100] [--method prior|learned]

Forges SDG pairs from pictures that nothing learned from (the packs' val split) into OUT, sorts them by what was pasted,
and scores the first --each of every sort, protocol as in accuracy.py: all pairs counted, predicted kind. One pair may
be of several sorts. OUT keeps the pairs: the same command goes on.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from accuracy import summary
from machine import machine
from scoring import METHODS, annotator, read_pair, read_table, score_table

from webiml.forge.folder import forge_folder
from webiml.forge.pictures import list_pictures
from webiml.geometry.maps import spread
from webiml.settings import ForgeSettings

SIZE = 384  # pixels, the long side of what is forged
SMALL = 0.03  # share of the picture that is pasted, at most
SMOOTH = 4.0  # 8-bit levels: the median local deviation of what is pasted, at most


@dataclass(frozen=True)
class Pasted:
    """What the benchmark knows of a pair: operation, transforms (K, 3, 3), picture (H, W, 3) uint8, mask (H, W)."""

    operation: str
    transforms: np.ndarray
    picture: np.ndarray
    mask: np.ndarray

    @property
    def smooth(self) -> bool:
        """Sky, walls, skin: hardly a gradient inside, the outline left out."""
        inside = cv2.erode(self.mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        grey = cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return bool(inside.any()) and float(np.median(spread(grey, 2)[inside])) <= SMOOTH


SORTS: dict[str, Callable[[Pasted], bool]] = {
    "all": lambda pasted: True,
    "small": lambda pasted: float(pasted.mask.mean()) <= SMALL,
    "smooth": lambda pasted: pasted.smooth,
    "recoloured": lambda pasted: "recoloured" in pasted.operation,
    "mirrored": lambda pasted: bool((np.linalg.det(pasted.transforms[:, :2, :2]) < 0).any()),
    "bent": lambda pasted: pasted.operation.startswith("bent"),
    "repeated": lambda pasted: len(pasted.transforms) > 1,
}


def main() -> None:
    """Forge until every sort is full, score, print one line a sort."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pairs")
    parser.add_argument("--each", type=int, default=100, help="pairs of each sort")
    parser.add_argument("--most", type=int, default=3000, help="pairs to forge at most")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--method", choices=METHODS, help="the annotator's default unless given")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    pictures = list_pictures(arguments.images, split="val", only_shippable=True)
    settings = ForgeSettings(seed=arguments.seed, size=SIZE, kinds="SDG")
    found: dict[str, list[str]] = {name: [] for name in SORTS}
    for count in range(2 * arguments.each, arguments.most + 1, 2 * arguments.each):
        forge_folder(pictures, arguments.out, settings, count, workers=arguments.workers)
        found = sorted_keys(arguments.out / "pairs.csv", arguments.each)
        if all(len(keys) == arguments.each for keys in found.values()):
            break
    wanted = set().union(*found.values())
    rows = [row for row in read_table(arguments.out / "pairs.csv") if row["key"] in wanted]
    make = functools.partial(annotator, arguments.method)
    scored = score_table(arguments.out / "pairs.csv", workers=arguments.workers, rows=rows, make=make)
    print(f"{machine()}, {arguments.workers} workers, method {arguments.method or 'default'}, seed {arguments.seed}\n")
    print(f"{'shared object':<14}{'n':>5}{'kind right':>12}{'IoU':>8}{'QES > 0.5':>11}{'IoU kept':>10}")
    for name, keys in found.items():
        if not keys:  # none among --most pairs
            print(f"{name:<14}{0:>5}")
            continue
        numbers = summary([one for one in scored if one[0].key in keys])
        print(
            f"{name:<14}{numbers['n']:>5}{numbers['kind_accuracy']:>12.3f}{numbers['iou']:>8.3f}"
            f"{numbers['kept']:>11.2f}{numbers['kept_iou']:>10.3f}"
        )


def sorted_keys(table: Path, each: int) -> dict[str, list[str]]:
    """The first `each` keys of every sort, in the order of the table."""
    found: dict[str, list[str]] = {name: [] for name in SORTS}
    for row in read_table(table):
        pair = read_pair(table.parent, row)
        transforms = np.array(json.loads(row["transforms"]), float).reshape(-1, 3, 3)
        pasted = Pasted(row["operations"].split()[0], transforms, pair.manipulated, pair.mask)
        for name, belongs in SORTS.items():
            if len(found[name]) < each and belongs(pasted):
                found[name].append(row["key"])
    return found


if __name__ == "__main__":
    main()
