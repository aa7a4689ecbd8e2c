"""What does each part of Web-IML give? Variants trained on one reduced budget, scored on the same pictures.

    python benchmarks/ablation_localizer.py --images PACK [--images PACK2] --out DIR [--count 600] [--steps 300]
                          --pairs ../shared/data/casia1_dev/pairs.csv [--seeds 0 1] [--batch 8] [--size 192]

All nets learn with the same settings from `--count` pictures, of one store: one without Object Jitter has forged
pictures in place of the jittered ones. No checkpoint is chosen, the averaged weights of the last step count. Scored are
pictures that are forged anew of the packs' val split and, for validation only, the manipulated pictures of the tables;
protocol as in localizer_accuracy.py, one view, not calibrated: compare the best threshold and the AUC rather than 0.5.
With --checkpoint a net that was trained elsewhere is scored after each pass and with several views, nothing else.
OUT keeps samples, checkpoints and one JSON a variant and seed: what is there is not done again, so the same command
goes on after a kill. The numbers are means over the seeds, and in brackets how far these lie apart.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from ablation import Budget, budget_parser, result_path, slug, spread_of
from localizer_scoring import (
    HALF,
    Change,
    Single,
    best_threshold,
    drawn,
    forged_singles,
    looking,
    manipulated_singles,
    see,
)
from machine import machine

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.forge.folder import forge_folder
from webiml.forge.pictures import list_pictures
from webiml.nets.localizer import OUTPUTS, Deployed
from webiml.nets.web_iml import PRESETS, Preset, WebIml
from webiml.nets.weights import Net
from webiml.runners.cores import one_thread
from webiml.settings import ForgeSettings, TrainRun, TrainSettings
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.checkpoint import load_tensors
from webiml.train.loop import train
from webiml.train.web_iml import MIX, WebImlTask, prepare_pictures, shares_of

SAMPLES_SEED, HELD_OUT_SEED = 0, 13  # the same pictures for every variant and seed: what differs is the net alone
HELD_OUT, HELD_OUT_SIZE = 80, 384  # pictures forged to be scored; their long side, pixels
FORGED = "forged, held out"
COLUMNS = ("f1", "f1_best", "threshold", "auc")
WHOLE = "all of it"
VIEWS = (1, 3)

Tables = dict[str, dict[str, float]]  # title to COLUMNS


@dataclass(frozen=True)
class Variant:
    """One line of the table.

    Attributes:
        lacks: fields of the preset that differ. jitters: whether it learns from jittered objects.
        hardest: share of the pixels that the cross-entropy counts, as in `WebImlTask`.
    """

    lacks: Mapping[str, Any] = field(default_factory=dict)
    jitters: bool = True
    hardest: float = 1.0

    def preset(self, name: str) -> Preset:
        """The size of its net, and which parts that has."""
        return replace(PRESETS[name], **self.lacks)

    @property
    def mix(self) -> str:
        """What it learns from."""
        shares = shares_of(MIX)
        if not self.jitters:
            shares["forged"] = shares.get("forged", 0.0) + shares.pop("jittered", 0.0)
        return ",".join(f"{origin}={share:.6f}" for origin, share in shares.items())


VARIANTS = {
    WHOLE: Variant(),
    "without perception": Variant({"perception": False}),
    "without rectification": Variant({"passes": 0}),
    "without residual": Variant({"residual": False}),
    "without pretrained trunk": Variant({"pretrained": False}),
    "without object jitter": Variant(jitters=False),
    "with self-matching": Variant({"matching": True}),
    "hardest quarter of the pixels": Variant(hardest=0.25),
}


@dataclass(frozen=True)
class LocalizerBudget(Budget):
    """What every net has to learn with, and on what it is scored."""

    lr: float = 2e-3

    def training(self, seed: int) -> TrainSettings:
        """The settings of one training."""
        return replace(super().training(seed), lr=self.lr)


def main() -> None:
    """Make what is missing and print the tables."""
    parser = budget_parser(__doc__, batch=8)
    parser.add_argument("--lr", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the nets learn")
    parser.add_argument("--checkpoint", type=Path, help="train nothing: score this net after each pass, and its views")
    parser.set_defaults(count=600, steps=300)
    arguments = parser.parse_args()
    tables = dict(arguments.pairs)
    names = ("steps", "batch", "size", "count", "preset", "sample", "lr")
    budget = LocalizerBudget(**{name: getattr(arguments, name) for name in names}, tables=[FORGED, *sorted(tables)])
    try:
        make_folder(arguments.out)
        singles = {FORGED: held_out(arguments.images, arguments.out / "held-out", arguments.workers)}
        singles |= {title: drawn(manipulated_singles(table), budget.sample) for title, table in tables.items()}
        if arguments.checkpoint:
            net = WebIml(PRESETS[budget.preset])
            load_tensors(arguments.checkpoint, net.state_dict())
            print(f"{machine()}\n{arguments.checkpoint.name}, preset {budget.preset}\n")
            print_passes_and_views([passes_and_views(net.eval(), singles, score(net.eval(), singles))], budget)
            return
        make_samples(arguments.images, arguments.out / "samples", budget.count, arguments.workers)
        with ProcessPoolExecutor(arguments.workers, get_context("spawn"), initializer=start) as pool:
            runs = [(name, seed) for seed in arguments.seeds for name in VARIANTS]
            work = functools.partial(run, budget, arguments.out, singles, arguments.device)
            for _ in pool.map(work, *zip(*runs, strict=True)):
                pass
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    print_tables(arguments.out, budget, arguments.seeds)


def start() -> None:
    """One thread for each training; numbers next to 0, which cost ten times as much as others, are 0."""
    one_thread()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def make_samples(images: Sequence[Path], folder: Path, count: int, workers: int) -> None:
    """The pictures of all mixes, made where they are missing; a net learns from the first of each origin."""
    for mix in dict.fromkeys(variant.mix for variant in VARIANTS.values()):
        prepare_pictures(images, folder, pictures=count, mix=mix, seed=SAMPLES_SEED, workers=workers, quiet=True)


def held_out(images: Sequence[Path], folder: Path, workers: int) -> list[Single]:
    """Pictures forged of the val split, in which no sample shows the same forgery."""
    pictures = list_pictures(images, split="val", only_shippable=True)
    settings = ForgeSettings(seed=HELD_OUT_SEED, size=HELD_OUT_SIZE, kinds="single")
    forge_folder(pictures, folder, settings, HELD_OUT, workers=workers)
    return forged_singles(folder / "singles.csv")


def run(
    budget: LocalizerBudget, out: Path, singles: Mapping[str, Sequence[Single]], device: Any, name: str, seed: int
) -> None:
    """Train and score one variant with one seed; nothing where its JSON is there."""
    path = result_path(out, name, seed)
    if path.exists():
        if json.loads(path.read_bytes())["budget"] != asdict(budget):
            raise WebimlError(f"{path} was made with another budget or other tables; give another --out.")
        return
    net = train_net(VARIANTS[name], budget, out / "samples", out / "nets" / f"{slug(name)}-{seed}", seed, device)
    result: dict[str, Any] = {"variant": name, "seed": seed, "machine": machine(), "budget": asdict(budget)}
    result["tables"] = score(net, singles)
    if name == WHOLE:
        result |= passes_and_views(net, singles, result["tables"])
    print(f"{name}, seed {seed}: {result['tables']}", flush=True)
    write_bytes(path, json.dumps(result, indent=1, allow_nan=False).encode())


def passes_and_views(net: WebIml, singles: Mapping[str, Sequence[Single]], tables: Tables) -> dict[str, Any]:
    """COLUMNS after each number of passes, 0 being the map before the first, and with each number of VIEWS.

    Args: tables: what the net scores with all its passes and one view.
    """
    views = {str(n): tables if n == 1 else score(net, singles, n) for n in VIEWS}
    every, passes = net.passes, {}
    for net.passes in range(every):
        passes[str(net.passes)] = score(net, singles)
    net.passes = every
    return {"passes": passes | {str(every): tables}, "views": views}


def train_net(variant: Variant, budget: LocalizerBudget, samples: Path, out: Path, seed: int, device: Any) -> WebIml:
    """The net of a variant, trained to the last step or gone on with; on the CPU."""
    settings, preset = budget.training(seed), variant.preset(budget.preset)
    task = WebImlTask(settings, samples, preset=preset, mix=variant.mix, hardest=variant.hardest)
    for origin, share in shares_of(variant.mix).items():
        task.keys[origin] = task.keys[origin][: max(1, round(share * budget.count))]
    make_folder(out)
    # One validation, at the end: what is kept as the best is then the last.
    every = TrainRun(workers=1, device=device, validate_every=settings.steps, quiet=True)
    train(task, settings, out, every, about=asdict(variant) | {"mix": variant.mix})
    net = WebIml(preset)
    load_tensors(out / "best.safetensors", net.state_dict())
    return net.eval()


class Answering:
    """A net of torch in place of an exported one; what `Localizer` asks of `Net`."""

    inputs, outputs = ("picture",), OUTPUTS

    def __init__(self, net: torch.nn.Module) -> None:
        self.deployed = Deployed(net).eval()

    def all(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Every output by name, of (B, H, W, 3) uint8."""
        with torch.inference_mode():
            answers = self.deployed(torch.from_numpy(np.ascontiguousarray(picture)))
        return {name: answer.numpy() for name, answer in zip(OUTPUTS, answers, strict=True)}


