"""Does an exported network say what torch says? On several sizes, odd ones among them, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from webiml.errors import WebimlError
from webiml.nets.weights import onnxruntime

if TYPE_CHECKING:
    from webiml.train.export import Interface

TOLERANCE = 1e-4  # as a share of the largest output, at least of 1: so of a probability as it is
ROUNDING_TOLERANCE = 1e-3  # the same, of weights that are rounded to float16
_SIZES = ((1, 64, 96), (2, 67, 101), (1, 160, 33))  # (batch, height, width): the first is traced, the others differ

Arrays = Mapping[str, np.ndarray]
Run = Callable[[Arrays], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """Of one output over all examples: the largest absolute difference from torch, and the largest absolute value."""

    name: str
    largest: float
    scale: float

    def within(self, tolerance: float) -> bool:
        """Is it at most `tolerance`, as a share of the largest value, at least of 1? Never where it is not a number."""
        return self.largest <= tolerance * max(1.0, self.scale)


def examples(interface: Interface) -> list[dict[str, np.ndarray]]:
    """Inputs of several sizes and batches: float32 in [0, 1], or uint8; the same at each call."""
    any_size = any("height" in shape for shape in interface.inputs.values())
    return [_example(interface, *sizes) for sizes in (_SIZES if any_size else _SIZES[:2])]


def differences(net: nn.Module, run: Run, given: Sequence[Arrays], names: Sequence[str]) -> list[Difference]:
    """How far what `run` gives is from what `net` gives, for each output, in the order of `names`.

    Raises:
        WebimlError: an output has another shape than torch's, or there are more or fewer of them.
    """
    largest, scale = [0.0] * len(names), [0.0] * len(names)
    for example in given:
        with torch.no_grad():
            answer = net(*map(torch.from_numpy, example.values()))
        wanted = [one.numpy() for one in (answer if isinstance(answer, tuple) else (answer,))]
        for place, (want, got) in enumerate(zip(wanted, run(example), strict=True)):
            if got.shape != want.shape:
                raise WebimlError(f"The exported network gives {got.shape} where torch gives {want.shape}.")
            largest[place] = float(np.maximum(largest[place], np.abs(got - want).max()))  # keeps what is no number
            scale[place] = max(scale[place], float(np.abs(want).max()))
    return [Difference(*values) for values in zip(names, largest, scale, strict=True)]


def onnx_run(model: bytes) -> Run:
    """Run ONNX by onnxruntime, as many threads as torch has."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda example: [np.asarray(output) for output in session.run(None, dict(example))]


def _example(interface: Interface, batch: int, height: int, width: int) -> dict[str, np.ndarray]:
    sizes = {"batch": batch, "height": height, "width": width}
    sizes |= {"rows": -(-height // 16) * 2, "columns": -(-width // 16) * 2}
    rng = np.random.default_rng([height, width, batch])
    arrays = {}
    for name, shape in interface.inputs.items():
        filled = [sizes[size] if isinstance(size, str) else size for size in shape]
        if name in interface.uint8:
            arrays[name] = rng.integers(0, 256, filled, dtype=np.uint8)
        else:
            arrays[name] = rng.random(filled, dtype=np.float32)
    return arrays
