"""Do masks that a machine drew of web pairs make a localizer better? The paper's claim, tested in small.

    python benchmarks/web_supervision.py --pairs ../shared/data/casia1_dev/pairs.csv --images PACK [--images PACK2]
                                         --out DIR [--steps 240] [--workers 2] [--plot growth.png]

The pairs fall in two halves of about equal size, whole components together. `webiml annotate` draws the masks of one
half; from a start that has seen forged pictures alone, localizers go on with the same steps and differ in what they
learn from (VARIANTS); the other half's manipulated pictures, each once, are the test. Then the halves change places.
Every picture is saved with one JPEG quality first, since the set's quantisation tables tell the classes apart. The
published masks serve the test, and the one variant that is named for them; no annotation and no choice sees them.

This is the one place where pictures of a validation set are learned from. OUT keeps samples and one JSON a run; what
is there is not done again, so the same command goes on after a kill. The weights of a run are deleted when it is
scored, those of the start when all is done, and the whole of OUT may go after the tables are printed.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from ablation import slug
from ablation_localizer import Answering, start
from localizer_scoring import HALF, Change, Single, authentic_singles, looking, manipulated_singles, see
from machine import machine
from scoring import MOST_PIXELS, read_mask, read_table
from torch import nn
from torch.nn.functional import interpolate
from web_supervision_tables import print_tables, write_plot

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.images.codec import encode_jpeg
from webiml.images.decode import decode
from webiml.nets.web_iml import PRESETS, TrunkLevels, WebIml
from webiml.nets.weights import Net
from webiml.settings import TrainRun, TrainSettings
from webiml.store.atomic import make_folder, write_bytes
from webiml.store.dataset import read_rows
from webiml.train.annotated import AnnotatedPicture
from webiml.train.checkpoint import load_tensors
from webiml.train.loop import train
from webiml.train.samples import Arrays, list_samples, prepare
from webiml.train.start import load_start
from webiml.train.web_iml import WebImlTask, prepare_pictures
from webiml.types import Kind, Row, Status

COLUMNS = ("key", "authentic", "manipulated", "mask", "kind", "type", "component")
QUALITY = 90  # every picture, of both classes, is saved with it before anything else
HALVES = (0, 1)
ORIGINS = ("forged", "jittered", "authentic")
MIX = "forged=0.6,jittered=0.2,authentic=0.2"  # what is made of the packs; a variant takes what it needs
FORGED_START = "forged=0.8,authentic=0.2"
WITH_PAIRS = "forged=0.5,authentic=0.2,annotated=0.3"
START = TrainSettings(batch=8, size=192, lr=1e-3, warmup=200, weight_decay=0.02, ema=0.998)
FURTHER = TrainSettings(steps=240, batch=8, size=192, lr=5e-4, warmup=20, weight_decay=0.02, ema=0.99)


class Segformer(nn.Module):
    """A SegFormer of transformers, 0.9 M parameters, from random weights; a localizer as docs/training.md asks for."""

    def __init__(self) -> None:
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        super().__init__()
        sizes = {"hidden_sizes": [16, 32, 80, 128], "depths": [2, 2, 2, 2], "num_attention_heads": [1, 2, 5, 8]}
        config = SegformerConfig(num_labels=1, decoder_hidden_size=96, **sizes)  # pyright: ignore[reportCallIssue]
        self.net = SegformerForSemanticSegmentation(config)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] to logits (B, 1, H, W)."""
        return interpolate(self.net(pixel_values=2 * picture - 1).logits, scale_factor=4.0, mode="bilinear")


