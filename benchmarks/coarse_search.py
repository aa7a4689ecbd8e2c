"""How long must one look for an object? Key points of the picture as it is first, more where they say little.

    python benchmarks/coarse_search.py --images PACK [--images PACK2] [--count 100] [--seed 11] [--pairs DIR]

Forges SDG pairs from pictures that nothing learned from (the packs' val split) and looks for hypotheses from few key
points at little more than the picture's size (`Picture.search`), from many at twice its size (`Picture.fine_search`),
and from the latter only where the strongest hypothesis of the former has fewer inliers than a limit: `PLAIN` of
webiml.evidence.evidence. Prints the prior's mean IoU at 0.5 over all pairs, the share that is missed (IoU below 0.05),
and the processor seconds a pair, as they are and as a share of always looking for long.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from held_out import held_out_pairs, held_out_parser
from machine import machine
from scoring import read_pair, read_table

from webiml.evidence.evidence import PLAIN, Evidence
from webiml.metrics.overlap import iou
from webiml.priors.correlation import correlation_prior
from webiml.runners.cores import one_thread

SIZE = 384  # pixels, the long side of what is forged
LIMITS = (0, 5, 8, 12, 16, 20, 30, 50)
MISSED = 0.05

Look = tuple[int, float, float]  # inliers of the strongest hypothesis, IoU of the prior, processor seconds


def main() -> None:
    """Make the pairs, or take those that are there, look at each twice and print one line a limit."""
    parser = held_out_parser(__doc__, count=100, seed=11)
    arguments = parser.parse_args()
    with held_out_pairs(parser, arguments, kinds="SDG", size=SIZE) as table:
        rows = read_table(table, kinds=["SDG"])[: arguments.count]
        with ProcessPoolExecutor(arguments.workers, get_context("spawn"), initializer=one_thread) as pool:
            looks = list(pool.map(partial(look_twice, table.parent), rows))
    print(f"{machine()}, {arguments.workers} workers\n{len(looks)} forged SDG pairs, seed {arguments.seed}\n")
    print(f"{'limit':<16}{'IoU':>8}{'missed':>8}{'seconds':>9}{'of long':>9}")
    long = np.mean([fine[2] for _, fine in looks])
    for limit in LIMITS:
        chosen = [choose(coarse, fine, limit) for coarse, fine in looks]
        print_line(f"{limit}{' (ships)' if limit == PLAIN else ''}", chosen, float(long))
    print_line("always long", [fine for _, fine in looks], float(long))


def look_twice(folder: Path, row: dict[str, str]) -> tuple[Look, Look]:
    """What few key points give, and what many."""
    pair = read_pair(folder, row)
    evidence = Evidence(pair.authentic.copy(), pair.manipulated)
    looks = []
    for name in ("search", "fine_search"):
        started = time.process_time()
        source, target = (getattr(side, name) for side in (evidence._authentic, evidence._manipulated))
        found = evidence._hypotheses(source, target)
        seconds = time.process_time() - started
        prior = correlation_prior(evidence.authentic, evidence.manipulated, found).probability
        overlap = iou(evidence.at_native_size(prior) >= 0.5, pair.mask)
        looks.append((len(found[0].points) if found else 0, overlap, seconds))
    return looks[0], looks[1]


def choose(coarse: Look, fine: Look, limit: int) -> Look:
    """What is found, and how long it takes, when the second look is taken below `limit` inliers."""
    return coarse if coarse[0] >= limit else (fine[0], fine[1], coarse[2] + fine[2])


def print_line(name: str, looks: list[Look], long: float) -> None:
    """Mean IoU, share missed, seconds, and these over those of always looking for long."""
    overlap, seconds = np.array([one[1] for one in looks]), float(np.mean([one[2] for one in looks]))
    print(f"{name:<16}{overlap.mean():>8.3f}{(overlap < MISSED).mean():>8.2f}{seconds:>9.2f}{seconds / long:>9.2f}")


if __name__ == "__main__":
    main()
