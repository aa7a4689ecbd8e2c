"""`webiml export`: a trained network in, what ships out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from webiml.cli.train import refuse_without_torch
from webiml.errors import SettingError


def export(
    checkpoint: Path,
    /,
    *,
    name: Literal["dass", "corr-dino", "pair-classifier", "trunk"],
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    data: Path | None = None,
    samples: Path | None = None,
    half: bool = True,
) -> int:
    """Make what ships of a trained network: an ONNX file, its card, and the list of the pictures it learned from.

    The ONNX file is checked against torch on several sizes before anything is written.

    Example: `webiml export training/best.safetensors --name dass --out src/webiml/weights`

    Exit codes: 0 it is written, 1 ONNX and torch differ, 2 a wrong argument, 3 the output could not be written.

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
    from webiml.train.shipped import as_shipped

    facts = read_facts(checkpoint)
    if facts.get("task") != name:
        raise SettingError(f"{checkpoint} is a checkpoint of {facts.get('task')}, not of {name}.")
    settings = facts.get("settings")
    preset = settings.get("preset") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or preset not in ("tiny", "small", "paper"):
        raise SettingError(f"{checkpoint} does not say of which preset it is.")
    shipped = as_shipped(name, settings, samples or checkpoint.parent / "samples")
    file = name.replace("-", "_")  # as the modules are named
    card = ship(checkpoint, file, shipped, out, data=data or checkpoint.parent / "data.parquet", half=half)
    say(
        f"{name} {preset}   {card['parameters']:,} parameters   {card['bytes']:,} bytes   "
        f"differs from torch by at most {card['largest_difference']:.1g}\nnext   look at {out / f'{file}.md'}"
    )
    return 0
