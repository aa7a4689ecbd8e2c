"""What does each part of the annotator give? Variants trained on one reduced budget, scored on the same pairs.

    python benchmarks/ablation.py --images PACK [--images PACK2] --pairs ../shared/data/casia1_dev/pairs.csv
                                  [--pairs "web-like=MORE/pairs.csv"] --out DIR [--steps 600] [--seeds 0 1]

A variant replaces functions of the package while a pair is looked at, in making samples and in scoring alike; the
package itself knows nothing of variants. All nets learn from the same forged pairs, with the same settings. OUT keeps
samples, checkpoints and one JSON a variant and seed (a variant without a net has one): what is there is not done
again, so the same command goes on after a kill. The numbers are of SPG pairs, protocol as in accuracy.py: means over
the seeds, and in brackets how far these lie apart.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from accuracy import named_table, report
from machine import machine
from scoring import Annotate, read_table, score_table
from torch import nn

from webiml import Annotator
from webiml.align.alignment import Alignment, agree
from webiml.annotate.methods import Classify, Method, correlation, difference, method_of
from webiml.annotate.views import average_views
from webiml.errors import WebimlError
from webiml.evidence.dass_input import CHANNELS, VALIDITY, dass_input
from webiml.evidence.evidence import Evidence
from webiml.geometry.colour import apply_colour, fit_colour
from webiml.geometry.maps import turned
from webiml.nets.dass import build
from webiml.settings import AnnotatorSettings, TrainRun, TrainSettings
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.checkpoint import load_tensors
from webiml.train.dass import VALIDATION_PAIRS, DassTask, ForgedStack
from webiml.train.forged import store_parts
from webiml.train.loop import train
from webiml.train.samples import Arrays, prepare
from webiml.types import Kind

SAMPLES_SEED = 0  # the same pairs for every variant and seed: what differs is the net alone
COLUMNS = ("iou", "kept", "kept_iou", "spearman", "kind_accuracy")


def anything(evidence: Evidence) -> dict[Kind, float]:
    """No classifier: either kind is as probable, so that both segmenters are asked and the surer one is kept."""
    return {Kind.SPG: 0.5, Kind.SDG: 0.5}


def laid_upon(authentic: np.ndarray, manipulated: np.ndarray, *features: object) -> Alignment:
    """No alignment: the authentic picture stretched to the manipulated one's size, and recoloured."""
    height, width = manipulated.shape[:2]
    everywhere = np.ones((height, width), bool)
    stretched = cv2.resize(authentic, (width, height), interpolation=cv2.INTER_LINEAR)
    recoloured = apply_colour(stretched, fit_colour(stretched, manipulated, everywhere))
    transform = np.diag([width / authentic.shape[1], height / authentic.shape[0], 1.0])
    no_points = np.empty((0, 2), np.float32)
    return Alignment(transform, recoloured, everywhere, 0.0, agree(recoloured, manipulated, everywhere), no_points)


linear = functools.partial(fit_colour, degree=1)


LEARNED, PRIOR = (method_of(AnnotatorSettings(method=name)) for name in ("learned", "prior"))


@dataclass(frozen=True)
class Variant:
    """One line of the table.

    Attributes:
        classify, sure: how the kind is told, and how probable it must be to be believed, as in `Method`.
        net: the variant whose trained net it uses; None for the prior alone.
        look: what its pairs are looked at with: a key of LOOKS.
        blanked: channels of the net's input that are always 0.
    """

    net: str | None
    classify: Classify = LEARNED.classify
    sure: float = LEARNED.sure
    look: str = "whole"
    blanked: tuple[int, ...] = ()


LOOKS: Mapping[str, Mapping[str, Any]] = {  # what is put in place of which function of the package
    "whole": {},
    "unaligned": {"webiml.evidence.evidence.align": laid_upon},
    "linear": {"webiml.align.alignment.fit_colour": linear, "webiml.priors.difference.fit_colour": linear},
}
VARIANTS = {
    "prior only": Variant(None, PRIOR.classify, PRIOR.sure),
    "net without prior": Variant("net without prior", blanked=tuple(range(VALIDITY + 1, CHANNELS))),
    "net and prior": Variant("net and prior"),
    "without classifier": Variant("net and prior", anything, sure=1.0),
    "without alignment": Variant("without alignment", look="unaligned"),
    "linear colour fit": Variant("linear colour fit", look="linear"),
}