def score(net: WebIml, singles: Mapping[str, Sequence[Single]], views: int = 1) -> Tables:
    """COLUMNS over the pictures of each title."""
    look = looking(Localizer(cast(Net, Answering(net)), {"onnx_sha256": ""}, "ablated"), views)
    result: Tables = {}
    for title, several in singles.items():
        seen = [see(look, one, Change(), twice=False) for one in several]
        threshold, best = best_threshold(seen)
        f1 = np.mean([one.f1[HALF] for one in seen if one.f1 is not None])
        auc = np.mean([one.auc for one in seen if one.auc is not None])
        numbers = (f1, best, threshold, auc)
        result[title] = {"n": len(seen)} | {name: float(one) for name, one in zip(COLUMNS, numbers, strict=True)}
    return result


def print_tables(out: Path, budget: LocalizerBudget, seeds: Sequence[int]) -> None:
    """One line a variant and title; then one a number of passes and of views of the whole net."""
    results = {name: [json.loads(result_path(out, name, seed).read_bytes()) for seed in seeds] for name in VARIANTS}
    trained = f"{budget.steps} steps of {budget.batch} at {budget.size} px, {budget.count} pictures, {len(seeds)} seeds"
    print(f"\n{machine()}\nnets of preset {budget.preset}, each {trained}\n")
    print_lines("variant", budget, {name: [one["tables"] for one in several] for name, several in results.items()})
    print_passes_and_views(results[WHOLE], budget)


