"""`webiml train`: ordinary pictures in, a trained network out."""

from __future__ import annotations

import functools
import importlib.util
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from webiml.errors import SettingError
from webiml.nets import dinov2, weights
from webiml.settings import SampleSettings, TrainRun, TrainSettings

if TYPE_CHECKING:
    import numpy as np

    from webiml.train.loop import Outcome, Task

_RESULT = Group("What decides the result", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_SETTINGS, _SAMPLES, _DEFAULT_RUN = TrainSettings(), SampleSettings(), TrainRun()
_TRIED_PAIRS, _TRIED_STEPS = 3, 3  # of a dry run
LOCALIZERS = ("web-iml", "localizer")  # what learns from single pictures


def train(
    network: Literal["dass", "corr-dino", "pair-classifier", "trunk", "web-iml", "localizer"],
    /,
    *,
    images: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative="")] = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    data: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative="")] = None,
    start: Path | None = None,
    samples: Path | None = None,
    config: Path | None = None,
    settings: Annotated[TrainSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    source: Annotated[SampleSettings, Parameter(name="*", group=_RESULT)] = _SAMPLES,
    run: Annotated[TrainRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Train a network on pairs or pictures that are forged from ordinary pictures, or on pages that are rendered.

    NETWORK is, for pairs, `dass` (where was the authentic picture edited?), `corr-dino` (where does the manipulated
    picture show an object of the authentic one?), `pair-classifier` (what have both in common?) or `trunk` (which
    places of two pictures show the same? What Corr-DINO sees with; trained before it); for single pictures `web-iml`
    (where was it manipulated?) or `localizer` (the same by a network of your own, see --net).

    First the pairs or pictures are forged, each once; then the network learns from them. The same command resumes after
    any interruption, also after a kill, and ends with the same weights.

    Examples:

    - `webiml train dass --images pictures --out training`
    - `webiml train dass --images pack pack2 --out training --config recipes/dass-tiny.yaml`
    - `webiml train dass --images pictures --out training --dry-run`
    - `webiml train web-iml --images pictures --data dataset --mix forged=1,annotated=1,authentic=0.5 --out training`
    - `webiml train web-iml --start web-iml --mix document=0.8,page=0.2 --pictures 2000 --lr 3e-4 --out training`
    - `webiml train localizer --net my_package.my_net:build --images pictures --out training`
    - `torchrun --nproc-per-node 2 -m webiml train dass --images pictures --out training`

    Exit codes: 0 the training has ended or reached --minutes, 1 the loss is not finite, 2 a wrong setting,
    3 the output could not be written, 130 interrupted after a checkpoint.

    Parameters
    ----------
    network
        What is trained.
    images
        Folders of ordinary pictures, or packs; of packs the pictures whose may_ship_weights is true. Not needed where
        --mix asks for none of them.
    out
        Folder of the training; made when missing, continued when it is there.
    data
        Datasets of `webiml annotate`, folders or shards, whose kept rows a localizer learns from; see --mix.
    start
        best.safetensors of another training of the same localizer, or `web-iml` for the one that ships: whose weights
        come first, to go on with other data.
    samples
        Folder of the prepared samples, which several trainings may share; OUT/samples when not given.
    config
        YAML file of the settings below, such as `steps: 5000`; flags win over it.
    """
    refuse_without_torch()
    from webiml.cli.terminal import say
    from webiml.forge.pictures import list_pictures
    from webiml.store.atomic import make_folder
    from webiml.train import documents
    from webiml.train.data_table import data_digest, read_data_table, write_data_table
    from webiml.train.distributed import process_group
    from webiml.train.loop import train as learn
    from webiml.train.samples import list_samples, settings_digest
    from webiml.train.start import start_digest, start_pictures
    from webiml.train.web_iml import shares_of

    images, data = images or [], data or []
    _refuse_unfit(network, settings, source, images, data, start)
    pictures = list_pictures(images, split="train", only_shippable=True) if images else []
    if run.dry_run:
        planned = _plan(network, images, len(pictures), settings, source, run)
        say(json.dumps(planned, indent=2) if run.json else _plan_text(planned))
        return 0

    folder = samples or out / "samples"
    with process_group("cpu") as place:  # of several processes the first makes the samples
        if place.rank == 0:
            make_folder(out)
            write_data_table(pictures, out / "data.parquet", start_pictures(start) if start else None)
            _prepare(network, images, folder, settings, source, run, data)
        place.wait()
    about: dict[str, Any] = {"task": network, "data": data_digest(read_data_table(out / "data.parquet"))}
    if network in LOCALIZERS:
        about |= {"pictures": source.pictures, "mix": source.mix}
        about |= {"net": source.net} if source.net else {}
        about |= {"start": start_digest(start)} if start else {}
        about |= {"annotated": settings_digest(folder / "annotated" / "train")} if data else {}
        rendered = {
            one: len(list_samples(folder / one / "train")) for one in documents.ORIGINS if one in shares_of(source.mix)
        }
        about |= {"rendered": rendered} if rendered else {}
    else:
        about["pairs"] = source.pairs
    if network == "corr-dino":
        about["backbone"] = source.backbone
    result = learn(_task(network, settings, folder, source, start), settings, out, run, about)
    if place.rank == 0 and (run.json or not run.quiet):
        said = _as_json(result, settings, out) if run.json else _as_text(network, result, settings, out, source.net)
        say(said)
    return 0


def refuse_without_torch() -> None:
    """Raises SettingError where the packages of the extra `train` are not installed."""
    for package in ("torch", "safetensors", "tensorboard", "onnx"):
        if importlib.util.find_spec(package) is None:
            raise SettingError(f"This needs {package}, which is not installed: pip install 'webiml[train]'")


def _refuse_unfit(
    network: str,
    settings: TrainSettings,
    source: SampleSettings,
    images: Sequence[Path],
    data: Sequence[Path],
    start: Path | None,
) -> None:
    """Raises SettingError where a setting belongs to another network, or what it names is not on this machine."""
    if (network == "localizer") != bool(source.net):
        raise SettingError("--net names the network of `webiml train localizer`: give both, or neither.")
    if network in LOCALIZERS:
        from webiml.train import documents
        from webiml.train.networks import load_factory
        from webiml.train.start import refuse_start
        from webiml.train.web_iml import PHOTOGRAPHED, shares_of

        shares = shares_of(source.mix)
        if ("annotated" in shares) != bool(data):
            raise SettingError("--data gives annotated pictures and --mix a share of them: give both, or neither.")
        if any(origin in shares for origin in PHOTOGRAPHED) != bool(images):
            raise SettingError(
                f"--images gives what {', '.join(PHOTOGRAPHED)} pictures are made of, and --mix a share of them: give "
                "both, or neither."
            )
        if any(origin in shares for origin in documents.ORIGINS):
            documents.refuse_without_typefaces()
        if source.net:
            load_factory(source.net)
        if start:
            refuse_start(start, network, settings.preset)
    elif data or start:
        flag = "--data" if data else "--start"
        raise SettingError(f"{flag} is for localizers ({', '.join(LOCALIZERS)}); {network} learns from forged pairs.")
    elif not images:
        raise SettingError(
            f"{network} learns from pairs that are forged of ordinary pictures; give them with --images."
        )
    if source.backbone == weights.SHIPPED_BACKBONE:
        return
    if network != "corr-dino":
        raise SettingError(f"--backbone is for corr-dino alone; {network} is trained without it.")
    dinov2.fetch(source.backbone)


def _prepare(
    network: str,
    images: Sequence[Path],
    folder: Path,
    settings: TrainSettings,
    source: SampleSettings,
    run: TrainRun,
    data: Sequence[Path],
) -> None:
    from webiml.runners.cores import usable_cores

    workers = run.workers or usable_cores()
    if network in LOCALIZERS:
        from webiml.train.web_iml import prepare_pictures

        prepare_pictures(
            images, folder, pictures=source.pictures, mix=source.mix, seed=settings.seed, workers=workers,
            quiet=run.quiet, data=data,
        )  # fmt: skip
        return
    if network == "dass":
        from webiml.train.dass import prepare_stacks

        prepare_stacks(images, folder, pairs=source.pairs, seed=settings.seed, workers=workers, quiet=run.quiet)
    elif network == "corr-dino":
        from webiml.train.corr_dino import prepare_matches

        prepare_matches(
            images, folder, pairs=source.pairs, seed=settings.seed, workers=workers, quiet=run.quiet,
            backbone=source.backbone,
        )  # fmt: skip
    elif network == "trunk":
        from webiml.train.trunk import prepare_points

        prepare_points(images, folder, pairs=source.pairs, seed=settings.seed, workers=workers, quiet=run.quiet)
    else:
        from webiml.train.pair_classifier import prepare_looks

        prepare_looks(
            images, folder, preset=settings.preset, pairs=source.pairs, seed=settings.seed, workers=workers,
            quiet=run.quiet,
        )  # fmt: skip


def _task(
    network: str, settings: TrainSettings, folder: Path, source: SampleSettings, start: Path | None = None
) -> Task:
    if network in LOCALIZERS:
        from webiml.train.networks import load_factory
        from webiml.train.web_iml import WebImlTask

        net = load_factory(source.net) if source.net else None
        return WebImlTask(settings, folder, mix=source.mix, net=net, start=start)
    if network == "dass":
        from webiml.train.dass import DassTask

        return DassTask(settings, folder)
    if network == "corr-dino":
        from webiml.train.corr_dino import CorrDinoTask

        return CorrDinoTask(settings, folder)
    if network == "trunk":
        from webiml.train.trunk import TrunkTask

        return TrunkTask(settings, folder)
    from webiml.train.pair_classifier import PairClassifierTask

    return PairClassifierTask(settings, folder)


# ---------------------------------------------------------------- dry run


def _plan(
    network: str, images: Sequence[Path], pictures: int, settings: TrainSettings, source: SampleSettings, run: TrainRun
) -> dict[str, Any]:
    """What the training would cost, from a few pairs and steps that are made now and thrown away."""
    from webiml.runners.cores import usable_cores
    from webiml.train.loop import train as learn

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pair_seconds = _try_pairs(network, images, folder, settings, source)
        task = _task(network, settings, folder, source)
        few = replace(settings, steps=_TRIED_STEPS + 1, warmup=0)
        result = learn(_Unvalidated(task), few, folder / "out", replace(run, minutes=0, quiet=True))
    workers = run.workers or usable_cores()
    made = source.pictures if network in LOCALIZERS else source.pairs
    step_seconds = sorted(result.step_seconds[1:])[_TRIED_STEPS // 2]  # the first also warms up
    return {
        "network": network,
        "preset": settings.preset,
        "parameters": sum(parameter.numel() for parameter in task.net.parameters()),
        "pictures": pictures,
        "pairs": made,
        "seconds_a_pair": round(pair_seconds, 3),
        "workers": workers,
        "steps": settings.steps,
        "batch": settings.batch,
        "seconds_a_step": round(step_seconds, 3),
        "seconds": round(made * pair_seconds / workers + settings.steps * step_seconds),
    }


def _try_pairs(
    network: str, images: Sequence[Path], folder: Path, settings: TrainSettings, source: SampleSettings
) -> float:
    """Make a few pairs or pictures for both splits of a task; seconds each."""
    from webiml.runners.cores import one_thread
    from webiml.train.samples import prepare

    one_thread()
    keys = [f"train-{i:05d}" for i in range(_TRIED_PAIRS)]
    if network in LOCALIZERS:
        return _try_pictures(images, folder, settings, source.mix, keys)
    if network == "dass":
        from webiml.train.dass import ForgedStack as Maker
    elif network == "corr-dino":
        from webiml.train.corr_dino import ForgedMatch

        Maker = functools.partial(ForgedMatch, backbone=source.backbone)
    elif network == "trunk":
        from webiml.train.trunk import ForgedPoints as Maker
    else:
        from webiml.train.pair_classifier import ForgedInput as Maker
    make = Maker(tuple(images), "train", settings.seed)
    make(keys[0])  # opens the pictures and loads what is needed
    clock = time.monotonic()
    for key in keys:
        make(key)
    seconds = (time.monotonic() - clock) / len(keys)
    for split in ("train", "val"):
        made = prepare(make, keys, folder / split, {}, quiet=True)
        if network == "pair-classifier":
            from webiml.train.pair_classifier import Look

            prepare(Look(folder / split, settings.preset), made, folder / f"{split}-looks", {}, quiet=True)
    return seconds


def _try_pictures(
    images: Sequence[Path], folder: Path, settings: TrainSettings, mix: str, keys: Sequence[str]
) -> float:
    """As `_try_pairs`; forged pictures stand for those of every origin but pages, for which forged pages do."""
    from webiml.train import documents
    from webiml.train.samples import prepare
    from webiml.train.web_iml import ForgedPicture, shares_of

    shares = shares_of(mix)
    pages = sum(share for origin, share in shares.items() if origin in documents.ORIGINS)
    picture, page = ForgedPicture(tuple(images), "train", settings.seed), documents.TrainingPage("train", settings.seed)
    seconds = 0.0
    for make, share in ((picture, 1 - pages), (page, pages)):
        if share < 1e-9 or (make is picture and not images):  # annotated pictures alone cost nothing to make
            continue
        make(keys[0])
        clock = time.monotonic()
        for key in keys:
            make(key)
        seconds += share * (time.monotonic() - clock) / len(keys)
    for origin in shares:
        for split in ("train", "val"):
            make = picture if images and origin not in documents.ORIGINS else page
            prepare(make, keys, folder / origin / split, {}, quiet=True)
    return seconds


class _Unvalidated:
    """A task whose validation costs nothing."""

    def __init__(self, task: Task) -> None:
        self.task, self.net = task, task.net

    def sample(self, index: int) -> dict[str, np.ndarray]:
        return self.task.sample(index)

    def loss(self, net: Any, batch: dict[str, Any]) -> dict[str, Any]:
        return self.task.loss(net, batch)

    def validate(self, net: Any) -> tuple[dict[str, float], np.ndarray | None]:
        return {"score": 0.0}, None


def _plan_text(plan: dict[str, Any]) -> str:
    making = plan["pairs"] * plan["seconds_a_pair"] / plan["workers"]
    learning = plan["steps"] * plan["seconds_a_step"]
    return "\n".join(
        [
            f"{plan['network']} {plan['preset']}   {plan['parameters']:,} parameters   {plan['pictures']:,} pictures",
            f"pairs   {plan['pairs']:,} of {plan['seconds_a_pair']:.2f} s each, {plan['workers']} at a time: "
            f"about {_clock(making)}",
            f"steps   {plan['steps']:,} of {plan['batch']} samples, {plan['seconds_a_step']:.2f} s each: "
            f"about {_clock(learning)}",
            f"total   about {_clock(plan['seconds'])}, validation not counted; nothing was written",
        ]
    )


# ---------------------------------------------------------------- what it says in the end


def _as_json(result: Outcome, settings: TrainSettings, out: Path) -> str:
    return json.dumps(
        {
            "step": result.step,
            "steps": settings.steps,
            "stopped": result.stopped or None,
            "best": result.best,
            "seconds": round(result.seconds, 1),
            "checkpoint": str(out / "best.safetensors"),
        },
        indent=2,
    )


def _as_text(network: str, result: Outcome, settings: TrainSettings, out: Path, net: str) -> str:
    best = "   ".join(f"{name} {value:,.4g}" for name, value in result.best.items()) or "not validated yet"
    if result.stopped:
        following = "the same command goes on"
    else:
        own = f"--net {net} --name NAME" if net else f"--name {network}"
        following = f"webiml export {out / 'best.safetensors'} {own} --out DIR"
    return (
        f"{network} {settings.preset}   step {result.step:,} of {settings.steps:,}   {_clock(result.seconds)}\n"
        f"best   {best}\nnext   {following}"
    )


def _clock(seconds: float) -> str:
    left = round(seconds)
    return f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
