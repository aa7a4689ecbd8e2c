"""The exported network once more, for OpenVINO: <name>.xml and <name>.bin beside <name>.onnx, checked like it.

Needs the extra `openvino`. That package tells its makers about every import; here it cannot: see `quiet_openvino`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from webiml.errors import SettingError, WebimlError
from webiml.store.atomic import write_bytes
from webiml.train.agreement import ROUNDING_TOLERANCE, TOLERANCE, Arrays, Run, differences, examples, onnx_run

if TYPE_CHECKING:
    from webiml.train.export import Interface

_TELEMETRY = "openvino_telemetry"


def refuse_without_openvino() -> None:
    """Raises SettingError where the package of the extra `openvino` is not installed."""
    if importlib.util.find_spec("openvino") is None:
        raise SettingError("--format openvino needs openvino, which is not installed: pip install 'webiml[openvino]'")


def quiet_openvino() -> Any:
    """The module `openvino`, imported without its telemetry, which sends a message at import and keeps an id in HOME.

    Where that package cannot be imported, openvino takes a stand-in of its own that does nothing. What a program has
    imported before is left as it is.
    """
    before = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # None: an import of it fails
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[_TELEMETRY]
        if before is not None:
            sys.modules[_TELEMETRY] = before


def export_openvino(net: nn.Module, interface: Interface, onnx: Path, *, half: bool = False) -> dict[str, Any]:
    """Write <name>.xml and <name>.bin beside the <name>.onnx of `net`, with the same weights, or nothing.

    Args:
        half: the weights of `onnx` are rounded to float16.
    Returns:
        version (of openvino), xml_sha256, bin_sha256, bytes (of both), largest_difference (from onnxruntime, absolute).
    Raises:
        SettingError: openvino is not installed.
        WebimlError: it differs by more than TOLERANCE from onnxruntime, or from torch by more than that,
            ROUNDING_TOLERANCE with rounded weights.
        OutputError: it cannot be written.
    """
    refuse_without_openvino()
    openvino = quiet_openvino()
    net, model = net.eval(), onnx.read_bytes()
    given, names = examples(interface), list(interface.outputs or ["output"])
    with TemporaryDirectory() as folder:
        made = Path(folder, onnx.stem).with_suffix(".xml")
        core = openvino.Core()
        read = core.read_model(model)
        for place, node in enumerate(read.get_ordered_ops()):
            node.friendly_name = (
                f"{node.get_type_name()}_{place}"  # else numbered through all that the process has made
            )
        openvino.save_model(read, made, compress_to_fp16=False)  # half the bytes already, if at all
        run = _openvino_run(core, made, names)
        files = {end: made.with_suffix(f".{end}").read_bytes() for end in ("xml", "bin")}
    beside = _differing(onnx_run(model), run, given)
    far = [
        one for one in differences(net, run, given, names) if not one.within(ROUNDING_TOLERANCE if half else TOLERANCE)
    ]
    if not beside <= TOLERANCE or far:
        largest = max([beside, *(one.largest for one in far)])
        raise WebimlError(f"OpenVINO computes this network otherwise, by {largest:.2g}; it cannot be shipped for it.")
    for end, content in files.items():
        write_bytes(onnx.with_suffix(f".{end}"), content)
    return {
        "version": openvino.get_version().partition("-")[0],
        **{f"{end}_sha256": hashlib.sha256(content).hexdigest() for end, content in files.items()},
        "bytes": sum(map(len, files.values())),
        "largest_difference": beside,
    }


def _openvino_run(core: Any, path: Path, names: Sequence[str]) -> Run:
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16, on processors that are fast in it
    compiled = core.compile_model(core.read_model(path), "CPU", exact)

    def run(example: Arrays) -> list[np.ndarray]:
        found = compiled(dict(example))
        return [np.array(found[compiled.output(name)]) for name in names]

    return run


def _differing(one: Run, other: Run, given: Sequence[Arrays]) -> float:
    """Largest absolute difference of two runs, as a share of the largest output, at least of 1."""
    return max(
        float(np.abs(a - b).max()) / max(1.0, float(np.abs(a).max()))
        for example in given
        for a, b in zip(one(example), other(example), strict=True)
    )