def print_passes_and_views(several: Sequence[Mapping[str, Any]], budget: LocalizerBudget) -> None:
    """One line a number of passes and of views, of nets that differ in their seed alone."""
    for what in ("passes", "views"):
        lines = {number: [one[what][number] for one in several] for number in several[0][what]}
        print_lines(what, budget, lines)
    for title in budget.tables:
        for column in ("f1", "f1_best"):
            means = [float(np.mean([one["passes"][n][title][column] for one in several])) for n in several[0]["passes"]]
            if len(means) > 2:
                verdict = "beats" if means[-1] > means[1] else "does NOT beat"
                words = f"{column} {means[-1]:.4f} against {means[1]:.4f}, and {means[0]:.4f} before it"
                print(f"{title}: the last pass {verdict} the first, {words}")


def print_lines(heading: str, budget: LocalizerBudget, lines: Mapping[str, Sequence[Tables]]) -> None:
    """One line each of the things compared, and title."""
    print(f"{heading:<28}{'pictures':<24}{'n':>5}" + "".join(f"{column:>18}" for column in COLUMNS))
    for title in budget.tables:
        for name, several in lines.items():
            line = f"{name:<28}{title:<24}{several[0][title]['n']:>5}"
            print(line + "".join(f"{spread_of([one[title][column] for one in several]):>18}" for column in COLUMNS))
    print()


if __name__ == "__main__":
    main()