class SegformerHead(nn.Module):
    """The decoder of SegFormer on the pretrained trunk that ships: what a SegFormer does that does not begin blind.

    The weights with which SegFormers are otherwise begun may not be shipped, nor fetched where this is run.
    """

    def __init__(self) -> None:
        from transformers import SegformerConfig, SegformerDecodeHead

        super().__init__()
        preset = PRESETS["tiny"]
        widths = [24, 40, 112, preset.widths[3]]  # of the trunk's levels
        config = SegformerConfig(num_labels=1, decoder_hidden_size=96, hidden_sizes=widths)  # pyright: ignore
        self.encoder, self.decoder = TrunkLevels(preset), SegformerDecodeHead(config)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] to logits (B, 1, H, W)."""
        return interpolate(self.decoder(self.encoder(picture)), scale_factor=4.0, mode="bilinear")


def web_iml() -> nn.Module:
    """Web-IML of preset tiny."""
    return WebIml(PRESETS["tiny"])


NETS: dict[str, Callable[[], nn.Module]] = {"web-iml": web_iml, "segformer": Segformer, "segformer-head": SegformerHead}
START_STEPS = {"segformer": 3000, "segformer-head": 800}  # on forged pictures; web-iml begins with what ships


@dataclass(frozen=True)
class Variant:
    """What a localizer goes on with.

    Attributes:
        mix: shares of the origins, as `shares_of` reads them.
        masks: of the origin `annotated`, a key of MASKS. share: of these pairs that it may see.
    """

    mix: str = WITH_PAIRS
    masks: str = "kept"
    share: float = 1.0


FORGED, ANNOTATED, PUBLISHED = "forged alone", "and annotated pairs", "and published masks"
UNFILTERED, JITTERED = "annotated, no QES filter", "annotated, Object Jitter"
QUARTER, HALF_OF_THEM = "annotated, 25 %", "annotated, 50 %"
VARIANTS = {
    FORGED: Variant(FORGED_START, ""),
    ANNOTATED: Variant(),
    PUBLISHED: Variant(masks="published"),
    UNFILTERED: Variant(masks="all"),
    JITTERED: Variant("forged=0.3,jittered=0.2,authentic=0.2,annotated=0.3"),
    QUARTER: Variant(share=0.25),
    HALF_OF_THEM: Variant(share=0.5),
}
FEWER = {"segformer": (FORGED, ANNOTATED, PUBLISHED)}  # one that began blind finds too little for finer questions
COMPARISONS = (
    ("what web supervision brings", FORGED, ANNOTATED),
    ("what published masks bring", FORGED, PUBLISHED),
    ("automatic masks against published ones", PUBLISHED, ANNOTATED),
    ("with the QES filter against without", UNFILTERED, ANNOTATED),
    ("with Object Jitter against without", ANNOTATED, JITTERED),
    ("50 % of the pairs against 25 %", QUARTER, HALF_OF_THEM),
    ("100 % of the pairs against 50 %", HALF_OF_THEM, ANNOTATED),
)
GROWTH = ((0, FORGED), (25, QUARTER), (50, HALF_OF_THEM), (100, ANNOTATED))
MASKS = ("kept", "all", "published")  # of rows that QES keeps; of all that have a mask; of the former, as published


def main() -> None:
    """Do what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be repeated")
    parser.add_argument("--pairs", type=Path, required=True, metavar="TABLE")
    parser.add_argument("--authentic", type=Path, help="a table of further authentic pictures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=FURTHER.steps, help="of each run after the start")
    parser.add_argument("--start-steps", type=int, help="of the nets that do not ship, on forged pictures")
    parser.add_argument("--count", type=int, default=3000, help="pictures made of the packs")
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plot", type=Path, help="write the curve over the share of pairs here")
    arguments = parser.parse_args()
    out = arguments.out
    runs = [(net, half, name) for net in arguments.nets for name in (None, *variants_of(net)) for half in HALVES]
    budget = {"steps": arguments.steps, "start_steps": arguments.start_steps, "count": arguments.count}
    budget |= {"further": asdict(FURTHER), "start": asdict(START) | {"steps": START_STEPS}, "quality": QUALITY}
    try:
        make_folder(out)
        refuse_other(out / "budget.json", budget)
        todo = [one for one in runs if not result_path(out, *one).exists()]
        if todo:
            do(todo, arguments)
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    shutil.rmtree(out / "starts", ignore_errors=True)
    results = [json.loads(result_path(out, *one).read_bytes()) for one in runs]
    print("\n".join(dict.fromkeys(result["machine"] for result in results)) + "\n")
    print_tables(results, COMPARISONS, pairs_of(out))
    if arguments.plot:
        write_plot(results, GROWTH, arguments.plot)


def variants_of(net: str) -> list[str]:
    """What a net is let go on with."""
    return [name for name in VARIANTS if name in FEWER.get(net, VARIANTS)]


def do(todo: Sequence[tuple[str, int, str | None]], arguments: argparse.Namespace) -> None:
    """The runs that are missing: net, half and variant of each."""
    out, workers = arguments.out, arguments.workers
    table = save_alike(arguments.pairs, arguments.authentic, out / "pictures")
    singles = manipulated_singles(table)
    half_of = halves(singles)
    tested = [*singles, *authentic_singles(table, table.parent / "authentic.csv")]
    samples = out / "samples"
    prepare_pictures(arguments.images, samples, pictures=arguments.count, mix=MIX, seed=0, workers=workers, quiet=False)
    for half in HALVES:
        annotate(table, half_of, half, out, workers)
    nets = list(dict.fromkeys(net for net, *_ in todo))
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=start) as pool:
        steps = {net: arguments.start_steps or START_STEPS.get(net, 0) for net in nets}
        starts = {net: pool.submit(prepare_start, out, steps[net], net) for net in nets}
        work, begun = functools.partial(run, out, arguments.steps, tested, half_of), []
        for net in nets:  # the start of one is made while another goes on
            starts[net].result()
            begun += [pool.submit(work, *one) for one in todo if one[0] == net]
        for one in begun:
            one.result()


