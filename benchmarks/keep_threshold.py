"""From which QES on is a mask worth keeping? Chosen on forged pairs of pictures that nothing learned from.

    python benchmarks/keep_threshold.py --images PACK [--images PACK2] [--count 400] [--seed 11] [--pairs DIR]

Forges pairs of all kinds from the packs' val split, annotates them, and asks of every mask that was drawn, whatever its
true kind, how well it fits: IoU at 0.5, 0 where nothing was manipulated. Isotonic regression says which IoU to expect
at each QES. A mask is worth keeping where that reaches 0.75; the least such QES is printed for each predicted kind and
for both together, which is what `min_qes` should be. The table shows what other thresholds would keep.
"""

from __future__ import annotations

import numpy as np
from calibration import KINDS, SIZE
from held_out import held_out_pairs, held_out_parser
from machine import machine
from scipy.optimize import isotonic_regression
from scoring import as_frame, score_table

WANTED = 0.75  # IoU with what a careful person would draw
WRONG = 0.5  # IoU below which a mask does harm
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    """Make the pairs, or take those that are there, and print what was found."""
    parser = held_out_parser(__doc__, count=400, seed=11)
    arguments = parser.parse_args()
    with held_out_pairs(parser, arguments, kinds=KINDS, size=SIZE) as table:
        frame = as_frame(score_table(table, workers=arguments.workers))
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
