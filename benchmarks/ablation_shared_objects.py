"""What does each part of Corr-DINO give? Variants trained on one reduced budget, scored on the same pairs.

    python benchmarks/ablation_shared_objects.py --images PACK [--images PACK2] --out DIR [--steps 600] [--seeds 0 1]
                          --pairs ../shared/data/casia1_dev/pairs.csv [--pairs "web-like=MORE/pairs.csv"]

All nets learn from the same forged pairs, with the same settings. The kind of a pair is given: what is compared is the
mask of SDG pairs alone, over three views, IoU at 0.5 in the manipulated picture's own size, a missed object counted
as 0. OUT keeps samples, checkpoints and one JSON a variant and seed: what is there is not done again, so the same
command goes on after a kill. The numbers are means over the seeds, and in brackets how far these lie apart.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from ablation import Budget, budget_of, budget_parser, replaced, result_path, slug, spread_of
from machine import machine
from scoring import read_pair, read_table
from torch import nn
from torch.nn import functional

from webiml.annotate.views import average_views
from webiml.errors import WebimlError
from webiml.evidence.corr_dino_input import CHANNELS, corr_dino_input
from webiml.evidence.evidence import Evidence
from webiml.evidence.matching import MAPS, turned_matching
from webiml.geometry.maps import turned
from webiml.images.codec import picture_to_8bit, to_8bit
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes
from webiml.nets.backbones import Descriptors
from webiml.nets.corr_dino import CorrDino, build
from webiml.runners.cores import one_thread
from webiml.settings import TrainRun
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.checkpoint import load_tensors
from webiml.train.corr_dino import VALIDATION_PAIRS, CorrDinoTask, ForgedMatch
from webiml.train.forged import store_parts
from webiml.train.loop import train
from webiml.train.samples import Arrays, prepare, read

SAMPLES_SEED = 0  # the same pairs for every variant and seed: what differs is the net alone
COLUMNS = ("iou", "missed", "kept", "kept_iou")
MISSED = 0.05  # IoU below which an object was not found at all
SELF = tuple(place for place, name in enumerate(MAPS) if name.startswith("self_"))
PICTURE = 3  # the first channels of the stack: the picture itself


@dataclass(frozen=True)
class Variant:
    """One line of the table.

    Attributes:
        look: what pairs are looked at with: a key of LOOKS.
        blanked, blanked_maps: channels of the stack and of the matching that are always 0.
        denoises, enlarges: whether the net has its Multi-Aspect Denoiser and its Feature Super Resolution.
        donor: whether it learns from the authentic side, too.
    """

    look: str = "whole"
    blanked: tuple[int, ...] = ()
    blanked_maps: tuple[int, ...] = ()
    denoises: bool = True
    enlarges: bool = True
    donor: bool = True


VARIANTS = {
    "both": Variant(),
    "correlation only": Variant(blanked=tuple(range(PICTURE, CHANNELS))),
    "warps only": Variant(blanked_maps=tuple(range(len(MAPS)))),
    "without self-correlation": Variant(blanked_maps=SELF),
    "without super resolution": Variant(enlarges=False),
    "without denoiser": Variant(denoises=False),
    "without donor branch": Variant(donor=False),
    "one hypothesis": Variant(look="one hypothesis"),
    "frozen trunk": Variant(look="frozen trunk"),
}


@functools.cache
def published_trunk() -> nn.Module:
    """The trunk as its authors published it, on one thread."""
    torch.set_num_threads(1)
    return Descriptors().eval()


def published_load(name: str) -> Any:
    """In place of `weights.load` where descriptors are made."""

    def describe(picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return published_trunk()(torch.from_numpy(picture)).numpy()

    return describe


LOOKS: Mapping[str, Mapping[str, Any]] = {  # what is put in place of which part of the package
    "whole": {},
    "one hypothesis": {"webiml.evidence.evidence.MOST_HYPOTHESES": 1},
    "frozen trunk": {"webiml.evidence.matching.weights.load": published_load},
}


def main() -> None:
    """Make what is missing and print the table."""
    arguments = budget_parser(__doc__, batch=6).parse_args()
    tables, budget = dict(arguments.pairs), budget_of(arguments)
    try:
        make_folder(arguments.out)
        samples = arguments.out / "samples"
        for look in LOOKS:
            make_samples(look, arguments.images, samples, budget.count, arguments.workers)
            for title, table in tables.items():
                make_inputs(look, table, samples / look / slug(title), budget.sample, arguments.workers)
        with ProcessPoolExecutor(arguments.workers, get_context("spawn"), initializer=one_thread) as pool:
            runs = [(name, seed) for seed in arguments.seeds for name in VARIANTS]
            for _ in pool.map(functools.partial(run, budget, arguments.out), *zip(*runs, strict=True)):
                pass
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    print_table(arguments.out, budget, arguments.seeds)


def looking(look: str) -> AbstractContextManager[None]:
    """The package with the parts of a look put in their places."""
    return replaced(LOOKS[look])


@dataclass(frozen=True)
class AblatedMatch:
    """A forged pair's inputs and masks, seen with one look; picklable, a pure function of the key."""

    make: ForgedMatch
    look: str

    def __call__(self, key: str) -> Arrays | None:
        """As `ForgedMatch`."""
        with looking(self.look):
            return self.make(key)


