"""The networks that ship with the package, by name: ONNX files beside their cards, run by onnxruntime.

    webiml/weights/<name>.onnx, <name>.json (card: hashes, inputs, outputs), <name>.md, <name>.data.parquet

`webiml export` makes them. No torch is needed to run them.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.errors import BadMap, WebimlError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MAX_BYTES = 6_000_000  # of one file; all that ship together stay below 26 MB


class Net:
    """A network that is ready to run; a callable of arrays. It may be called from several threads.

    Attributes:
        inputs: names of the inputs, in order.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(argument.name for argument in self._session.get_inputs())

    def __call__(self, *batches: np.ndarray, **named: np.ndarray) -> np.ndarray:
        """float32 (B, K, H, W) of a float32 (B, C, H, W); several inputs in the order of `inputs`, or by name.

        Raises:
            BadMap: an input is missing, unknown, or of a shape that the network does not take.
        """
        given = dict(zip(self.inputs, batches, strict=False)) | named
        if len(batches) + len(named) != len(self.inputs) or given.keys() != set(self.inputs):
            raise BadMap(f"This network takes {', '.join(self.inputs)}; got {', '.join(given) or 'nothing'}.")
        feed = {name: np.ascontiguousarray(array, np.float32) for name, array in given.items()}
        for argument in self._session.get_inputs():
            wanted, shape = argument.shape, feed[argument.name].shape
            fits = [not isinstance(want, int) or want == has for want, has in zip(wanted, shape, strict=False)]
            if len(wanted) != len(shape) or not all(fits):
                raise BadMap(f"Input {argument.name} of this network is {tuple(wanted)}, got {shape}.")
        output = self._session.run(None, feed)[0]
        assert isinstance(output, np.ndarray)
        return output


def load(name: str) -> Net:
    """The network of that name, opened once a process; it uses as many threads as OpenCV may use here.

    A worker process that is kept to one thread so runs its networks on one.

    Raises:
        WebimlError: its file or its card is missing or damaged.
    """
    import cv2

    return _load(name, max(1, cv2.getNumThreads()))


def digest(name: str) -> str:
    """SHA-256 of the network's file, hex, as its card says; `load` has compared it with the file.

    Raises:
        WebimlError: there is no such card.
    """
    return str(card(name)["onnx_sha256"])


@cache
def card(name: str) -> dict[str, Any]:
    """What is known about a network that ships: see docs/training.md.

    Raises:
        WebimlError: it is missing or damaged.
    """
    try:
        content = json.loads(_read(f"{name}.json"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("onnx_sha256"), str):
        raise WebimlError(f"The card of the network {name} in webiml is damaged; install webiml again.")
    return content


def names() -> list[str]:
    """Names of the networks that ship, sorted."""
    folder = _folder()
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(entry.name.removesuffix(".onnx") for entry in found if entry.name.endswith(".onnx"))


@cache
def _load(name: str, threads: int) -> Net:
    wanted, model = digest(name), _read(f"{name}.onnx")
    if len(model) > MAX_BYTES or hashlib.sha256(model).hexdigest() != wanted:
        raise WebimlError(f"The network {name} in webiml is damaged: it is not the file of its card. Install it again.")
    try:
        return Net(model, threads)
    except Exception as error:  # onnxruntime's own kinds, all directly below Exception
        words = " ".join(str(error).split())[:200]
        raise WebimlError(f"The network {name} cannot be run by this onnxruntime ({words}).") from None


def _folder() -> Traversable:
    return files("webiml") / "weights"


def _read(file: str) -> bytes:
    try:
        return (_folder() / file).read_bytes()
    except OSError:
        raise WebimlError(f"webiml/weights/{file} is missing from this installation; install webiml again.") from None
