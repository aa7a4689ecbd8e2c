"""What Corr-DINO learns from: forged shared-donor pairs, seen from both sides as the annotator sees real ones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from webiml.evidence.corr_dino_input import CELL, CHANNELS, LOOKS, MULTIPLE, corr_dino_input, donor_input
from webiml.evidence.evidence import Evidence
from webiml.evidence.matching import MAPS, SEEN_PLACES, turned_matching
from webiml.geometry.maps import SYMMETRIES, turned
from webiml.images.codec import picture_to_8bit
from webiml.nets import dinov2, weights
from webiml.nets.corr_dino import build
from webiml.nets.weights import SHIPPED_BACKBONE
from webiml.settings import TrainSettings
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, list_samples, read
from webiml.train.segmentation import MISSING, coarse_entropy, padded, soft_dice, validation

KINDS = "SDG=0.9,unrelated=0.1"
SIZES, SIZE_SHARES = (256, 384, 512), (0.3, 0.5, 0.2)  # longest side of what is forged, before the web, pixels
DONOR = 0.25  # share of the crops that are of the authentic side
EMPTY_CROPS = 0.25  # share of the crops that may miss the mask
DICE, COARSE = 0.5, 0.4  # weights of the loss's parts
VALIDATION_PAIRS = 120


@dataclass(frozen=True)
class ForgedMatch(Forged):
    """Makes the inputs and the masks of both sides of one forged pair.

    Attributes: backbone: what both pictures are seen with.
    """

    backbone: str = SHIPPED_BACKBONE

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        published = dinov2.PUBLISHED.get(self.backbone)
        digest = published.sha256 if published else weights.digest("trunk")
        seen = {"backbone": digest, "places": SEEN_PLACES, "maps": [*LOOKS, *MAPS]}
        return super().settings | {"kinds": KINDS, "sizes": list(SIZES)} | seen

    def __call__(self, key: str) -> Arrays | None:
        """For the manipulated side, and with `donor_` before each name for the authentic one:

        `stack` (CHANNELS, H, W) uint8, the network's input times 255; `matching` (maps, H / 8, W / 8) float16; `mask`
        (H, W) uint8, 255 where the shared object is, MISSING beyond the picture.
        """
        size = int(self.generator(key, "size").choice(SIZES, p=SIZE_SHARES))
        pair = self.forge(key, size, KINDS)
        evidence = Evidence(pair.authentic, pair.manipulated, self.backbone)
        made: Arrays = {}
        donor = np.zeros(pair.authentic.shape[:2], bool) if pair.donor_mask is None else pair.donor_mask
        sides = (
            ("", corr_dino_input(evidence), pair.mask, evidence.manipulated),
            ("donor_", donor_input(evidence), donor, evidence.authentic),
        )
        for name, inputs, mask, picture in sides:
            height, width = picture.shape[:2]
            shown = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
            made[f"{name}stack"] = picture_to_8bit(inputs["stack"])
            made[f"{name}matching"] = inputs["matching"].astype(np.float16)
            made[f"{name}mask"] = np.full(inputs["stack"].shape[1:], MISSING, np.uint8)
            made[f"{name}mask"][:height, :width] = np.where(shown > 127, 255, 0)
        return made


def prepare_matches(
    images: Sequence[Path],
    folder: Path,
    *,
    pairs: int,
    seed: int,
    workers: int,
    quiet: bool,
    backbone: str = SHIPPED_BACKBONE,
) -> None:
    """Make `pairs` samples of the train split and VALIDATION_PAIRS of the val split under `folder`, or go on there."""
    maker = functools.partial(ForgedMatch, backbone=backbone)
    counts = {"train": pairs, "val": VALIDATION_PAIRS}
    prepare_forged(maker, images, folder, counts, seed=seed, workers=workers, quiet=quiet)


class CorrDinoTask:
    """Find the shared object of shared-donor pairs; a Task of `train`.

    Args: folder: what `prepare_matches` made.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder, self.size, self.seed = folder, settings.size, settings.seed
        self.keys = list_samples(folder / "train")
        self.validation = list_samples(folder / "val")
        self.donor = DONOR
        torch.manual_seed(settings.seed)
        net: nn.Module = build(settings.preset, CHANNELS, len(MAPS))
        self.net = net.to(memory_format=torch.channels_last)  # pyright: ignore

    def sample(self, index: int) -> Arrays:
        """A crop of either side, mirrored and turned at random.

        `stack` (CHANNELS, size, size) uint8; `matching` (maps, size / 8, size / 8) float16; `mask` (size, size) uint8,
        255 where the object is, MISSING beyond the picture.
        """
        rng = np.random.default_rng((self.seed, index))
        pair = read(self.folder / "train", self.keys[int(rng.integers(len(self.keys)))])
        side = "donor_" if rng.random() < self.donor else ""
        return crop(pair[f"{side}stack"], pair[f"{side}matching"], pair[f"{side}mask"], self.size, rng)

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropy and soft Dice, and cross-entropy at an eighth of the resolution before and after denoising."""
        stack = (batch["stack"].float() / 255).contiguous(memory_format=torch.channels_last)
        truth = (batch["mask"][:, None] > 127).to(stack.dtype)
        there = (batch["mask"][:, None] != MISSING).to(stack.dtype)
        main, *coarse = net(stack, batch["matching"].float(), auxiliary=True)
        entropy = nn.functional.binary_cross_entropy_with_logits
        parts = {
            "entropy": entropy(main, truth, weight=there),
            "dice": soft_dice(torch.sigmoid(main) * there, truth),
            "coarse": torch.stack([coarse_entropy(logits, truth, there) for logits in coarse]).mean(),
        }
        return {"total": parts["entropy"] + DICE * parts["dice"] + COARSE * parts["coarse"], **parts}

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Mean IoU at 0.5 over the val split's pairs that share an object: manipulated side, one view."""
        device = next(net.parameters()).device

        def predict(pair: Arrays) -> torch.Tensor:
            stack, matching = (torch.from_numpy(pair[name][None]).to(device).float() for name in net_inputs)
            return net(stack / 255, matching)

        net_inputs = ("stack", "matching")
        return validation(self.folder / "val", self.validation, predict, "flagged_of_unrelated")


def crop(stack: np.ndarray, matching: np.ndarray, mask: np.ndarray, size: int, rng: np.random.Generator) -> Arrays:
    """A part of one side, `size` pixels square, mirrored and turned at random; see `CorrDinoTask.sample`."""
    stack, mask = padded(stack, mask, size)
    cells = size // CELL
    missing = [max(0, cells - side) for side in matching.shape[1:]]
    matching = np.pad(matching, ((0, 0), (0, missing[0]), (0, missing[1])))
    wanted = rng.random() >= EMPTY_CROPS
    y = x = 0
    for _ in range(4):
        y, x = (int(rng.integers((side - cells) * CELL // MULTIPLE + 1)) * MULTIPLE for side in matching.shape[1:])
        if not wanted or (mask[y : y + size, x : x + size] == 255).any():
            break
    symmetry = int(rng.integers(SYMMETRIES))
    row, column = y // CELL, x // CELL
    return {
        "stack": turned(stack[:, y : y + size, x : x + size], symmetry),
        "matching": turned_matching(matching[:, row : row + cells, column : column + cells], symmetry),
        "mask": turned(mask[None, y : y + size, x : x + size], symmetry)[0],
    }
