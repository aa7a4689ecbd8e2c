"""A trained network as it ships: an ONNX file that is checked against torch, its card, and what it learned from."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from webiml.errors import SettingError, WebimlError
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.agreement import ROUNDING_TOLERANCE, TOLERANCE, differences, examples, onnx_run
from webiml.train.checkpoint import load_mean, read_facts, read_notes
from webiml.train.data_table import data_digest, licenses, read_data_table, refuse_other_licenses
from webiml.train.onnx_graph import fold_padding, halve
from webiml.train.start import save_start

OPSET = 17


@dataclass(frozen=True)
class Interface:
    """What a network takes and gives.

    Attributes:
        inputs: name of each input to its shape; a word is a size that may vary: `batch`, `height`, `width`,
            `rows` and `columns` (places of eight pixels in a picture whose sides are rounded up to multiples of 16).
        output: what comes out, for the card: shape, range, meaning.
        about: one sentence, for the card. limits: what it is not good for, a sentence each.
        outputs: name of each output to its shape, in order; empty where there is one, which is then called `output`.
        uint8: names of the inputs that are uint8; all others are float32.
        facts: further entries of the card.
    """

    inputs: Mapping[str, tuple[int | str, ...]]
    output: str
    about: str
    limits: Sequence[str] = ()
    outputs: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    uint8: Collection[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shipped:
    """What is exported: `whole`, of which `learned` is the part whose weights the checkpoint holds (or all of it).

    `calibrate` is called when they are loaded and may change them; what it returns goes into the card.
    """

    interface: Interface
    learned: nn.Module
    whole: nn.Module
    calibrate: Callable[[], dict[str, Any]] | None = None


def export_onnx(net: nn.Module, interface: Interface, path: Path, *, half: bool = False) -> dict[str, Any]:
    """Write `net` as ONNX, equal to torch on several sizes, odd ones among them, or not at all.

    Args:
        half: then store the weights as float16 and still compute in float32: half the bytes.
    Returns:
        onnx_sha256, bytes, stored (float32 or float16), largest_difference (absolute, over all checks, with float32
        weights), rounding (the same with the weights as they are stored).
    Raises:
        WebimlError: ONNX and torch differ by more than TOLERANCE, or ROUNDING_TOLERANCE with rounded weights.
        OutputError: it cannot be written.
    """
    net = net.eval()
    given, names = examples(interface), list(interface.outputs or ["output"])
    model = _traced(net, interface, given[0])
    exact = differences(net, onnx_run(_serialized(model)), given, names)
    for one in exact:
        if not one.within(TOLERANCE):
            raise WebimlError(
                f"The exported network differs from torch by {one.largest:.2g}, {_called(one.name)} {one.scale:.2g}; "
                "it cannot be shipped like this."
            )
    if half:
        halve(model)
    content = _serialized(model)
    rounded = differences(net, onnx_run(content), given, names) if half else exact
    for one in rounded:
        if not one.within(ROUNDING_TOLERANCE):
            raise WebimlError(
                f"Weights rounded to float16 change the outputs by {one.largest:.2g}, of up to {one.scale:.2g}; "
                "export the network with --no-half."
            )
    write_bytes(path, content)
    return {
        "onnx_sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "stored": "float16" if half else "float32",
        "largest_difference": max(one.largest for one in exact),
        "rounding": max(one.largest for one in rounded),
    }


def ship(
    checkpoint: Path,
    name: str,
    shipped: Shipped,
    out: Path,
    *,
    data: Path,
    half: bool = False,
    others: Sequence[Path] = (),
    format: Literal["onnx", "openvino"] = "onnx",
) -> dict[str, Any]:
    """Write OUT/<name>.onnx, .json (card), .md (the same for people) and .data.parquet from a checkpoint; the card.

    Of a localizer also OUT/<name>.safetensors, its weights for trainings that go on from it.

    Args:
        shipped: the network of the checkpoint's preset; its weights are overwritten.
        data: the training's data.parquet; must be what the checkpoints say they learned from.
        others: further checkpoints of the same network, which began at the same weights: the mean of all is exported.
        format: with openvino also OUT/<name>.xml and .bin.
    Raises:
        SettingError: checkpoint, data and network do not belong together, or a licence does not let weights ship.
        WebimlError, OutputError: as `export_onnx`.
    """
    facts, notes = read_facts(checkpoint), read_notes(checkpoint)
    table = read_data_table(data)
    for path, known in [(checkpoint, facts), *((other, read_facts(other)) for other in others)]:
        if known.get("task") != facts.get("task"):
            raise SettingError(f"{path} is a checkpoint of {known.get('task')}, not of {facts.get('task')}.")
        if known.get("data", data_digest(table)) != data_digest(table):
            raise SettingError(f"{data} does not list the pictures that {path} learned from; give its own with --data.")
    refuse_other_licenses(table)
    interface, whole = shipped.interface, shipped.whole
    load_mean([checkpoint, *others], shipped.learned.state_dict())
    make_folder(out)
    calibrated = shipped.calibrate() if shipped.calibrate else {}
    exported = export_onnx(whole, interface, out / f"{name}.onnx", half=half)
    if format == "openvino":
        from webiml.train.openvino import export_openvino

        exported["openvino"] = export_openvino(whole, interface, out / f"{name}.onnx", half=half)
    if interface.facts.get("kind") == "localizer":
        exported["start_sha256"] = save_start(out / f"{name}.safetensors", shipped.learned.state_dict(), facts)
    card = {
        "name": name,
        "about": interface.about,
        "inputs": {key: list(shape) for key, shape in interface.inputs.items()},
        "output": interface.output,
        **({"outputs": {key: list(shape) for key, shape in interface.outputs.items()}} if interface.outputs else {}),
        **({"uint8": sorted(interface.uint8)} if interface.uint8 else {}),
        **interface.facts,
        "limits": list(interface.limits),
        "parameters": sum(parameter.numel() for parameter in whole.parameters()),
        "pictures": table.num_rows,
        "licenses": licenses(table),
        "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        **({"averaged_with": [_averaged(other) for other in others]} if others else {}),
        "data": data_digest(table),
        **{
            key: facts[key]
            for key in ("task", "net", "backbone", "settings", "settings_hash", "step", "scores", "start", "rendered")
            if key in facts
        },
        **{key: notes[key] for key in ("seconds", "hardware", "commit", "webiml", "torch") if key in notes},
        **calibrated,
        **exported,
    }
    write_bytes(out / f"{name}.data.parquet", data.read_bytes())
    write_bytes(out / f"{name}.md", card_text(card).encode())
    write_bytes(out / f"{name}.json", (json.dumps(card, indent=2, sort_keys=True) + "\n").encode())
    return card


def _averaged(checkpoint: Path) -> dict[str, Any]:
    facts, digest = read_facts(checkpoint), hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return {"sha256": digest, "settings": facts.get("settings"), "step": facts.get("step"), "start": facts.get("start")}


def card_text(card: Mapping[str, Any]) -> str:
    """A card as Markdown."""
    settings = card.get("settings", {})
    inputs = "\n".join(
        f"- `{name}` {'uint8' if name in card.get('uint8', ()) else 'float32'} ({', '.join(map(str, shape))})"
        for name, shape in card["inputs"].items()
    )
    unit = "probabilities" if card.get("kind") == "localizer" else "logits"
    kinds = "\n".join(f"| {name} | {count} |" for name, count in card["licenses"].items())
    scores = ", ".join(f"{name} {value:.4f}" for name, value in card.get("scores", {}).items()) or "none"
    seconds = f"{card['seconds']:,.0f} seconds" if "seconds" in card else "an unknown time"
    made = (
        f"Preset `{settings.get('preset', '?')}`, {card['parameters']:,} parameters, {card['bytes']:,} bytes, "
        f"stored as {card['stored']}.\n"
        f"Trained for {card.get('step', 0):,} steps of {settings.get('batch', '?')} samples, {seconds}, "
        f"{card.get('hardware', 'unknown hardware')},\nseed {settings.get('seed', '?')}, "
        f"webiml {card.get('webiml', '?')} at commit {card.get('commit') or 'unknown'}."
    )
    limits = "\n".join(f"- {sentence}" for sentence in card["limits"]) or "- Not examined."
    others = _openvino_line(card) + _start_line(card)
    return f"""# {card["name"]}

