"""`webiml export`: a trained network in, what ships out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from webiml.cli.train import refuse_without_torch
from webiml.errors import SettingError
from webiml.pairs.keys import safe_key

if TYPE_CHECKING:
    from webiml.train.export import Shipped

NETWORKS = ("dass", "corr-dino", "pair-classifier", "trunk", "web-iml", "document")
TASKS = {"document": "web-iml"}  # what it was trained as, where that is not its name


def export(
    checkpoint: Path,
    /,
    *others: Path,
    name: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    net: str = "",
    format: Literal["onnx", "openvino"] = "onnx",
    data: Path | None = None,
    samples: Path | None = None,
    half: bool = True,
) -> int:
    """Make what ships of a trained network: an ONNX file, its card, and the list of the pictures it learned from.

    Of a localizer also its weights, for trainings that go on from them (--start).

    The ONNX file is checked against torch on several sizes before anything is written.

    Examples:

    - `webiml export training/best.safetensors --name dass --out src/webiml/weights`
    - `webiml export training/best.safetensors --name web-iml --format openvino --out weights`
    - `webiml export one/best.safetensors two/best.safetensors --name web-iml --out weights`
    - `webiml export training/best.safetensors --net my_module:factory --name my-localizer --out weights`

    Exit codes: 0 it is written, 1 ONNX and torch differ, 2 a wrong argument, 3 the output could not be written.

    Parameters
    ----------
    checkpoint
        best.safetensors of a training.
    others
        Those of further trainings of the same network that began at the same weights, with --start or as the one that
        the others began at: the mean of all is exported.
    name
        Which network it is: dass, corr-dino, pair-classifier, trunk, web-iml, or document (a web-iml that learned from
        pages); with --net any name for the files, of letters, digits, dashes and underscores.
    net
        The function that makes a localizer of your own, as package.module:factory; as in its training.
    format
        openvino writes the same network for OpenVINO as well, NAME.xml and NAME.bin.
    data
        The training's table of pictures; data.parquet beside the checkpoint when not given.
    samples
        The training's prepared samples, on which the pair classifier and localizers are calibrated; `samples` beside
        the checkpoint when not given.
    half
        Store the weights as float16: half the bytes.
    """
    refuse_without_torch()
    _refuse_name(name, net)
    from webiml.cli.terminal import say
    from webiml.train.checkpoint import read_facts
    from webiml.train.export import ship

    if format == "openvino":
        from webiml.train.openvino import refuse_without_openvino

        refuse_without_openvino()
    facts, folder = read_facts(checkpoint), samples or checkpoint.parent / "samples"
    shipped = _own(checkpoint, facts, net, folder) if net else _known(checkpoint, facts, name, folder)
    file = name.replace("-", "_")  # as the modules are named
    data = data or checkpoint.parent / "data.parquet"
    card = ship(checkpoint, file, shipped, out, data=data, half=half, others=others, format=format)
    say(
        f"{name} {net or facts['settings']['preset']}   {card['parameters']:,} parameters   {card['bytes']:,} bytes   "
        f"differs from torch by at most {card['largest_difference']:.1g}\nnext   look at {out / f'{file}.md'}"
    )
    return 0


def _refuse_name(name: str, net: str) -> None:
    if not net and name not in NETWORKS:
        raise SettingError(
            f"--name must be one of {', '.join(NETWORKS)}, got {name!r}; a localizer of your own also needs "
            "--net package.module:factory."
        )
    if net and name.replace("_", "-") in NETWORKS:
        raise SettingError(f"--name {name} is that of a network of webiml; give the one of --net a name of its own.")
    if net and safe_key(name) != name:
        raise SettingError(f"--name {name!r} is no safe name for files; take letters, digits, dashes and underscores.")


def _known(checkpoint: Path, facts: dict[str, Any], name: str, samples: Path) -> Shipped:
    from webiml.train.shipped import as_shipped

    if facts.get("task") != TASKS.get(name, name):
        raise SettingError(f"{checkpoint} is a checkpoint of {_said(facts)}, not of {TASKS.get(name, name)}.")
    if name == "document" and not facts.get("rendered"):
        raise SettingError(f"{checkpoint} has learned from no pages (--mix document=...); export it as web-iml.")
    settings = facts.get("settings")
    if not isinstance(settings, dict) or settings.get("preset") not in ("tiny", "small", "paper"):
        raise SettingError(f"{checkpoint} does not say of which preset it is.")
    return as_shipped(name, settings, samples)


def _own(checkpoint: Path, facts: dict[str, Any], net: str, samples: Path) -> Shipped:
    from webiml.train.shipped import own_localizer

    if facts.get("task") != "localizer" or facts.get("net", net) != net:
        raise SettingError(f"{checkpoint} is a checkpoint of {_said(facts)}, not of a localizer made by {net}.")
    return own_localizer(net, samples)


def _said(facts: dict[str, Any]) -> str:
    made = f" made by {facts['net']}" if "net" in facts else ""
    return f"{facts.get('task')}{made}"
