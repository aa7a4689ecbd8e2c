"""Does the trunk that Corr-DINO sees with find shared objects better when it is tuned on forged ones?

    python benchmarks/fine_tuned_trunk.py --images PACK [--images PACK2] --out DIR [--pairs 600] [--steps 800]

Forges SDG pairs, whose points are known to correspond, and tunes the trunk's later blocks so that of all places of the
other picture the right one looks most alike (cross-entropy over cosines, both ways). Before and after, on pairs of the
packs' val split: how often the best match of a pasted place is right, within two places; and the AUC of the largest
cosine of each place of the manipulated picture, after `without_common`, against the mask. OUT keeps the pairs, and the
tuned trunk as trunk.safetensors.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import machine
from safetensors.torch import save
from torch.nn.functional import cross_entropy

from webiml.evidence.matching import without_common
from webiml.metrics.ranking import auc
from webiml.nets.backbones import Descriptors
from webiml.store.atomic import write_bytes
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, read

SIZE, CELL, STRIDE = 384, 8, 16  # pixels: longer side of what is seen, of a place, of what sides are multiples of
POINTS = 256  # of a pair, at most
SHARPNESS = 30.0
FIRST_TUNED = 3  # block
VALIDATION_PAIRS = 100


class ForgedPoints(Forged):
    """Both pictures of a pair as the trunk sees them, points that correspond, and the mask of the manipulated one."""

    def __call__(self, key: str) -> Arrays | None:
        """`authentic`, `manipulated` (3, H, W) uint8; `points` (N, 4) float32: x, y there and x, y here, in places;
        `mask` (H / 8, W / 8) uint8. None for a thing that was bent, and for one that is hardly in sight."""
        pair = self.forge(key, SIZE, "SDG")
        if pair.donor_mask is None or pair.operations[-3].startswith("bent"):
            return None
        rng, points = self.generator(key, "points"), []
        (authentic, to_authentic), (manipulated, to_manipulated) = seen(pair.authentic), seen(pair.manipulated)
        y, x = np.nonzero(pair.donor_mask)
        if not len(x):
            return None
        drawn = rng.integers(len(x), size=POINTS)
        donor = np.stack([x[drawn], y[drawn], np.ones(POINTS)])
        for transform in pair.transforms:
            landed = transform @ donor
            landed = (landed[:2] / landed[2]).T
            column, row = np.rint(landed).astype(int).T
            height, width = pair.mask.shape
            inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
            inside[inside] = pair.mask[row[inside], column[inside]]
            points.append(np.hstack([(donor[:2].T * to_authentic)[inside], (landed * to_manipulated)[inside]]) / CELL)
        found = np.concatenate(points).astype(np.float32)
        if len(found) < 16:
            return None
        size = (manipulated.shape[2] // CELL, manipulated.shape[1] // CELL)
        mask = cv2.resize(pair.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        return {"authentic": authentic, "manipulated": manipulated, "points": found[:POINTS], "mask": mask}


def seen(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(3, H, W) uint8 with sides that the trunk takes, and the factors (x, y) from the picture's own size."""
    height, width = picture.shape[:2]
    factor = min(1.0, SIZE / max(height, width))
    size = [max(STRIDE, round(side * factor / STRIDE) * STRIDE) for side in (width, height)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)), np.array([size[0] / width, size[1] / height])


def main() -> None:
    """Measure, tune, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--steps", type=int, default=800, help="of one pair each, the gradient of four together")
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    counts = {"train": arguments.pairs, "val": VALIDATION_PAIRS}
    keys = prepare_forged(
        ForgedPoints, arguments.images, arguments.out, counts, seed=arguments.seed, workers=arguments.workers
    )
    train, val = ([arguments.out / split / key for key in keys[split]] for split in ("train", "val"))
    net = Descriptors()
    print(f"{machine()}, seed {arguments.seed}\n{len(train)} pairs to learn from, {len(val)} to measure\n")
    print(f"{'':<12}{'right match':>12}{'AUC':>8}")
    print_line("as it ships", net, val)
    started = time.monotonic()
    tune(net, train, arguments.steps, arguments.lr, arguments.seed)
    print_line("tuned", net, val)
    print(f"\n{arguments.steps} steps in {time.monotonic() - started:.0f} s")
    write_bytes(arguments.out / "trunk.safetensors", save({k: v.half() for k, v in net.trunk.state_dict().items()}))


def tune(net: Descriptors, samples: list[Path], steps: int, lr: float, seed: int) -> None:
    """Tune the later blocks in place."""
    parameters = [parameter for block in net.trunk.blocks[FIRST_TUNED:] for parameter in block.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    for step in range(steps):
        path = samples[int(rng.integers(len(samples)))]
        (loss(net, read(path.parent, path.name)) / 4).backward()
        if step % 4 == 3:
            for group in optimizer.param_groups:
                group["lr"] = lr * (1 + np.cos(np.pi * step / steps)) / 2
            optimizer.step()
            optimizer.zero_grad()


def loss(net: Descriptors, sample: Arrays) -> torch.Tensor:
    """Cross-entropy of the right place among all places of the other picture, both ways."""
    there, here = (net(torch.from_numpy(sample[side][None]).float() / 255)[0] for side in ("authentic", "manipulated"))
    points = torch.from_numpy(sample["points"]).long()
    parts = []
    for one, other, (x, y), (u, v) in (
        (here, there, points[:, 2:].T, points[:, :2].T),
        (there, here, points[:, :2].T, points[:, 2:].T),
    ):
        described = one[:, y.clamp(max=one.shape[1] - 1), x.clamp(max=one.shape[2] - 1)].T
        place = v.clamp(max=other.shape[1] - 1) * other.shape[2] + u.clamp(max=other.shape[2] - 1)
        parts.append(cross_entropy(SHARPNESS * described @ other.flatten(1), place))
    return torch.stack(parts).mean()


def print_line(name: str, net: Descriptors, samples: list[Path]) -> None:
    """Mean over the pairs of what the module's docstring says."""
    right, areas = [], []
    for path in samples:
        sample = read(path.parent, path.name)
        with torch.inference_mode():
            maps = [net(torch.from_numpy(sample[side][None]).float() / 255)[0] for side in ("manipulated", "authentic")]
        here, there = without_common(*(one.numpy() for one in maps))
        cosine = here.reshape(len(here), -1).T @ there.reshape(len(there), -1)
        u, v, x, y = sample["points"].T
        row = np.minimum(y.astype(int), here.shape[1] - 1) * here.shape[2] + np.minimum(
            x.astype(int), here.shape[2] - 1
        )
        best = cosine[row].argmax(axis=1)
        found = np.stack([best % there.shape[2] + 0.5, best // there.shape[2] + 0.5])
        right.append((np.abs(found - [u, v]).max(axis=0) <= 2).mean())
        area = auc((cosine.max(axis=1) * 127 + 128).astype(np.uint8).reshape(here.shape[1:]), sample["mask"] > 127)
        areas += [] if area is None else [area]
    print(f"{name:<12}{np.mean(right):>12.3f}{np.mean(areas):>8.3f}", flush=True)


if __name__ == "__main__":
    main()