# ---------------------------------------------------------------- pictures, halves, masks


def save_alike(table: Path, more: Path | None, folder: Path) -> Path:
    """The table of pairs, and one of authentic pictures, in `folder`, with every picture saved with QUALITY."""
    made = folder / "pairs.csv"
    if made.exists():
        return made
    rows = [{name: row.get(name, "") for name in COLUMNS} for row in read_table(table, kinds=["SPG", "SDG"])]
    if not all(row["component"] for row in rows):
        raise SystemExit(f"{table} has pairs without a component; without it no half is free of the other.")
    group_of = {row["authentic"]: row["component"] for row in rows}
    if more:
        listed = pd.read_csv(more, dtype=str, keep_default_na=False).to_dict("records")
        group_of = {str(row["image"]): str(row["component"]) for row in listed} | group_of
    make_folder(folder / "images")
    for name in sorted({*group_of, *(row["manipulated"] for row in rows)}):
        rgb = decode((table.parent / name).read_bytes(), MOST_PIXELS).rgb
        write_bytes(folder / saved_name(name), encode_jpeg(rgb, QUALITY))
    for row in rows:
        row |= {side: saved_name(row[side]) for side in ("authentic", "manipulated")}
        row["mask"] = str((table.parent / row["mask"]).resolve())
    authentic = [{"image": saved_name(name), "component": group} for name, group in group_of.items()]
    write_bytes(folder / "authentic.csv", _csv(authentic))
    write_bytes(made, _csv(rows))
    return made


def saved_name(name: str) -> str:
    """Where the saved copy of a picture lies."""
    return f"images/{Path(name).stem}.jpg"


def halves(singles: Sequence[Single]) -> dict[str, int]:
    """The half of each component: from the largest on, each goes where fewer manipulated pictures are."""
    groups = [one.component for one in singles]
    half_of, sizes = dict[str, int](), [0, 0]
    for group in sorted(set(groups), key=lambda one: (-groups.count(one), one)):
        half = int(sizes[1] < sizes[0])
        half_of[group] = half
        sizes[half] += groups.count(group)
    return half_of