{card["about"]}

Inputs:

{inputs}

Output: {card["output"]}

{made}

Scores of the training's own validation ({_validated_on(card)}, averaged weights): {scores}.

## Limits

{limits}

## Data

{card["pictures"]:,} pictures, each a row of `{card["name"]}.data.parquet`
(key, source, license, author, sha256, phash).{_rendered_line(card)}

| licence | pictures |
|---|---|
{kinds}

## Files

- `{card["name"]}.onnx` SHA-256 `{card["onnx_sha256"]}`, differs from torch by at most {card["largest_difference"]:.1g},
  with weights stored as {card["stored"]} by at most {card["rounding"]:.1g} ({unit}){others}
- checkpoint SHA-256 `{card["checkpoint_sha256"]}`{_averaged_lines(card)}
"""


def _validated_on(card: Mapping[str, Any]) -> str:
    pages = ["rendered pages of typefaces and layouts held out"] if card.get("rendered") else []
    return " and ".join(["pictures of the packs' val split"] * (not pages or card["pictures"] > 0) + pages)


def _rendered_line(card: Mapping[str, Any]) -> str:
    rendered = card.get("rendered")
    if not rendered:
        return ""
    counts = ", ".join(
        f"{count:,} {'forged' if origin == 'document' else 'untouched'}" for origin, count in rendered.items()
    )
    return f"\nAnd {sum(rendered.values()):,} pages that were rendered for it ({counts}); they show no picture."


def _averaged_lines(card: Mapping[str, Any]) -> str:
    return "".join(
        f"\n- the mean with checkpoint SHA-256 `{one['sha256']}`, step {one['step']}"
        for one in card.get("averaged_with", ())
    )


def _start_line(card: Mapping[str, Any]) -> str:
    if "start_sha256" not in card:
        return ""
    return (
        f"\n- `{card['name']}.safetensors` SHA-256 `{card['start_sha256']}`: the same weights before calibration, "
        "those of two and\n  more dimensions as float16, for `webiml train --start`"
    )


def _openvino_line(card: Mapping[str, Any]) -> str:
    if "openvino" not in card:
        return ""
    made = card["openvino"]
    return (
        f"\n- `{card['name']}.xml` SHA-256 `{made['xml_sha256']}`, `{card['name']}.bin` SHA-256 `{made['bin_sha256']}`,"
        f"\n  the same for OpenVINO, made and checked with {made['version']}, differs from the file above by at most "
        f"{made['largest_difference']:.1g}"
    )


def _traced(net: nn.Module, interface: Interface, example: Mapping[str, np.ndarray]) -> Any:
    """The ONNX model of what `net` does with an example, at any size."""
    import onnx

    shapes = {**interface.inputs, **(interface.outputs or {"output": ("batch",)})}
    with TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of traced Python values, which the odd sizes would bring to light
        torch.onnx.export(
            net,
            tuple(map(torch.from_numpy, example.values())),
            str(Path(folder, "net.onnx")),
            input_names=list(interface.inputs),
            output_names=list(interface.outputs or ["output"]),
            dynamic_axes={
                name: {axis: size for axis, size in enumerate(shape) if isinstance(size, str)}
                for name, shape in shapes.items()
            },
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(Path(folder, "net.onnx"))
    for node in model.graph.node:
        node.doc_string = ""  # it holds paths of this machine
    fold_padding(model)
    return model


def _called(name: str) -> str:
    return "outputs reach" if name == "output" else f"{name} reaches"


def _serialized(model: Any) -> bytes:
    import onnx

    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
