"""From which QES on is a mask worth keeping? Chosen on forged pairs of pictures that nothing learned from.

    python benchmarks/keep_threshold.py --images PACK [--images PACK2] [--count 400] [--seed 11] [--pairs DIR]

Forges pairs of all kinds from the packs' val split, annotates them, and asks of every mask that was drawn, whatever its
true kind, how well it fits: IoU at 0.5, 0 where nothing was manipulated. Isotonic regression says which IoU to expect
at each QES. A mask is worth keeping where that reaches 0.75; the least such QES is printed for each predicted kind and
for both together, which is what `min_qes` should be. The table shows what other thresholds would keep.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from calibration import KINDS, SIZE
from machine import machine
from scipy.optimize import isotonic_regression
from scoring import as_frame, score_table

from webiml.forge.folder import forge_folder
from webiml.forge.pictures import list_pictures
from webiml.settings import ForgeSettings

WANTED = 0.75  # IoU with what a careful person would draw
WRONG = 0.5  # IoU below which a mask does harm
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    """Make the pairs, or take those that are there, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", default=[], help="a pack; may be given again")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="keep the pairs here; used as they are when pairs.csv is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.pairs or Path(temporary)
        if not (folder / "pairs.csv").exists():
            if not arguments.images:
                parser.error("--images is needed to make pairs; or --pairs with a folder that holds pairs.csv.")
            pictures = list_pictures(arguments.images, split="val", only_shippable=True)
            settings = ForgeSettings(seed=arguments.seed, size=SIZE, kinds=KINDS)
            forge_folder(pictures, folder, settings, arguments.count, workers=arguments.workers)
        frame = as_frame(score_table(folder / "pairs.csv", workers=arguments.workers))
    print(f"{machine()}, {arguments.workers} workers\n{len(frame)} forged pairs of the val split")
    for name, kinds in (("SPG", ["SPG"]), ("SDG", ["SDG"]), ("both", ["SPG", "SDG"])):
        drawn = frame.loc[frame.predicted.isin(kinds)]
        report(name, drawn.qes.to_numpy(), drawn.iou.to_numpy())


def report(name: str, score: np.ndarray, overlap: np.ndarray) -> None:
    """Print the threshold of some masks, and what others would keep.

    Args: score, overlap: (N,) float in [0, 1], QES and IoU of each.
    """
    least = threshold(score, overlap)
    print(f"\n{name}: {len(score)} masks; IoU {WANTED} is to be expected from a QES of {least:.2f} on")
    print(f"{'QES above':>10}{'kept':>8}{'IoU kept':>10}{f'below {WRONG}':>11}")
    for limit in THRESHOLDS:
        kept = overlap[score > limit]
        if len(kept):
            print(f"{limit:>10.2f}{len(kept) / len(overlap):>8.2f}{kept.mean():>10.3f}{(kept < WRONG).mean():>11.2f}")


def threshold(score: np.ndarray, overlap: np.ndarray, wanted: float = WANTED) -> float:
    """The least of (N,) scores at which the monotone fit of (N,) overlaps reaches `wanted`; 1 where none does."""
    order = np.argsort(score, kind="stable")
    expected = isotonic_regression(overlap[order]).x
    reached = np.flatnonzero(expected >= wanted)
    return float(score[order][reached[0]]) if len(reached) else 1.0


if __name__ == "__main__":
    main()
