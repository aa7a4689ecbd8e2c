"""What a localizer learns from: single pictures and pages that were forged, jittered, annotated, or left as they are.

A picture costs a twentieth of a second to forge and less than a hundredth to cut a crop from, so pictures are forged
once, kept at their own resolution, and cut anew at every step. Nothing is ever enlarged, and an authentic picture has
gone through the same web as a forged one: else a network would learn what the web does instead of what people do.

Source: method 5. Departs: plain cross-entropy instead of that of the hardest pixels, which learned more
slowly (docs/measuring.md).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from webiml.errors import SettingError
from webiml.forge.web_degradation import saved_as_jpeg
from webiml.geometry.maps import SYMMETRIES, turned
from webiml.images.codec import picture_to_8bit
from webiml.metrics.ranking import auc
from webiml.nets.localizer import stride_of
from webiml.nets.web_iml import PRESETS, Preset, WebIml
from webiml.settings import TrainSettings, read_shares
from webiml.train import documents
from webiml.train.annotated import prepare_annotated
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, list_samples, read
from webiml.train.segmentation import MISSING, padded, soft_dice
from webiml.train.start import load_start

SIZES, SIZE_SHARES = (256, 384, 512), (0.3, 0.5, 0.2)  # longest side of what is forged, before the web, pixels
PHOTOGRAPHED = ("forged", "jittered", "authentic")  # origins that are made of pictures which somebody gives
ORIGINS = (*PHOTOGRAPHED, "annotated", *documents.ORIGINS)
MIX = "forged=0.65,jittered=0.15,authentic=0.2"
KINDS = {"forged": "single", "jittered": "jittered"}  # of webiml.forge.pair
VALIDATION_PICTURES = {"forged": 240, "jittered": 40, "authentic": 160, "document": 160, "page": 80}
"""All of them calibrate what ships."""
VALIDATED = {"forged": 100, "jittered": 20, "authentic": 50, "document": 60, "page": 20}
"""The first of them validate while training."""
UNTOUCHED = ("authentic", "page")  # origins without anything to find
SAVED_AGAIN = 0.3  # share of the crops that are saved once more, as JPEG of quality 60 to 97
EMPTY_CROPS = 0.15  # share of the crops of manipulated pictures that may miss the mask
ENTROPY, DICE, SCORE, CERTAIN = 3.0, 0.5, 0.2, 0.1  # weights of the loss's parts
PASSES = (0.3, 0.6, 1.0)  # weights of the last passes; earlier ones, and the coarse map, weigh as the first
SHOWN = 6  # validation pictures in the picture


@dataclass(frozen=True)
class ForgedPicture(Forged):
    """Makes one single picture and its mask.

    Attributes: origin: forged, jittered or authentic.
    """

    origin: str = "forged"

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        return super().settings | {"origin": self.origin, "sizes": list(SIZES)}

    def __call__(self, key: str) -> Arrays | None:
        """`picture` (3, H, W) uint8; `mask` (H, W) uint8, 255 manipulated."""
        size = int(self.generator(key, "size").choice(SIZES, p=SIZE_SHARES))
        name = f"{self.origin}-{key}"
        if self.origin == "authentic":
            rgb = self.untouched(name, size)
            mask = np.zeros(rgb.shape[:2], bool)
        else:
            pair = self.forge(name, size, KINDS[self.origin])
            rgb, mask = pair.manipulated, pair.mask
        return {"picture": rgb.transpose(2, 0, 1), "mask": mask.astype(np.uint8) * 255}


def shares_of(mix: str) -> dict[str, float]:
    """Shares of `mix`, such as `forged=0.6,authentic=0.4`, in the order of ORIGINS; they add up to 1.

    Raises:
        SettingError: it cannot be read, or nothing is left.
    """
    return read_shares(mix, "--mix", "origin", ORIGINS, "forged=0.8,authentic=0.2")


def prepare_pictures(
    images: Sequence[Path],
    folder: Path,
    *,
    pictures: int,
    mix: str = MIX,
    seed: int,
    workers: int,
    quiet: bool,
    data: Sequence[Path] = (),
) -> None:
    """Make the samples of a training under FOLDER/<origin>/<split>, or go on there: `pictures` in all, by their shares.

    Args:
        images: folders and packs of pictures; none are needed where the mix has nothing of PHOTOGRAPHED.
        data: annotated datasets, whose rows become the origin `annotated`; all of them, whatever `pictures` says.
    Raises:
        SettingError: the mix cannot be read, or has annotated pictures without `data`, or photographs without `images`.
    """
    shares = shares_of(mix)
    if not images and any(origin in PHOTOGRAPHED for origin in shares):
        raise SettingError(f"--mix has a share of {', '.join(PHOTOGRAPHED)} pictures, which are made of --images.")
    if ("annotated" in shares) != bool(data):
        raise SettingError("--mix has a share of annotated pictures and --data gives them: give both, or neither.")
    for origin, share in shares.items():
        if origin == "annotated":
            prepare_annotated(data, folder / origin, workers=workers, quiet=quiet)
            continue
        counts = {"train": max(1, round(share * pictures)), "val": min(VALIDATION_PICTURES[origin], 4 + pictures // 8)}
        if origin in documents.ORIGINS:
            documents.prepare_pages(folder / origin, origin, counts, seed=seed, workers=workers, quiet=quiet)
            continue
        prepare_forged(
            functools.partial(ForgedPicture, origin=origin),
            images,
            folder / origin,
            counts,
            seed=seed,
            workers=workers,
            quiet=quiet,
            objects=folder / "objects",
        )


class WebImlTask:
    """Mark what was manipulated in single pictures; a Task of `train`.

    Args:
        folder: what `prepare_pictures` made.
        preset: a size of one's own; that of the settings without it.
        mix: shares of the origins, as `shares_of` reads them.
        net: makes any network of (B, 3, H, W) in [0, 1] to logits (B, 1, H, W), to be trained instead of Web-IML.
        hardest: share of the pixels, the hardest of each sample, that the cross-entropy counts; 1 takes all.
        start: best.safetensors of another training of the same network, or the name of a localizer that ships, such
            as web-iml: whose weights come first.
    Raises:
        SettingError: `start` is no checkpoint, or of another network.
    """

    def __init__(
        self,
        settings: TrainSettings,
        folder: Path,
        *,
        preset: Preset | None = None,
        mix: str = MIX,
        net: Callable[[], nn.Module] | None = None,
        hardest: float = 1.0,
        start: Path | None = None,
    ) -> None:
        self.folder, self.size, self.seed, self.hardest = folder, settings.size, settings.seed, hardest
        self.shares = shares_of(mix)
        self.keys = {origin: list_samples(folder / origin / "train") for origin in self.shares}
        held_out = {origin: count for origin, count in VALIDATED.items() if origin in self.shares}
        self.validation = {origin: list_samples(folder / origin / "val")[:count] for origin, count in held_out.items()}
        torch.manual_seed(settings.seed)
        made = net() if net else WebIml(preset or PRESETS[settings.preset])
        if start:
            load_start(start, made.state_dict())
        self.net: nn.Module = made.to(memory_format=torch.channels_last)  # pyright: ignore

    def sample(self, index: int) -> Arrays:
        """A crop, mirrored and turned at random: `picture` (3, size, size) uint8; `mask` (size, size) uint8, 255 where
        it was manipulated, MISSING beyond the picture."""
        rng = np.random.default_rng((self.seed, index))
        origin = str(rng.choice(list(self.shares), p=list(self.shares.values())))
        keys = self.keys[origin]
        made = read(self.folder / origin / "train", keys[int(rng.integers(len(keys)))])
        return crop(made["picture"], made["mask"], self.size, rng)

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropy and soft Dice of every pass; cross-entropy of the score, and of where the last map is right."""
        picture = (batch["picture"].float() / 255).contiguous(memory_format=torch.channels_last)
        truth = (batch["mask"][:, None] > 127).to(picture.dtype)
        there = (batch["mask"][:, None] != MISSING).to(picture.dtype)
        if not isinstance(self.net, WebIml):
            return _total({"entropy": self._entropy(net(picture), truth, there)})
        *maps, certain, score = net(picture, auxiliary=True)
        size = list(maps[0].shape[2:])
        truth, there = (F.interpolate(one, size, mode="area") for one in (truth, there))
        weights = [PASSES[0]] * max(0, len(maps) - len(PASSES)) + list(PASSES[-len(maps) :])
        entropies, dices = zip(
            *((self._entropy(one, truth, there), soft_dice(torch.sigmoid(one) * there, truth)) for one in maps),
            strict=True,
        )
        right = ((maps[-1].detach() >= 0) == (truth >= 0.5)).to(picture.dtype)
        forged = (truth.flatten(1).amax(1) > 0).to(picture.dtype)
        parts = {
            "entropy": _weighed(entropies, weights),
            "dice": _weighed(dices, weights),
            "score": F.binary_cross_entropy_with_logits(score, forged),
            "certain": F.binary_cross_entropy_with_logits(certain, right, weight=there),
        }
        return _total(parts)

    def _entropy(self, logits: torch.Tensor, truth: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        each = F.binary_cross_entropy_with_logits(logits, truth, weight=there, reduction="none")
        if self.hardest < 1:
            return each.flatten(1).topk(max(1, round(self.hardest * each[0].numel())), dim=1).values.mean()
        return each.mean()

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Over the whole pictures of the val split: mean F1 at 0.5 and AUC of the manipulated ones, and the share of
        the authentic ones' area that is marked. The score is F1 plus AUC less that share."""
        f1, areas, flagged, shown = [], [], [], []
        for origin, keys in self.validation.items():
            for key in keys:
                made = read(self.folder / origin / "val", key)
                found, truth = predicted(net, made["picture"]), made["mask"] > 127
                if not truth.any():
                    flagged.append(float((found >= 0.5).mean()))
                    continue
                marked = found >= 0.5
                f1.append(2 * float((marked & truth).sum()) / float(marked.sum() + truth.sum()))
                area = auc(picture_to_8bit(found), truth)
                areas += [] if area is None else [area]
                if len(shown) < SHOWN:
                    shown.append(_row(made["picture"], truth, found))
        if not f1 or not areas:
            raise SettingError("No picture of the val split has anything to find; give more pictures of that split.")
        scores = {"f1": float(np.mean(f1)), "auc": float(np.mean(areas))}
        scores["flagged"] = float(np.mean(flagged)) if flagged else 0.0
        return {"score": scores["f1"] + scores["auc"] - scores["flagged"], **scores}, np.concatenate(shown)


def predicted(net: nn.Module, picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 probability of a picture (3, H, W) uint8; one view, whole, sides filled up."""
    device, stride = next(net.parameters()).device, stride_of(net)
    height, width = picture.shape[1:]
    batch = torch.from_numpy(np.ascontiguousarray(picture[None])).to(device).float() / 255
    batch = F.pad(batch, (0, -width % stride, 0, -height % stride), mode="replicate")
    with torch.no_grad():
        return torch.sigmoid(net(batch))[0, 0, :height, :width].float().cpu().numpy()


def crop(picture: np.ndarray, mask: np.ndarray, size: int, rng: np.random.Generator) -> Arrays:
    """A part of a picture, `size` pixels square, mirrored and turned at random; see `WebImlTask.sample`."""
    picture, mask = padded(picture, mask, size)
    wanted = rng.random() >= EMPTY_CROPS
    y = x = 0
    for _ in range(6):
        y, x = (int(rng.integers(side - size + 1)) for side in mask.shape)
        if not wanted or (mask[y : y + size, x : x + size] == 255).any():
            break
    symmetry = int(rng.integers(SYMMETRIES))
    part = turned(picture[:, y : y + size, x : x + size], symmetry)
    if rng.random() < SAVED_AGAIN:
        rgb = np.ascontiguousarray(part.transpose(1, 2, 0))
        part = saved_as_jpeg(rgb, int(rng.integers(60, 98)), rng.random() < 0.75).transpose(2, 0, 1)
    return {"picture": part, "mask": turned(mask[None, y : y + size, x : x + size], symmetry)[0]}


def _total(parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    weights = {"entropy": ENTROPY, "dice": DICE, "score": SCORE, "certain": CERTAIN}
    return {"total": torch.stack([weights[name] * part for name, part in parts.items()]).sum(), **parts}


def _weighed(values: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    return torch.stack([value * weight for value, weight in zip(values, weights, strict=True)]).sum() / sum(weights)


def _row(picture: np.ndarray, truth: np.ndarray, found: np.ndarray, height: int = 160) -> np.ndarray:
    """Picture, truth and probability side by side; (height, 3 * 240, 3) uint8."""
    maps = (truth.astype(np.uint8) * 255, picture_to_8bit(found))
    tiles = [picture.transpose(1, 2, 0), *(np.repeat(one[..., None], 3, axis=2) for one in maps)]
    return np.hstack(
        [cv2.resize(np.ascontiguousarray(one), (240, height), interpolation=cv2.INTER_AREA) for one in tiles]
    )
