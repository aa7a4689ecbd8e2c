"""What the trunk that Corr-DINO sees with learns from: points of forged pairs that show the same thing.

Of all places of the other picture the right one has to look most alike (cross-entropy over cosines, both ways). The
first blocks stay as they were published: edges and colours are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from webiml.evidence.matching import without_common
from webiml.metrics.ranking import auc
from webiml.nets.backbones import Descriptors
from webiml.settings import TrainSettings
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, list_samples, read

SIZE, CELL, STRIDE = 384, 8, 16  # pixels: longer side of what is seen, of a place, of what sides are multiples of
POINTS, LEAST_POINTS = 256, 16  # of a pair
SHARPNESS = 30.0  # of the softmax over cosines, as in webiml.evidence.matching
FROZEN = 3  # blocks, from the first on, and the stem
WITHIN = 2  # places: a match so near is right
VALIDATION_PAIRS = 120
SHOWN = 6  # validation pairs in the picture


class ForgedPoints(Forged):
    """Both pictures of a pair as the trunk sees them, points that correspond, and the mask of the manipulated one."""

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        return super().settings | {"size": SIZE, "points": POINTS}

    def __call__(self, key: str) -> Arrays | None:
        """`authentic`, `manipulated` (3, H, W) uint8; `points` (POINTS, 4) float32, x and y in the authentic picture
        and in the manipulated one, in places; `mask` (H / 8, W / 8) uint8.

        None for a thing that was bent, whose transform tells only roughly, and for one that is hardly in sight.
        """
        pair = self.forge(key, SIZE, "SDG")
        if pair.donor_mask is None or any(operation.startswith("bent") for operation in pair.operations):
            return None
        points = corresponding(pair.donor_mask, pair.mask, pair.transforms, self.generator(key, "points"))
        if len(points) < LEAST_POINTS:
            return None
        (authentic, there), (manipulated, here) = seen(pair.authentic), seen(pair.manipulated)
        size = (manipulated.shape[2] // CELL, manipulated.shape[1] // CELL)
        return {
            "authentic": authentic,
            "manipulated": manipulated,
            "points": (points * np.concatenate([there, here]) / CELL).astype(np.float32),
            "mask": cv2.resize(pair.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA),
        }


def corresponding(
    donor_mask: np.ndarray, mask: np.ndarray, transforms: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """(POINTS, 4) float64: x, y drawn from the donor mask, and where a transform brings them in the mask; or (0, 4)."""
    y, x = np.nonzero(donor_mask)
    found = np.zeros((0, 4))
    for transform in transforms if len(x) else ():
        drawn = rng.integers(len(x), size=POINTS)
        donor = np.column_stack([x[drawn], y[drawn]]).astype(float)
        landed = np.column_stack([donor, np.ones(POINTS)]) @ transform.T
        landed = landed[:, :2] / landed[:, 2:]
        column, row = np.rint(landed).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
        inside[inside] = mask[row[inside], column[inside]]
        found = np.concatenate([found, np.hstack([donor, landed])[inside]])
    return found[rng.integers(len(found), size=POINTS)] if len(found) >= LEAST_POINTS else np.zeros((0, 4))


def seen(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(3, H, W) uint8 with sides that the trunk takes, and the factors (x, y) from the picture's own size."""
    height, width = picture.shape[:2]
    factor = min(1.0, SIZE / max(height, width))
    size = [max(STRIDE, round(side * factor / STRIDE) * STRIDE) for side in (width, height)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)), np.array([size[0] / width, size[1] / height])


def prepare_points(images: Sequence[Path], folder: Path, *, pairs: int, seed: int, workers: int, quiet: bool) -> None:
    """Make `pairs` samples of the train split and VALIDATION_PAIRS of the val split under `folder`, or go on there."""
    counts = {"train": pairs, "val": VALIDATION_PAIRS}
    prepare_forged(ForgedPoints, images, folder, counts, seed=seed, workers=workers, quiet=quiet)


