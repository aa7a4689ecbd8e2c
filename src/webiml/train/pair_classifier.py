"""What the pair classifier learns from: forged pairs of all kinds, looked at once and kept.

Looking at a pair (key points, alignment, priors, frozen features) costs a second, learning from what was seen a
millisecond. So FOLDER/{train,val} keep the network's inputs of each pair, and FOLDER/{train,val}-looks what the frozen
part of a network makes of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from webiml.evidence.evidence import Evidence
from webiml.evidence.kind_input import GRID, SIDE, crop_box, kind_input, tilt
from webiml.forge.forged_pair import ForgedPair
from webiml.nets.pair_classifier import ALIGNED, BOX, KINDS, PairClassifier, Reader, StackedClassifier, build, turned
from webiml.settings import TrainSettings
from webiml.train.forged import Forged, prepare_forged
from webiml.train.samples import Arrays, list_samples, prepare, read, settings_digest
from webiml.types import Kind

SIZES, SIZE_SHARES = (256, 384, 512), (0.4, 0.5, 0.1)  # longest side of what is forged, pixels
MIX = "SPG=0.34,SDG=0.36,identical=0.16,unrelated=0.14"
CROPPED = 0.2  # of the SPG and identical pairs, each side: a part of the frame, as people cut pictures
LEAST_KEPT, MOST_KEPT = 0.4, 0.9  # of the area
STILL_EDITED = 0.002  # of a cropped picture must lie in the mask, or the crop is not made
MOST_EDITED = 0.5  # of an SPG pair: who gave less than half of a picture is its donor and not its probe
SAME_FRAME = 0.015  # a crop box this near to (0, 0, 1, 1) is aligned
UPRIGHT = 0.02  # tilt below which a crop box says everything; radians
BOX_BETA = 0.02  # of Smooth-L1, in units of the authentic size
SMOOTHING = 0.02  # of the labels
# Of the forged pairs, in which identical ones are frequent so that they are learned. People post far fewer; and an edit
# taken for none is lost, while a segmenter finds nothing in two pictures that are equal.
WEIGHTS = {Kind.IDENTICAL: 0.3}
VALIDATION_PAIRS = 300
SHOWN = 8  # validation pairs in the picture
LABELS = ("kind", "same_frame", "box", "has_box")
SHAPES = {"box": (4,)}  # the other labels are numbers


class ForgedInput(Forged):
    """Makes the inputs and the labels of one forged pair."""

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        return super().settings | {"mix": MIX, "side": SIDE, "grid": GRID, "most_edited": MOST_EDITED}

    def __call__(self, key: str) -> Arrays | None:
        """Pictures uint8, the other inputs float16, labels as `labels` gives them; None for a pair of doubtful kind."""
        rng = self.generator(key, "crop")
        pair = self.forge(key, int(rng.choice(SIZES, p=SIZE_SHARES)), MIX)
        if pair.kind is Kind.SPG and pair.mask.mean() > MOST_EDITED:
            return None
        authentic, manipulated, transform = cropped(pair, rng)
        inputs = kind_input(Evidence(authentic, manipulated))
        return compact(inputs) | labels(pair.kind, transform, authentic.shape[:2], manipulated.shape[:2])


def cropped(pair: ForgedPair, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Both pictures, each in some pairs of one scene only a part of itself, and the transform that then holds.

    The web's own crops are slight; people also publish a third of a picture. What is left must still be what it was.
    """
    if pair.kind not in (Kind.SPG, Kind.IDENTICAL):
        return pair.authentic, pair.manipulated, None
    pictures, transform = [pair.authentic, pair.manipulated], pair.transforms[0]
    for side in (0, 1):
        if rng.random() >= CROPPED:
            continue
        height, width = pictures[side].shape[:2]
        keep = np.sqrt(rng.uniform(LEAST_KEPT, MOST_KEPT))
        h, w = (min(max(round(keep * size * rng.uniform(0.85, 1.15)), 64), size) for size in (height, width))
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
        mask = pair.mask[y : y + h, x : x + w]
        if side == 1 and pair.kind is Kind.SPG and not STILL_EDITED < mask.mean() < MOST_EDITED:
            continue
        pictures[side] = np.ascontiguousarray(pictures[side][y : y + h, x : x + w])
        transform = transform @ np.linalg.inv(shift) if side == 0 else shift @ transform
    return pictures[0], pictures[1], transform


