"""When is the SPG prior heard beside DASS, and how much? Chosen on forged pairs of pictures that nothing learned from.

    python benchmarks/prior_share.py --images PACK [--images PACK2] --out DIR [--count 400] [--seed 1]

A network that has learned which differences come from the web and not from the forger has also learned to doubt, now
and then, a difference that could not be plainer. Where the QES of its own map, averaged over three views, is below a
limit, the log-odds that are reported are

    (1 - share) * those of the network + share * those of the prior.

Prints, for several limits and shares, how far the mean IoU at 0.5 of the pairs that were edited lies above that of the
network alone (paired, with its standard error). OUT keeps the samples: the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from machine import machine

from webiml.annotate.views import average_views
from webiml.evidence.dass_input import PRIOR_RANGE, VALIDITY
from webiml.geometry.maps import log_odds, sigmoid, turned
from webiml.images.codec import to_8bit
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes
from webiml.nets import weights
from webiml.train.dass import ForgedStack
from webiml.train.forged import prepare_forged
from webiml.train.samples import read

SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)
LIMITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # the last: whatever the QES, unless it is perfect


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
    sure, overlaps = np.array([one[0] for one in found]), np.array([one[1] for one in found])
    print(f"{machine()}\n{len(found)} forged SPG pairs of the val split, seed {arguments.seed}")
    print(f"network alone {overlaps[:, 0].mean():.4f}, with a share of the prior it gains\n")
    print(f"{'QES below':>10}{'pairs':>7}" + "".join(f"{f'share {share}':>18}" for share in SHARES[1:]))
    for limit in LIMITS:
        unsure = (sure < limit)[:, None]
        gains = np.where(unsure, overlaps[:, 1:] - overlaps[:, :1], 0)
        errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
        cells = "".join(f"{f'{gain:+.4f} ± {e:.4f}':>18}" for gain, e in zip(gains.mean(axis=0), errors, strict=True))
        print(f"{limit:>10.2f}{unsure.sum():>7}{cells}")


def score(folder: Path, key: str) -> tuple[float, list[float]] | None:
    """QES of the network's map, and the IoU for each share; None for a pair that was not edited."""
    pair = read(folder, key)
    truth = pair["mask"] > 127
    if not truth.any():
        return None
    stack = pair["stack"].astype(np.float32) / np.float32(255)
    net = weights.load("dass")
    found = average_views(lambda view: net(turned(stack, view)[None])[0, 0])
    network = log_odds(found)
    low, high = PRIOR_RANGE
    prior = np.where(stack[VALIDITY] > 0.5, low + (high - low) * stack[-1], network)
    maps = [to_8bit(sigmoid((1 - share) * network + share * prior)) for share in SHARES]
    return qes(to_8bit(found)) or 0.0, [iou(one >= 128, truth) for one in maps]


if __name__ == "__main__":
    main()
