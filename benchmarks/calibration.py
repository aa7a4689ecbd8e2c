"""Does a probability of 0.8 mean eight pixels in ten, on synthetic pairs that no curve was fitted on?

    python benchmarks/calibration.py --images PACK [--images PACK2] [--count 200] [--seed 7] [--pairs DIR]

Forges held-out pairs (the packs' val split), annotates them and prints the expected calibration
error over all pixels of all pairs (15 equal bins; a rejected pair counts with its map), the bins behind it, which kind
was taken for which, how good the masks are, and what was kept though nothing of it is known to be manipulated.
"""

from __future__ import annotations

import pandas as pd
from held_out import held_out_pairs, held_out_parser
from machine import machine
from scoring import Scored, as_frame, pooled, score_table

from webiml.metrics.calibration import BINS, Reliability
from webiml.types import Kind

KINDS = "SPG=0.40,SDG=0.40,identical=0.08,unrelated=0.12"
SIZE = 512  # pixels, the long side of what is forged


def main() -> None:
    """Make the pairs, or take those that are there, and print what was found."""
    parser = held_out_parser(__doc__, count=200, seed=7)
    arguments = parser.parse_args()
    with held_out_pairs(parser, arguments, kinds=KINDS, size=SIZE) as table:
        scored = score_table(table, workers=arguments.workers)
    print(f"{machine()}, {arguments.workers} workers")
    report(scored)


def report(scored: Scored) -> None:
    """Print the tables of one set of pairs."""
    frame, bins = as_frame(scored), pooled(scored)
    print(f"{len(frame)} pairs, {bins.count.sum() / 1e6:.1f} million pixels, pixel ECE {bins.ece:.4f}")
    print_bins(bins)
    print_kinds(frame)
    print_masks(frame)
    print_false_alarms(frame)


def print_bins(bins: Reliability) -> None:
    """Each bin: its pixels, what was promised and what was true; their gap, weighted by pixels, adds up to the ECE."""
    print(f"\n{'probability':<14}{'pixels':>12}{'mean':>8}{'true':>8}{'to ECE':>9}")
    for i in range(BINS):
        count = max(bins.count[i], 1)
        share = abs(bins.probability[i] - bins.manipulated[i]) / bins.count.sum()
        where = f"{i / BINS:.3f}-{(i + 1) / BINS:.3f}"
        mean, true = bins.probability[i] / count, bins.manipulated[i] / count
        print(f"{where:<14}{bins.count[i]:>12,.0f}{mean:>8.3f}{true:>8.3f}{share:>9.4f}")


def print_kinds(frame: pd.DataFrame) -> None:
    """How often each kind was taken for each."""
    print(f"\nkind accuracy {(frame.kind == frame.predicted).mean():.3f}; rows true, columns predicted")
    kinds = [kind for kind in map(str, Kind) if kind in {*frame.kind, *frame.predicted}]
    print(" " * 12 + "".join(f"{kind:>11}" for kind in kinds))
    for kind in kinds:
        taken = frame[frame.kind == kind].predicted
        print(f"{kind:<12}" + "".join(f"{(taken == other).sum():>11}" for other in kinds))


def print_masks(frame: pd.DataFrame) -> None:
    """IoU at 0.5 over all pairs of the two kinds that have a mask, and over the kept ones."""
    print(f"\n{'kind':<12}{'n':>5}{'IoU':>8}{'kept':>8}{'IoU kept':>10}")
    for kind in ("SPG", "SDG"):
        part = frame[frame.kind == kind]
        kept = (part.status == "kept").to_numpy()
        overlap = part.iou.to_numpy()
        of_kept = overlap[kept].mean() if kept.any() else float("nan")
        if len(part):
            print(f"{kind:<12}{len(part):>5}{overlap.mean():>8.3f}{kept.mean():>8.2f}{of_kept:>10.3f}")


def print_false_alarms(frame: pd.DataFrame) -> None:
    """Pairs that were kept and should not have been."""
    print()
    for kind in ("identical", "unrelated"):
        part = frame[frame.kind == kind]
        kept = list(part.key[part.status == "kept"])
        print(f"{kind:<12}{len(kept)} of {len(part)} kept" + "".join(f", {key}" for key in kept))


if __name__ == "__main__":
    main()