def labels(
    kind: Kind, transform: np.ndarray | None, authentic: tuple[int, ...], manipulated: tuple[int, ...]
) -> Arrays:
    """kind () int64, same_frame () float32, box (4,) float32 and has_box () float32, which says where a box is defined.

    Args: transform: 3x3, authentic points to manipulated points; None where the pictures share no scene.
    """
    box, plain, same = np.array([0, 0, 1, 1.0]), False, False
    if transform is not None:
        box = crop_box(transform, (authentic[0], authentic[1]), (manipulated[0], manipulated[1]))
        plain = tilt(transform) < UPRIGHT and bool((np.diag(transform)[:2] > 0).all())
        same = plain and float(np.abs(box - [0, 0, 1, 1]).max()) < SAME_FRAME
    return {
        "kind": np.array(KINDS.index(kind)),
        "same_frame": np.array(same, np.float32),
        "box": box.astype(np.float32),
        "has_box": np.array(plain, np.float32),
    }


def compact(inputs: Arrays) -> Arrays:
    """The inputs of a pair as they are kept: pictures as uint8, the rest as float16."""
    return {
        name: (value * 255).round().astype(np.uint8) if _is_picture(name) else value.astype(np.float16)
        for name, value in inputs.items()
    }


def expanded(stored: Arrays) -> Arrays:
    """float32 inputs of what `compact` made."""
    return {
        name: stored[name].astype(np.float32) / np.float32(255 if _is_picture(name) else 1)
        for name in PairClassifier.inputs
    }


def _is_picture(name: str) -> bool:
    return name in ("authentic", "manipulated", "aligned")


