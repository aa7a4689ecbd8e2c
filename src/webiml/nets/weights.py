"""Networks by name: ONNX files beside their cards, run by onnxruntime.

    webiml/weights/<name>.onnx, <name>.json (card: hashes, inputs, outputs), <name>.md, <name>.data.parquet

`webiml export` makes them, those that ship and those of one's own: a folder that is given is looked into first, for
each network. No torch is needed to run them.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.errors import BadMap, WebimlError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SHIPPED_BACKBONE = "efficientnet-lite0"


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


def load(name: str, folder: Path | None = None) -> Net:
    """The network of that name, opened once a process; it uses as many threads as OpenCV may use here.

    A worker process that is kept to one thread so runs its networks on one.

    Raises:
        WebimlError: its file or its card is missing or damaged.
    """
    import cv2

    return _load(name, folder, max(1, cv2.getNumThreads()))


def digest(name: str, folder: Path | None = None) -> str:
    """SHA-256 of the network's file, hex, as its card says; `load` has compared it with the file.

    Raises:
        WebimlError: there is no such card.
    """
    return str(card(name, folder)["onnx_sha256"])


@cache
def card(name: str, folder: Path | None = None) -> dict[str, Any]:
    """What is known about a network: see docs/training.md.

    Raises:
        WebimlError: it is missing or damaged.
    """
    try:
        content = json.loads(_read(f"{name}.json", folder))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("onnx_sha256"), str):
        raise WebimlError(
            f"The card of the network {name} in {_where(name, folder)} is damaged; {_mend(name, folder)}."
        )
    return content


def backbone(folder: Path | None = None) -> str:
    """What Corr-DINO sees pictures with: SHIPPED_BACKBONE, or the name of a size of DINOv2."""
    return str(card("corr_dino", folder).get("backbone", SHIPPED_BACKBONE))


def names(folder: Path | None = None) -> list[str]:
    """Names of the networks in a folder, of those that ship without one; sorted."""
    where = folder or _shipped()
    found = where.iterdir() if where.is_dir() else ()
    return sorted(entry.name.removesuffix(".onnx") for entry in found if entry.name.endswith(".onnx"))


@cache
def _load(name: str, folder: Path | None, threads: int) -> Net:
    wanted, model = digest(name, folder), _read(f"{name}.onnx", folder)
    if hashlib.sha256(model).hexdigest() != wanted:
        where, mend = _where(name, folder), _mend(name, folder)
        raise WebimlError(f"The network {name} in {where} is damaged: it is not the file of its card; {mend}.")
    try:
        return Net(model, threads)
    except Exception as error:  # onnxruntime's own kinds, all directly below Exception
        words = " ".join(str(error).split())[:200]
        raise WebimlError(f"The network {name} cannot be run by this onnxruntime ({words}).") from None


def _shipped() -> Traversable:
    return files("webiml") / "weights"


def _own(name: str, folder: Path | None) -> bool:
    return folder is not None and (folder / f"{name}.onnx").is_file()


def _where(name: str, folder: Path | None) -> str:
    return str(folder) if _own(name, folder) else "webiml"


def _mend(name: str, folder: Path | None) -> str:
    return "export it again" if _own(name, folder) else "install webiml again"


def _read(file: str, folder: Path | None) -> bytes:
    name = file.rpartition(".")[0]
    try:
        return (folder / file if folder and _own(name, folder) else _shipped() / file).read_bytes()
    except OSError:
        raise WebimlError(f"{file} is missing in {_where(name, folder)}; {_mend(name, folder)}.") from None