def annotate(table: Path, half_of: dict[str, int], half: int, out: Path, workers: int) -> None:
    """Masks of one half's pairs by `webiml annotate`, and a folder to learn from for every one of MASKS."""
    rows = [row for row in read_table(table, kinds=["SPG", "SDG"]) if half_of[row["component"]] == half]
    alone, dataset = table.parent / f"half-{half}.csv", out / f"dataset-{half}"
    seen = ("key", "authentic", "manipulated")  # no mask, no kind, no name of a truth
    write_bytes(alone, _csv([{name: row[name] for name in seen} for row in rows]))
    command = [sys.executable, "-m", "webiml", "annotate", str(alone), "--out", str(dataset), "--workers", str(workers)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"The pairs of half {half} could not be annotated: see above.")
    published = {row["key"]: Path(row["mask"]) for row in rows}
    looked = [row for row in read_rows(dataset) if row.kind in (Kind.SPG, Kind.SDG) and row.status != Status.FAILED]
    kept = [row for row in looked if row.status == Status.KEPT]
    for masks, chosen in (("kept", kept), ("all", looked), ("published", kept)):
        make = Annotated(dataset, {row.key: row for row in chosen}, published if masks == "published" else {})
        folder = learned_from(out, masks, half)
        prepare(make, sorted(make.rows), folder / "annotated" / "train", {"masks": masks}, workers, quiet=True)
        for origin in ORIGINS:
            if not (folder / origin).exists():
                (folder / origin).symlink_to((out / "samples" / origin).resolve())


def learned_from(out: Path, masks: str, half: int) -> Path:
    """The samples of a run: `annotated`, and links to those that all runs share."""
    return out / f"{masks}-{half}" if masks else out / "samples"


@dataclass(frozen=True)
class Annotated:
    """Makes the sample of one row, with its own mask or the published one; picklable."""

    dataset: Path
    rows: dict[str, Row]
    published: dict[str, Path]

    def __call__(self, key: str) -> Arrays | None:
        """As `webiml train --data` has it: `picture` (3, H, W) uint8; `mask` (H, W) uint8."""
        made = AnnotatedPicture({key: (self.dataset, self.rows[key])})(key)
        if made is None or not self.published:
            return made
        return {**made, "mask": read_mask(self.published[key]).astype(np.uint8) * 255}


def pairs_of(out: Path) -> dict[str, list[int]]:
    """How many pairs each of MASKS has, of each half."""
    return {
        masks: [len(list_samples(learned_from(out, masks, half) / "annotated" / "train")) for half in HALVES]
        for masks in MASKS
    }


# ---------------------------------------------------------------- learning and scoring


