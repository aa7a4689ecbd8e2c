"""How much of DASS's answer should be the prior's own? Chosen on forged pairs of pictures that nothing learned from.

    python benchmarks/prior_share.py --images PACK [--images PACK2] --out DIR [--count 400] [--seed 1]

A network that has learned which differences come from the web and not from the forger has also learned to doubt, now
and then, a difference that could not be plainer. The log-odds that are reported are therefore

    (1 - share) * those of the network, averaged over three views, + share * those of the prior.

Prints, for several shares, the mean IoU at 0.5 of the pairs that were edited, how far it lies above that without the
prior (paired, with its standard error), and what QES > 0.5 keeps. OUT keeps the samples: the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from machine import machine

from webiml.annotate.views import average_views
from webiml.evidence.dass_input import PRIOR_RANGE, VALIDITY
from webiml.geometry.maps import log_odds, turned
from webiml.images.codec import to_8bit
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes
from webiml.nets import weights
from webiml.train.dass import ForgedStack
from webiml.train.forged import prepare_forged
from webiml.train.samples import read

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def main() -> None:
    """Make what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be repeated")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    counts = {"val": arguments.count}
    keys = prepare_forged(
        ForgedStack, arguments.images, arguments.out, counts, seed=arguments.seed, workers=arguments.workers
    )["val"]
    found = [result for key in keys if (result := score(arguments.out / "val", key)) is not None]
    overlaps, kept = (np.array([[one[place] for one in result] for result in found]) for place in (0, 1))
    print(f"{machine()}\n{len(found)} forged SPG pairs of the val split, seed {arguments.seed}\n")
    print(f"{'share':>6}{'IoU':>9}{'gain':>9}{'s.e.':>9}{'QES > 0.5':>12}{'IoU kept':>10}")
    for place, share in enumerate(SHARES):
        gain = overlaps[:, place] - overlaps[:, 0]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        chosen = overlaps[kept[:, place], place]
        print(
            f"{share:>6.2f}{overlaps[:, place].mean():>9.4f}{gain.mean():>9.4f}{error:>9.4f}"
            f"{kept[:, place].mean():>12.3f}{chosen.mean():>10.4f}"
        )


def score(folder: Path, key: str) -> list[tuple[float, bool]] | None:
    """IoU, and whether it would be kept, for each share; None for a pair that was not edited."""
    pair = read(folder, key)
    truth = pair["mask"] > 127
    if not truth.any():
        return None
    stack = pair["stack"].astype(np.float32) / np.float32(255)
    net = weights.load("dass")
    network = log_odds(average_views(lambda view: net(turned(stack, view)[None])[0, 0]))
    low, high = PRIOR_RANGE
    prior = np.where(stack[VALIDITY] > 0.5, low + (high - low) * stack[-1], network)
    scores = []
    for share in SHARES:
        found = to_8bit(1 / (1 + np.exp(-((1 - share) * network + share * prior))))
        scores.append((iou(found >= 128, truth), (qes(found) or 0) > 0.5))
    return scores


if __name__ == "__main__":
    main()