@dataclass(frozen=True)
class Budget:
    """What every net has to learn with, and on what it is scored."""

    steps: int
    batch: int
    size: int
    count: int  # forged pairs
    preset: str
    sample: int | None  # pairs of each table that are scored; None for all
    tables: list[str] = field(default_factory=list)

    def training(self, seed: int) -> TrainSettings:
        """The settings of one training."""
        warmup = min(100, self.steps // 5)
        given = {"steps": self.steps, "batch": self.batch, "size": self.size, "preset": self.preset}
        return TrainSettings(**given, seed=seed, warmup=warmup)


def budget_parser(description: str | None, *, batch: int) -> argparse.ArgumentParser:
    """What `budget_of` asks of a command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be repeated")
    parser.add_argument("--pairs", type=named_table, action="append", required=True, metavar="[NAME=]TABLE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--size", type=int, default=192, help="side of the crops, pixels")
    parser.add_argument("--count", type=int, default=1000, help="forged pairs that the nets learn from")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="a training each")
    parser.add_argument("--sample", type=int, help="score this many pairs of each table, drawn by key")
    parser.add_argument("--workers", type=int, default=2)
    return parser


def budget_of(arguments: argparse.Namespace) -> Budget:
    """The budget of a command line."""
    names = ("steps", "batch", "size", "count", "preset", "sample")
    return Budget(**{name: getattr(arguments, name) for name in names}, tables=sorted(dict(arguments.pairs)))


def main() -> None:
    """Make what is missing and print the table."""
    arguments = budget_parser(__doc__, batch=8).parse_args()
    tables, budget = dict(arguments.pairs), budget_of(arguments)
    try:
        make_folder(arguments.out)
        for name, variant in VARIANTS.items():
            for seed in arguments.seeds if variant.net else [0]:
                run(name, seed, budget, tables, arguments.images, arguments.out, arguments.workers)
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    print_table(read_results(arguments.out, arguments.seeds), budget, len(arguments.seeds))


def run(
    name: str, seed: int, budget: Budget, tables: Mapping[str, Path], images: list[Path], out: Path, workers: int
) -> None:
    """Train, where needed, and score one variant with one seed; nothing where its JSON is there."""
    path = result_path(out, name, seed)
    if path.exists():
        if json.loads(path.read_bytes())["budget"] != asdict(budget):
            raise SystemExit(f"{path} was made with another budget or other tables; give another --out.")
        return
    net = VARIANTS[name].net
    checkpoint = None
    if net:
        folder = make_samples(VARIANTS[net].look, images, out / "samples", budget.count, workers)
        checkpoint = train_net(net, folder, budget.training(seed), out / "nets" / f"{slug(net)}-{seed}", workers)
    result: dict[str, Any] = {"variant": name, "seed": seed, "machine": machine(), "budget": asdict(budget)}
    make = functools.partial(annotator, VARIANTS[name], checkpoint, budget.preset)
    result["tables"] = {}
    for title, table in tables.items():
        print(f"\n{name}, seed {seed}, {title}")
        rows = read_table(table, budget.sample, kinds=["SPG"])
        result["tables"][title] = report(score_table(table, workers=workers, make=make, rows=rows))
    write_bytes(path, json.dumps(result, indent=1, allow_nan=False).encode())


def looking(look: str) -> AbstractContextManager[None]:
    """The package with the functions of a look put in their places."""
    return replaced(LOOKS[look])


@contextmanager
def replaced(parts: Mapping[str, Any]) -> Iterator[None]:
    """The package with `parts` put in place of what their names say."""
    with ExitStack() as stack:
        for place, part in parts.items():
            stack.enter_context(mock.patch(place, part))
        yield


@dataclass(frozen=True)
class AblatedStack:
    """A forged pair's input stack and mask, seen with one look; picklable, a pure function of the key."""

    make: ForgedStack
    look: str

    def __call__(self, key: str) -> Arrays | None:
        """As `ForgedStack`."""
        with looking(self.look):
            return self.make(key)


def make_samples(look: str, images: list[Path], folder: Path, count: int, workers: int) -> Path:
    """The folder of the samples of a look, made where they are missing."""
    for split, pairs in (("train", count), ("val", min(VALIDATION_PAIRS, count))):
        make = ForgedStack(tuple(images), split, SAMPLES_SEED, folder / "objects")
        store_parts(make.pictures, folder / "objects", workers)
        keys = [f"{split}-{index:05d}" for index in range(pairs)]
        prepare(AblatedStack(make, look), keys, folder / look / split, make.settings | {"look": look}, workers)
    return folder / look


class Blanked(nn.Module):
    """A net some of whose input channels are always 0."""

    keep: torch.Tensor

    def __init__(self, net: nn.Module, blanked: tuple[int, ...]) -> None:
        super().__init__()
        self.net = net
        keep = torch.ones(1, CHANNELS, 1, 1)
        keep[:, list(blanked)] = 0
        self.register_buffer("keep", keep, persistent=False)

    def forward(self, x: torch.Tensor, **options: bool) -> torch.Tensor | list[torch.Tensor]:
        """As the net within."""
        return self.net(x * self.keep, **options)


def train_net(name: str, samples: Path, settings: TrainSettings, out: Path, workers: int) -> Path:
    """Train the net of a variant, or go on with it; the path of its best checkpoint."""
    task = DassTask(settings, samples)
    task.net = Blanked(task.net, VARIANTS[name].blanked)
    make_folder(out)
    run = TrainRun(workers=max(1, workers - 1), validate_every=max(1, settings.steps // 4))
    train(task, settings, out, run, about={"variant": name})
    return out / "best.safetensors"


def annotator(variant: Variant, checkpoint: Path | None, preset: str) -> Annotate:
    """What annotates in one process of the scoring."""
    segment = difference
    if checkpoint:
        torch.set_num_threads(1)
        net = Blanked(build(preset, CHANNELS), variant.blanked)
        load_tensors(checkpoint, net.state_dict())
        segment = functools.partial(denoised, net.eval(), variant.look)
    found = Annotator()
    found.method = Method(variant.classify, variant.sure, {Kind.SPG: segment, Kind.SDG: correlation})
    return found


def denoised(net: nn.Module, look: str, evidence: Evidence) -> np.ndarray:
    """(h, w) float32 in [0, 1]: the net over three views of the pair, seen with one look; the kind is told without."""
    if look != "whole":
        evidence = Evidence(evidence._authentic.rgb8, evidence._manipulated.rgb8)
    with looking(look):
        if evidence.alignment is None:
            return evidence.difference.probability
        stack = dass_input(evidence)
    return average_views(lambda view: logits_of(net, turned(stack, view)[None])[0, 0])


def logits_of(net: nn.Module, batch: np.ndarray) -> np.ndarray:
    """(B, C, H, W) float32 to (B, 1, H, W) float32."""
    with torch.inference_mode():
        return net(torch.from_numpy(batch)).numpy()


def slug(name: str) -> str:
    """A variant's name as that of a file."""
    return name.replace(" ", "-")


def result_path(out: Path, name: str, seed: int) -> Path:
    """Where the numbers of a variant and seed lie."""
    return out / f"{slug(name)}-{seed}.json"


def read_results(out: Path, seeds: list[int]) -> dict[str, list[dict]]:
    """The finished results by variant."""
    paths = {
        name: [result_path(out, name, seed) for seed in (seeds if VARIANTS[name].net else [0])] for name in VARIANTS
    }
    return {name: [json.loads(path.read_bytes())["tables"] for path in several] for name, several in paths.items()}


def print_table(results: Mapping[str, list[dict]], budget: Budget, seeds: int) -> None:
    """One line a variant and table."""
    trained = f"{budget.steps} steps of {budget.batch} at {budget.size} px, {budget.count} pairs, {seeds} seeds"
    print(f"\n{machine()}\nSPG pairs; nets of preset {budget.preset}, each {trained}\n")
    print(f"{'variant':<20}{'pairs':<24}" + "".join(f"{column:>18}" for column in COLUMNS))
    for title in budget.tables:
        for name, several in results.items():
            line = f"{name:<20}{title:<24}"
            for column in COLUMNS:
                values = [tables[title]["kinds"].get("SPG", {}).get(column) for tables in several]
                line += f"{spread_of([value for value in values if value is not None]):>18}"
            print(line)


def spread_of(values: list[float]) -> str:
    """Mean and, of several, the distance between the largest and the smallest."""
    if not values:
        return "-"
    apart = f" [{max(values) - min(values):.3f}]" if len(values) > 1 else ""
    return f"{sum(values) / len(values):.3f}{apart}"


if __name__ == "__main__":
    main()
