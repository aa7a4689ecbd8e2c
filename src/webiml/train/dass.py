"""What DASS learns from: forged shared-probe pairs, seen exactly as the annotator sees real ones.

Aligning and measuring a pair costs tenths of a second and learning from a crop of it hundredths, so what the network
sees of each pair is made once, kept, and cut anew at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from webiml.evidence.dass_input import CHANNELS, dass_input
from webiml.evidence.evidence import Evidence
from webiml.images.codec import picture_to_8bit
from webiml.nets.dass import build
from webiml.settings import TrainSettings
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, list_samples, read
from webiml.train.segmentation import MISSING, coarse_entropy, padded, soft_dice, validation

KINDS = "SPG=0.88,identical=0.12"
SIZES, SIZE_SHARES = (320, 448, 640), (0.3, 0.5, 0.2)  # longest side of what is forged, before the web, pixels
LEAST_COVERED = 0.3  # of a pair, by its alignment: a pair that is hardly aligned never comes to DASS
EMPTY_CROPS = 0.25  # share of the crops that may miss the mask
DICE, AUXILIARY = 0.5, 0.25  # weights of the loss's parts
VALIDATION_PAIRS = 120


class ForgedStack(Forged):
    """Makes the input stack and the mask of one forged pair."""

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        return super().settings | {"kinds": KINDS, "sizes": list(SIZES)}

    def __call__(self, key: str) -> Arrays | None:
        """`stack` (CHANNELS, h, w) uint8, the network's input times 255; `mask` (h, w) uint8, 255 manipulated.

        None for a pair that cannot be aligned, as the annotator would not ask DASS about it.
        """
        size = int(self.generator(key, "size").choice(SIZES, p=SIZE_SHARES))
        pair = self.forge(key, size, KINDS)
        evidence = Evidence(pair.authentic, pair.manipulated)
        if evidence.alignment is None or evidence.alignment.validity.mean() < LEAST_COVERED:
            return None
        height, width = evidence.manipulated.shape[:2]
        mask = cv2.resize(pair.mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
        stack = picture_to_8bit(dass_input(evidence))
        return {"stack": stack, "mask": np.where(mask > 127, 255, 0).astype(np.uint8)}


def prepare_stacks(images: Sequence[Path], folder: Path, *, pairs: int, seed: int, workers: int, quiet: bool) -> None:
    """Make `pairs` samples of the train split and VALIDATION_PAIRS of the val split under `folder`, or go on there."""
    counts = {"train": pairs, "val": VALIDATION_PAIRS}
    prepare_forged(ForgedStack, images, folder, counts, seed=seed, workers=workers, quiet=quiet)


class DassTask:
    """Denoise the difference of shared-probe pairs; a Task of `train`.

    Args: folder: what `prepare_stacks` made.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder, self.size, self.seed = folder, settings.size, settings.seed
        self.keys = list_samples(folder / "train")
        self.validation = list_samples(folder / "val")
        torch.manual_seed(settings.seed)
        # Channels last: a third faster on a processor.
        self.net: nn.Module = build(settings.preset, CHANNELS).to(memory_format=torch.channels_last)  # pyright: ignore

    def sample(self, index: int) -> Arrays:
        """A crop, mirrored and turned at random.

        `stack` (CHANNELS, size, size) uint8; `mask` (size, size) uint8, 255 manipulated, MISSING beyond the picture.
        """
        rng = np.random.default_rng((self.seed, index))
        pair = read(self.folder / "train", self.keys[int(rng.integers(len(self.keys)))])
        stack, mask = padded(pair["stack"], pair["mask"], self.size)
        both = np.concatenate([stack, mask[None]])
        crop = both[:, : self.size, : self.size]
        wanted = rng.random() >= EMPTY_CROPS
        for _ in range(4):
            y, x = (int(rng.integers(side - self.size + 1)) for side in both.shape[1:])
            crop = both[:, y : y + self.size, x : x + self.size]
            if not wanted or (crop[-1] == 255).any():
                break
        if rng.random() < 0.5:
            crop = crop[:, :, ::-1]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.5:
            crop = crop.transpose(0, 2, 1)
        return {"stack": np.ascontiguousarray(crop[:-1]), "mask": np.ascontiguousarray(crop[-1])}

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropy and soft Dice, and cross-entropy of the auxiliary heads.

        What the authentic picture does not cover counts too: an object that reaches beyond is still one object.
        """
        stack = (batch["stack"].float() / 255).contiguous(memory_format=torch.channels_last)
        truth = (batch["mask"][:, None] > 127).to(stack.dtype)
        there = (batch["mask"][:, None] != MISSING).to(stack.dtype)
        main, *coarse = net(stack, auxiliary=True)
        parts = {
            "entropy": F.binary_cross_entropy_with_logits(main, truth, weight=there),
            "dice": soft_dice(torch.sigmoid(main) * there, truth),
            "auxiliary": torch.stack([coarse_entropy(logits, truth, there) for logits in coarse]).sum(),
        }
        return {"total": parts["entropy"] + DICE * parts["dice"] + AUXILIARY * parts["auxiliary"], **parts}

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Mean IoU at 0.5 over the pairs of the val split that were edited, whole pictures, one view."""
        device = next(net.parameters()).device

        def predict(pair: Arrays) -> torch.Tensor:
            return net(torch.from_numpy(pair["stack"][None]).to(device).float() / 255)

        return validation(self.folder / "val", self.validation, predict, "flagged_of_identical")