class TrunkTask:
    """Tell which place of the other picture shows the same; a Task of `train`.

    Args: folder: what `prepare_points` made. Presets: the trunk has one size; `settings.size` is not asked for.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder, self.seed = folder, settings.seed
        self.keys = list_samples(folder / "train")
        self.validation = list_samples(folder / "val")
        net = Descriptors()
        for block in net.trunk.blocks[FROZEN:]:
            block.requires_grad_(True)
        self.net: nn.Module = net

    def sample(self, index: int) -> Arrays:
        """A pair: `authentic`, `manipulated` (3, SIZE, SIZE) uint8, where edges go on in smaller ones; `points`."""
        rng = np.random.default_rng((self.seed, index))
        pair = read(self.folder / "train", self.keys[int(rng.integers(len(self.keys)))])
        return {name: whole(pair[name]) for name in ("authentic", "manipulated")} | {"points": pair["points"]}

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropy of the right place among all places of the other picture, both ways."""
        there, here = (net(batch[name].float() / 255) for name in ("authentic", "manipulated"))
        points = batch["points"].long().clamp(0, SIZE // CELL - 1)
        forth = _entropy(here, there, points[..., 2:], points[..., :2])
        back = _entropy(there, here, points[..., :2], points[..., 2:])
        return {"total": (forth + back) / 2, "forth": forth, "back": back}

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """On the val split: `right`, the share of points whose best match is within WITHIN places; `auc` of the largest
        cosine of each place of the manipulated picture against the mask, which is the score."""
        device, right, areas, shown = next(net.parameters()).device, [], [], []
        for key in self.validation:
            pair = read(self.folder / "val", key)
            with torch.no_grad():
                there, here = (
                    net(torch.from_numpy(pair[name][None]).to(device).float() / 255)[0].float().cpu().numpy()
                    for name in ("authentic", "manipulated")
                )
            likeness, matches = best_matches(here, there, pair["points"])
            right.append((np.abs(matches - pair["points"][:, :2]).max(axis=1) <= WITHIN).mean())
            level = np.clip(likeness * 255, 0, 255).astype(np.uint8)
            area = auc(level, pair["mask"] > 127)
            areas += [] if area is None else [area]
            if len(shown) < SHOWN:
                shown.append(_row(pair, level))
        found = {"score": float(np.mean(areas)), "auc": float(np.mean(areas)), "right": float(np.mean(right))}
        return found, np.concatenate(shown)


def best_matches(here: np.ndarray, there: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) largest cosine of each place of `here` with those of `there`, both (C, h, w), less what they have in
    common; and (N, 2) float the places x, y there that match (N, 4) points best."""
    one, other = without_common(here, there)
    cosine = one.reshape(len(one), -1).T @ other.reshape(len(other), -1)
    _, height, width = here.shape
    column, row = (np.clip(points[:, 2 + axis].astype(int), 0, most - 1) for axis, most in ((0, width), (1, height)))
    best = cosine[row * width + column].argmax(axis=1)
    places = np.column_stack([best % there.shape[2], best // there.shape[2]]) + 0.5
    return cosine.max(axis=1).reshape(height, width), places


def whole(picture: np.ndarray) -> np.ndarray:
    """(3, SIZE, SIZE) of (3, h, w): right and bottom edges go on."""
    return np.pad(picture, ((0, 0), (0, SIZE - picture.shape[1]), (0, SIZE - picture.shape[2])), mode="edge")


def _entropy(
    described: torch.Tensor, others: torch.Tensor, points: torch.Tensor, matches: torch.Tensor
) -> torch.Tensor:
    """Of (B, C, h, w) at (B, N, 2) points x, y: cross-entropy of their matches among all places of the others."""
    flat, width = described.flatten(2), described.shape[3]
    place = (points[..., 1] * width + points[..., 0])[:, None].expand(-1, flat.shape[1], -1)
    cosine = flat.gather(2, place).transpose(1, 2) @ others.flatten(2)
    return cross_entropy(SHARPNESS * cosine.flatten(0, 1), (matches[..., 1] * width + matches[..., 0]).flatten())


def _row(pair: Arrays, level: np.ndarray, height: int = 160) -> np.ndarray:
    """Authentic, manipulated, truth and likeness, side by side; (height, 4 * 240, 3) uint8."""
    pictures = [pair["authentic"].transpose(1, 2, 0), pair["manipulated"].transpose(1, 2, 0)]
    pictures += [np.repeat(one[..., None], 3, axis=2) for one in (pair["mask"], level)]
    return np.hstack(
        [cv2.resize(np.ascontiguousarray(one), (240, height), interpolation=cv2.INTER_AREA) for one in pictures]
    )