@dataclass(frozen=True)
class Look:
    """Makes what the frozen part of a network sees of a kept pair; picklable, a pure function of the key.

    Args: folder: what `prepare` made with ForgedInput. preset: of a network with a frozen part.
    """

    folder: Path
    preset: str

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples."""
        trunk = _frozen(self.preset).trunk.state_dict()
        digest = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in trunk.values())).hexdigest()[:16]
        return {"trunk": digest, "inputs": settings_digest(self.folder)}

    def __call__(self, key: str) -> Arrays:
        """Inputs of the Reader, float16, and the labels."""
        stored = read(self.folder, key)
        inputs = {name: torch.from_numpy(value[None]) for name, value in expanded(stored).items()}
        features = inputs.pop("features")
        with torch.no_grad():
            there, here, framing = _frozen(self.preset).look(**inputs)
        seen = {"there": there, "here": here, "features": features, "framing": framing}
        return {name: tensor[0].half().numpy() for name, tensor in seen.items()} | {n: stored[n] for n in LABELS}


def prepare_looks(
    images: Sequence[Path], folder: Path, *, preset: str, pairs: int, seed: int, workers: int, quiet: bool = False
) -> None:
    """Make `pairs` samples of the train split and VALIDATION_PAIRS of the val split under `folder`, or go on there."""
    counts = {"train": pairs, "val": VALIDATION_PAIRS}
    made = prepare_forged(ForgedInput, images, folder, counts, seed=seed, workers=workers, quiet=quiet)
    for split, keys in made.items():
        if isinstance(build(preset), PairClassifier):
            look = Look(folder / split, preset)
            prepare(look, keys, folder / f"{split}-looks", look.settings, workers, quiet=quiet)


class PairClassifierTask:
    """Tell the kind of a pair, whether both frames are one, and the crop box; a Task of `train`.

    What learns is the Reader alone where the rest of the network is frozen; `assembled` puts it back.

    Args: folder: what `prepare_looks` made for the preset.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder, self.seed = folder, settings.seed
        torch.manual_seed(settings.seed)
        whole = build(settings.preset)
        self.net: nn.Module = whole.reader if isinstance(whole, PairClassifier) else whole
        self.inputs = Reader.inputs if isinstance(whole, PairClassifier) else StackedClassifier.inputs
        self.looks = isinstance(whole, PairClassifier)
        self.keys = list_samples(self._samples("train"))
        self.validation = list_samples(self._samples("val"))
        if isinstance(self.net, Reader):
            features = [read(self._samples("train"), key)["features"] for key in self.keys]
            self.net.standardise(torch.from_numpy(np.stack(features)).float())

    def sample(self, index: int) -> Arrays:
        """Inputs of the network and labels of one pair, both sides mirrored (looks: or transposed) alike at random."""
        rng = np.random.default_rng((self.seed, index))
        one = self._stored("train", self.keys[int(rng.integers(len(self.keys)))])
        symmetry = int(rng.integers(8))
        if self.looks:  # the box is told from `framing`, in which nothing turns
            one |= {name: turned(torch.from_numpy(one[name])[None], symmetry)[0].numpy() for name in ("there", "here")}
        elif symmetry & 1:
            one |= {name: np.ascontiguousarray(one[name][..., ::-1]) for name in self.inputs}
            x0, y0, x1, y1 = one["box"]
            one["box"] = np.array([1 - x1, y0, 1 - x0, y1], np.float32)
        return one

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropy of the kind and of `aligned`, Smooth-L1 of the box where it is defined."""
        found = net(*(self._input(batch, name) for name in self.inputs))
        box = functional.smooth_l1_loss(found[:, BOX], batch["box"], beta=BOX_BETA, reduction="none").mean(dim=1)
        parts = {
            "kind": unlikelihood(found[:, : len(KINDS)], batch["kind"], smoothing=SMOOTHING),
            "aligned": functional.binary_cross_entropy_with_logits(found[:, ALIGNED], batch["same_frame"]),
            "box": (box * batch["has_box"]).sum() / batch["has_box"].sum().clamp(min=1),
        }
        return {"total": torch.stack(list(parts.values())).sum(), **parts}

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Accuracies over the pairs of the val split; `score` is the mean log-likelihood of the true kind, weighted."""
        found, truth = self.outputs(net, "val")
        logits, kind = found[:, : len(KINDS)], truth["kind"]
        right = logits.argmax(dim=1) == kind
        entropy = float(unlikelihood(logits, kind))
        boxed = truth["has_box"] > 0
        result = {"score": -entropy, "kind": float(right.float().mean())}
        result |= {f"recall_{name}": float(right[kind == i].float().mean()) for i, name in enumerate(KINDS)
                   if (kind == i).any()}  # fmt: skip
        result["aligned"] = float(((found[:, ALIGNED] > 0) == (truth["same_frame"] > 0)).float().mean())
        if boxed.any():
            result["box_error"] = float((found[boxed][:, BOX] - truth["box"][boxed]).abs().amax(dim=1).median())
        wrong = torch.nonzero(~right)[:, 0].tolist()[:SHOWN]
        rows = [self._shown(self.validation[i], KINDS[int(kind[i])], KINDS[int(logits[i].argmax())]) for i in wrong]
        return result, np.concatenate(rows) if rows else None

    def outputs(self, net: nn.Module, split: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """(N, 9) of every pair of a split on the CPU, and its labels by name."""
        device = next(net.parameters()).device
        found, truth = [], []
        for key in self.keys if split == "train" else self.validation:
            batch = {name: torch.from_numpy(np.asarray(one))[None] for name, one in self._stored(split, key).items()}
            with torch.no_grad():
                found.append(net(*(self._input(batch, name).to(device) for name in self.inputs)).float().cpu())
            truth.append(batch)
        return torch.cat(found), {name: torch.cat([one[name] for one in truth]) for name in LABELS}

    def _samples(self, split: str) -> Path:
        return self.folder / (f"{split}-looks" if self.looks else split)

    def _stored(self, split: str, key: str) -> Arrays:
        stored = read(self._samples(split), key)
        numbers = {name: stored[name].reshape(SHAPES.get(name, ())) for name in LABELS}  # kept numbers have an axis
        return {name: stored[name] for name in self.inputs} | numbers

    @staticmethod
    def _input(batch: dict[str, torch.Tensor], name: str) -> torch.Tensor:
        return batch[name].float() / (255 if batch[name].dtype == torch.uint8 else 1)

    def _shown(self, key: str, true: Kind, found: Kind) -> np.ndarray:
        """A pair that was taken for another kind, (160, 320, 3) uint8."""
        stored = read(self.folder / "val", key)
        sides = [
            cv2.resize(np.ascontiguousarray(stored[name].transpose(1, 2, 0)), (160, 160), interpolation=cv2.INTER_AREA)
            for name in ("authentic", "manipulated")
        ]
        words = f"{true.value}, taken for {found.value}"
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(sides[0], words, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, thickness, cv2.LINE_AA)
        return np.hstack(sides)


def unlikelihood(logits: torch.Tensor, truth: torch.Tensor, *, smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy of (N, K) logits with the true kinds (N,), each kind as frequent as WEIGHTS makes it."""
    weight = logits.new_tensor([WEIGHTS.get(kind, 1.0) for kind in KINDS])
    return functional.cross_entropy(logits, truth, weight, label_smoothing=smoothing)


def temperature(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """What (N, K) logits must be divided by so that their softmax is as sure as it is right, by likelihood.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    candidates = torch.logspace(-0.7, 0.7, 141)
    losses = torch.stack([unlikelihood(logits / candidate, truth) for candidate in candidates])
    return float(candidates[losses.argmin()])


def assembled(preset: str, trained: nn.Module) -> PairClassifier | StackedClassifier:
    """The whole network around what was trained, in evaluation mode: what is exported."""
    whole = build(preset)
    if isinstance(whole, PairClassifier):
        whole.reader.load_state_dict(trained.state_dict(), strict=True)
    else:
        whole.load_state_dict(trained.state_dict(), strict=True)
    return whole.eval()


@cache
def _frozen(preset: str) -> PairClassifier:
    whole = build(preset)
    assert isinstance(whole, PairClassifier), preset
    return whole.eval()