@dataclass(frozen=True)
class KnownInputs:
    """A published pair's inputs, seen with one look, and its mask; picklable."""

    folder: Path
    rows: Mapping[str, dict[str, str]]
    look: str

    def __call__(self, key: str) -> Arrays:
        """`stack` uint8 and `matching` float16 as in `ForgedMatch`; `mask` (H, W) uint8 at the picture's own size;
        `size` (2,) int64, height and width at working size."""
        pair = read_pair(self.folder, self.rows[key])
        with looking(self.look):
            evidence = Evidence(pair.authentic, pair.manipulated)
            inputs = corr_dino_input(evidence)
        return {
            "stack": picture_to_8bit(inputs["stack"]),
            "matching": inputs["matching"].astype(np.float16),
            "mask": pair.mask.astype(np.uint8),
            "size": np.array(evidence.manipulated.shape[:2]),
        }


def make_samples(look: str, images: list[Path], folder: Path, count: int, workers: int) -> None:
    """The forged pairs of a look, made where they are missing."""
    for split, pairs in (("train", count), ("val", min(VALIDATION_PAIRS, count))):
        make = ForgedMatch(tuple(images), split, SAMPLES_SEED, folder / "objects")
        store_parts(make.pictures, folder / "objects", workers)
        keys = [f"{split}-{index:05d}" for index in range(pairs)]
        prepare(AblatedMatch(make, look), keys, folder / look / split, make.settings | {"look": look}, workers)


def make_inputs(look: str, table: Path, folder: Path, sample: int | None, workers: int) -> None:
    """The inputs of a table's SDG pairs, made where they are missing."""
    rows = {row["key"]: row for row in read_table(table, sample, kinds=["SDG"])}
    settings = {"look": look, "maps": [*MAPS], "rows": len(rows)}
    prepare(KnownInputs(table.parent, rows, look), sorted(rows), folder, settings, workers)


class Ablated(nn.Module):
    """Corr-DINO less some of its parts."""

    keep: torch.Tensor
    keep_maps: torch.Tensor

    def __init__(self, net: CorrDino, variant: Variant) -> None:
        super().__init__()
        self.net, self.enlarges = net, variant.enlarges
        if not variant.denoises:
            net.denoiser = nn.Sequential()
        for name, channels, blanked in (
            ("keep", CHANNELS, variant.blanked),
            ("keep_maps", len(MAPS), variant.blanked_maps),
        ):
            keep = torch.ones(1, channels, 1, 1)
            keep[:, list(blanked)] = 0
            self.register_buffer(name, keep, persistent=False)

    def forward(
        self, stack: torch.Tensor, matching: torch.Tensor, auxiliary: bool = False
    ) -> torch.Tensor | list[torch.Tensor]:
        """As the net within."""
        logits, *coarse = self.net(stack * self.keep, matching * self.keep_maps, auxiliary=True)
        if not self.enlarges:
            larger = functional.interpolate(coarse[-1], scale_factor=8.0, mode="bilinear", align_corners=False)
            logits = larger[:, :, : stack.shape[2], : stack.shape[3]]
        return [logits, *coarse] if auxiliary else logits


