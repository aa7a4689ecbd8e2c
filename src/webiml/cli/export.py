"""`webiml export`: a trained network in, what ships out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from webiml.cli.train import refuse_without_torch
from webiml.errors import SettingError

if TYPE_CHECKING:
    from torch import nn

    from webiml.train.export import Interface


def export(
    checkpoint: Path,
    /,
    *,
    name: Literal["dass", "pair-classifier"],
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    data: Path | None = None,
    samples: Path | None = None,
    half: bool = True,
) -> int:
    """Make what ships of a trained network: NAME.onnx, its card, and the list of the pictures it learned from.

    The ONNX file is checked against torch on several sizes before anything is written.

    Example: `webiml export training/best.safetensors --name dass --out src/webiml/weights`

    Exit codes: 0 it is written, 1 ONNX and torch differ, or it is too large, 2 a wrong argument, 3 the output could not
    be written.

    Parameters
    ----------
    checkpoint
        best.safetensors of a training.
    name
        Which network it is.
    out
        Folder of the files; made when missing.
    data
        The training's table of pictures; data.parquet beside the checkpoint when not given.
    samples
        The training's prepared samples, on which the pair classifier is calibrated; `samples` beside the checkpoint
        when not given.
    half
        Store the weights as float16: half the bytes.
    """
    refuse_without_torch()
    from webiml.cli.terminal import say
    from webiml.train.checkpoint import read_facts
    from webiml.train.export import ship

    facts = read_facts(checkpoint)
    if facts.get("task") != name:
        raise SettingError(f"{checkpoint} is a checkpoint of {facts.get('task')}, not of {name}.")
    settings = facts.get("settings")
    preset = settings.get("preset") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or preset not in ("tiny", "small", "paper"):
        raise SettingError(f"{checkpoint} does not say of which preset it is.")
    beside = checkpoint.parent
    if name == "dass":
        (net, interface), calibrate = _dass(preset), None
        whole = net
    else:
        net, whole, interface, calibrate = _pair_classifier(settings, samples or beside / "samples")
    card = ship(
        checkpoint, name, net, interface, out, data=data or beside / "data.parquet", half=half, whole=whole,
        calibrate=calibrate,
    )  # fmt: skip
    say(
        f"{name} {preset}   {card['parameters']:,} parameters   {card['bytes']:,} bytes   "
        f"differs from torch by at most {card['largest_difference']:.1g}\nnext   look at {out / f'{name}.md'}"
    )
    return 0


def _dass(preset: str) -> tuple[nn.Module, Interface]:
    from webiml.evidence.dass_input import CHANNELS
    from webiml.nets.dass import build
    from webiml.train.export import Interface

    return build(preset, CHANNELS), Interface(
        inputs={"stack": ("batch", CHANNELS, "height", "width")},
        output="float32 (batch, 1, height, width), logits of P(pixel is manipulated)",
        about="Where was the authentic picture of a shared-probe pair edited? Denoises the difference of two pictures.",
        limits=(
            "It takes pairs that have been aligned (webiml.evidence.dass_input) and knows nothing of single pictures.",
            "It learned from forged pairs: an edit of a kind that they lack may be missed.",
            "Where the authentic picture does not cover the manipulated one (validity 0) it says nothing.",
        ),
    )


def _pair_classifier(
    settings: dict[str, Any], samples: Path
) -> tuple[nn.Module, nn.Module, Interface, Callable[[], dict[str, Any]]]:
    """(what learned, the whole network around it, its interface, what calibrates it)."""
    import torch

    from webiml.evidence.kind_input import GRID, SIDE
    from webiml.nets.pair_classifier import KINDS, PRESETS, MatchingPreset, PairClassifier, build
    from webiml.settings import TrainSettings
    from webiml.train.export import Interface
    from webiml.train.pair_classifier import PairClassifierTask, temperature

    whole = build(settings["preset"])
    learned = whole.reader if isinstance(whole, PairClassifier) else whole
    preset = PRESETS[settings["preset"]]
    inputs: dict[str, tuple[int | str, ...]]
    if isinstance(preset, MatchingPreset):
        inputs = {side: ("batch", 3, SIDE, SIDE) for side in ("authentic", "manipulated", "aligned")}
        inputs |= {"maps": ("batch", preset.maps, GRID, GRID)}
        inputs |= {"features": ("batch", preset.features), "framing": ("batch", preset.framing)}
    else:
        inputs = {side: ("batch", 3, preset.side, preset.side) for side in ("authentic", "manipulated")}

    def calibrate() -> dict[str, Any]:
        task = PairClassifierTask(TrainSettings(**settings), samples)
        with torch.no_grad():
            found, truth = task.outputs(learned.eval(), "val")
        warmth = temperature(found[:, : len(KINDS)], truth["kind"])
        learned.cool(warmth)
        return {"temperature": round(warmth, 4)}

    interface = Interface(
        inputs=inputs,
        output=f"float32 (batch, 9): logits of {', '.join(KINDS)} (calibrated); the logit of `both pictures have one "
        "framing`; the manipulated frame in the authentic one, x0, y0, x1, y1 in units of its size",
        about="What have two pictures in common: the scene, an object, or nothing?",
        limits=(
            "It takes what webiml.evidence.kind_input makes of a pair, not files.",
            "It learned from forged pairs; its confidence is calibrated on forged pairs of other pictures.",
            "A shared object that is small, smooth or strongly distorted may be missed.",
        ),
    )
    return learned, whole, interface, calibrate