class Unvalidated(WebImlTask):
    """As `WebImlTask`; no checkpoint is chosen, the last weights count."""

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Nothing."""
        return {"score": 0.0}, None


def prepare_start(out: Path, steps: int, net: str) -> None:
    """The weights that every run of a net begins with: Web-IML's are those that ship, others learn forged pictures."""
    if net != "web-iml":
        settings = replace(START, steps=steps, warmup=min(START.warmup, steps // 5))
        learn(NETS[net], FORGED_START, settings, out / "samples", out / "starts" / net)


def start_of(out: Path, net: str) -> Path:
    """Where these weights lie; a name where they ship."""
    return Path("web-iml") if net == "web-iml" else out / "starts" / net / "best.safetensors"


def learn(
    make: Callable[[], nn.Module],
    mix: str,
    settings: TrainSettings,
    samples: Path,
    out: Path,
    start: Path | None = None,
    pairs: Sequence[str] | None = None,
) -> nn.Module:
    """A net after all steps, gone on with where an earlier call stopped; on the processor.

    Args: pairs: keys of the origin `annotated` that it may see; None for all.
    """
    task = Unvalidated(settings, samples, mix=mix, net=make, start=start)
    if pairs is not None:
        task.keys["annotated"] = list(pairs)
    make_folder(out)
    once = TrainRun(workers=1, device="cpu", validate_every=settings.steps, checkpoint_minutes=2, quiet=True)
    train(task, settings, out, once, about=facts_of(make, mix, pairs))
    net = make()
    load_tensors(out / "best.safetensors", net.state_dict())
    return net.eval()


def facts_of(make: Callable[[], nn.Module], mix: str, pairs: Sequence[str] | None) -> dict[str, Any]:
    """What a checkpoint says of itself; with the task, `webiml train --start` takes it."""
    facts: dict[str, Any] = {"task": "web-iml" if make is web_iml else "localizer", "mix": mix}
    return facts if pairs is None else facts | {"pairs": len(pairs)}


def run(
    out: Path, steps: int, tested: Sequence[Single], half_of: dict[str, int], net: str, half: int, name: str | None
) -> None:
    """Let one net go on with one half's pairs and score it on the other half.

    Args: name: of VARIANTS; None scores the start.
    """
    path = result_path(out, net, half, name)
    began, folder = time.monotonic(), out / "nets" / path.stem
    if name is None:
        learned = NETS[net]()
        load_start(start_of(out, net), learned.state_dict())
    else:
        variant = VARIANTS[name]
        samples = learned_from(out, variant.masks, half)
        pairs = share_of(samples, variant.share) if variant.masks else None
        settings = replace(FURTHER, steps=steps, warmup=min(FURTHER.warmup, steps // 5))
        learned = learn(NETS[net], variant.mix, settings, samples, folder, start_of(out, net), pairs)
    trained = time.monotonic() - began
    others = [one for one in tested if half_of.get(one.component) == 1 - half]
    result = {"net": net, "half": half, "variant": name, "machine": machine(), "seconds": round(trained, 1)}
    result["pictures"] = scored(learned.eval(), others)
    result["seconds_scored"] = round(time.monotonic() - began - trained, 1)
    write_bytes(path, json.dumps(result, allow_nan=False).encode())
    shutil.rmtree(folder, ignore_errors=True)  # what has learned from these pictures does not stay
    print(f"{path.stem}: {trained:.0f} s", flush=True)


def share_of(samples: Path, share: float) -> list[str]:
    """Keys of the first pairs by a draw that depends on the key alone, so that a smaller share lies in a larger one."""
    keys = sorted(list_samples(samples / "annotated" / "train"), key=lambda key: hashlib.sha256(key.encode()).digest())
    return sorted(keys[: max(1, round(share * len(keys)))])


def scored(net: nn.Module, singles: Sequence[Single]) -> list[dict[str, Any]]:
    """One look at every picture, uncalibrated: F1 at every level, AUC, and the share that is marked."""
    look = looking(Localizer(cast(Net, Answering(net)), {"onnx_sha256": ""}, "web supervision"), 1)
    rows = []
    for single in singles:
        seen = see(look, single, Change(), twice=False)
        f1 = None if seen.f1 is None else [round(float(value), 6) for value in seen.f1]
        about = {"key": single.key, "kind": single.kind, "component": single.component}
        rows.append(about | {"f1": f1, "auc": seen.auc, "flagged": float(seen.flagged[HALF])})
    return rows


def result_path(out: Path, net: str, half: int, name: str | None) -> Path:
    """The JSON of one run."""
    return out / f"{net}-{half}-{slug(name or 'start')}.json"


def refuse_other(path: Path, budget: dict[str, Any]) -> None:
    """Raises SystemExit where OUT was begun with another budget."""
    content = json.dumps(budget, sort_keys=True).encode()
    if path.exists() and path.read_bytes() != content:
        raise SystemExit(f"{path.parent} was begun with other settings; give another --out.")
    write_bytes(path, content)


def _csv(rows: Sequence[dict[str, str]]) -> bytes:
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n").encode()


if __name__ == "__main__":
    main()