def run(budget: Budget, out: Path, name: str, seed: int) -> None:
    """Train and score one variant with one seed; nothing where its JSON is there."""
    path = result_path(out, name, seed)
    if path.exists():
        if json.loads(path.read_bytes())["budget"] != asdict(budget):
            raise WebimlError(f"{path} was made with another budget or other tables; give another --out.")
        return
    variant, settings = VARIANTS[name], budget.training(seed)
    samples, folder = out / "samples" / variant.look, out / "nets" / f"{slug(name)}-{seed}"
    task = CorrDinoTask(settings, samples)
    task.donor = task.donor if variant.donor else 0.0
    net = build(settings.preset, CHANNELS, len(MAPS))
    net.load_state_dict(task.net.state_dict())
    task.net = Ablated(net, variant)
    make_folder(folder)
    every = TrainRun(workers=1, validate_every=max(1, settings.steps // 3), quiet=True)
    train(task, settings, folder, every, about={"variant": name})
    load_tensors(folder / "best.safetensors", task.net.state_dict())
    result: dict[str, Any] = {"variant": name, "seed": seed, "machine": machine(), "budget": asdict(budget)}
    result["tables"] = {title: score(task.net.eval(), samples / slug(title)) for title in budget.tables}
    print(f"{name}, seed {seed}: {result['tables']}", flush=True)
    write_bytes(path, json.dumps(result, indent=1, allow_nan=False).encode())


def score(net: nn.Module, folder: Path) -> dict[str, float]:
    """COLUMNS over the pairs of a folder."""
    overlaps, qualities = [], []
    for path in sorted(folder.glob("*.safetensors")):
        pair = read(folder, path.stem)
        stack, seen = pair["stack"].astype(np.float32) / 255, pair["matching"].astype(np.float32)

        def look(view: int, stack: np.ndarray = stack, seen: np.ndarray = seen) -> np.ndarray:
            turned_inputs = turned(stack, view)[None], turned_matching(seen, view)[None]
            with torch.inference_mode():
                return net(*(torch.from_numpy(np.ascontiguousarray(one)) for one in turned_inputs))[0, 0].numpy()

        height, width = pair["size"]
        found, mask = average_views(look)[:height, :width], pair["mask"] > 0
        if found.shape != mask.shape:
            how = cv2.INTER_AREA if found.shape[0] > mask.shape[0] else cv2.INTER_LINEAR
            found = cv2.resize(found, mask.shape[::-1], interpolation=how)
        stored = to_8bit(found)
        overlaps.append(iou(stored >= 128, mask))
        qualities.append(qes(stored) or 0.0)
    found, kept = np.array(overlaps), np.array(qualities) > 0.5
    return {
        "n": len(found),
        "iou": float(found.mean()),
        "missed": float((found < MISSED).mean()),
        "kept": float(kept.mean()),
        "kept_iou": float(found[kept].mean()) if kept.any() else 0.0,
    }


def print_table(out: Path, budget: Budget, seeds: list[int]) -> None:
    """One line a variant and table."""
    trained = f"{budget.steps} steps of {budget.batch} at {budget.size} px, {budget.count} pairs, {len(seeds)} seeds"
    print(f"\n{machine()}\nSDG pairs, kind given; nets of preset {budget.preset}, each {trained}\n")
    print(f"{'variant':<28}{'pairs':<24}{'n':>5}" + "".join(f"{column:>18}" for column in COLUMNS))
    for title in budget.tables:
        for name in VARIANTS:
            several = [json.loads(result_path(out, name, seed).read_bytes())["tables"][title] for seed in seeds]
            line = f"{name:<28}{title:<24}{several[0]['n']:>5}"
            print(line + "".join(f"{spread_of([one[column] for one in several]):>18}" for column in COLUMNS))


if __name__ == "__main__":
    main()
