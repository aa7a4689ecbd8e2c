"""Networks by name: ONNX files beside their cards, run by onnxruntime.

    webiml/weights/<name>.onnx, <name>.json (card: hashes, inputs, outputs), <name>.md, <name>.data.parquet
    and of a localizer <name>.safetensors, the weights that a training may begin with

`webiml export` makes them, those that ship and those of one's own: a folder that is given is looked into first, for
each network. No torch is needed to run them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.errors import BadMap, SettingError, WebimlError
from webiml.nets.gpu import CPU, Provider, given_gpu, preload, refuse_other

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SHIPPED_BACKBONE = "efficientnet-lite0"

# What this process runs networks with; set by `use_gpu` and `use_batches` where a worker starts.
_on_gpu = False
_most = 1
_loading = Lock()  # threads that ask for a network at the same time get the same one


class Net:
    """A network that is ready to run; a callable of arrays. It may be called from several threads.

    Attributes:
        inputs: names of the inputs, in order. outputs: names of the outputs, in order.
    """

    def __init__(self, model: bytes, threads: int, providers: Sequence[Provider] | None = None) -> None:
        """`providers`: what runs it, the first that can; the CPU where none are given."""
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        # Without fallback a GPU that fails is an error, and not a CPU that nobody asked for.
        self._session = ort.InferenceSession(model, options, providers=list(providers or [CPU]), enable_fallback=0)
        refuse_other(self._session.get_providers(), providers or [CPU])
        self.inputs = tuple(argument.name for argument in self._session.get_inputs())
        self.outputs = tuple(result.name for result in self._session.get_outputs())

    def __call__(self, *batches: np.ndarray, **named: np.ndarray) -> np.ndarray:
        """The first output, such as float32 (B, K, H, W) of a float32 (B, C, H, W).

        Several inputs come in the order of `inputs`, or by name.

        Raises:
            BadMap: an input is missing, unknown, or of a shape or type that the network does not take.
        """
        if len(batches) > len(self.inputs):
            raise BadMap(f"This network takes {', '.join(self.inputs)}; got {len(batches)} arrays.")
        given = dict(zip(self.inputs, batches, strict=False))
        if given.keys() & named.keys():
            raise BadMap(f"This network takes {', '.join(self.inputs)}, each once.")
        return self._run(self._checked(given | named), self.outputs[:1])[0]

    def all(self, **feed: np.ndarray) -> dict[str, np.ndarray]:
        """Every output by name, of inputs by name.

        Args:
            feed: uint8 where an input is uint8, such as a picture (B, H, W, 3); any numbers where it is float32.
        Raises:
            BadMap: an input is missing, unknown, or of a shape or type that the network does not take.
        """
        return dict(zip(self.outputs, self._run(self._checked(feed), self.outputs), strict=True))

    def _checked(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if given.keys() != set(self.inputs):
            raise BadMap(f"This network takes {', '.join(self.inputs)}; got {', '.join(given) or 'nothing'}.")
        feed = {}
        for argument in self._session.get_inputs():
            name, wanted, array = argument.name, argument.shape, np.asarray(given[argument.name])
            fits = [not isinstance(want, int) or want == has for want, has in zip(wanted, array.shape, strict=False)]
            if len(wanted) != array.ndim or not all(fits):
                raise BadMap(f"Input {name} of this network is {tuple(wanted)}, got {array.shape}.")
            if argument.type == "tensor(uint8)" and array.dtype != np.uint8:  # rounding would hide numbers in [0, 1]
                raise BadMap(f"Input {name} of this network is uint8, got {array.dtype}.")
            feed[name] = np.ascontiguousarray(array, np.uint8 if argument.type == "tensor(uint8)" else np.float32)
        return feed

    def _run(self, feed: dict[str, np.ndarray], outputs: tuple[str, ...]) -> list[np.ndarray]:
        return [np.asarray(output) for output in self._session.run(outputs, feed)]


def onnxruntime() -> Any:
    """The module, imported so that it sends nothing: from 1.29 on it reports to its makers at import, else.

    A user who wants that sets ORT_DISABLE_TELEMETRY to 0.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, at import; it keeps no id in HOME then either
    import onnxruntime

    if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
        onnxruntime.disable_telemetry_events()  # where Windows does the reporting
    return onnxruntime


def load(name: str, folder: Path | None = None, threads: int | None = None) -> Net:
    """The network of that name, opened once a process; it uses as many threads as OpenCV may use here.

    A worker process that is kept to one thread so runs its networks on one.

    Args: threads: use so many instead, at least 1.
    Raises:
        SettingError: it is to run on a GPU that cannot be used.
        WebimlError: its file or its card is missing or damaged.
    """
    if threads is None:
        import cv2

        threads = cv2.getNumThreads()
    with _loading:
        return _load(name, folder, max(1, threads), _on_gpu, _most)


def use_gpu() -> None:
    """From now on this process runs the networks that it loads on the GPU that it was given.

    Results then differ from those of a CPU by rounding, so a dataset that is to be made again to the bit stays on one
    kind of device.

    Raises:
        SettingError: CUDA_VISIBLE_DEVICES names no GPU, or this onnxruntime cannot use one.
    """
    global _on_gpu
    given_gpu(onnxruntime())
    preload(onnxruntime())
    _on_gpu = True


def use_batches(most: int) -> None:
    """From now on calls by several threads of a network that this process loads are run together, at most `most`.

    With 1, which is how a process starts, every call is run alone; see `webiml.nets.batching`.
    """
    global _most
    _most = most


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


def starts() -> list[str]:
    """Names of the localizers that ship with weights to begin a training with, as users write them; sorted."""
    return sorted(name.replace("_", "-") for name in names() if (_shipped() / f"{name}.safetensors").is_file())


@contextmanager
def start_file(name: str) -> Iterator[Path]:
    """The file of the weights to begin a training with, of a name in `starts`.

    Raises:
        WebimlError: it is not the file of its card.
    """
    name = name.replace("-", "_")
    with as_file(_shipped() / f"{name}.safetensors") as path:
        if hashlib.sha256(path.read_bytes()).hexdigest() != card(name).get("start_sha256"):
            raise WebimlError(
                f"The weights {path.name} in webiml are damaged: they are not the file of their card; "
                f"{_mend(name, None)}."
            )
        yield path


@contextmanager
def data_file(name: str) -> Iterator[Path]:
    """The table of the pictures that a shipped network learned from, of a name in `starts`."""
    with as_file(_shipped() / f"{name.replace('-', '_')}.data.parquet") as path:
        yield path


@cache
def _load(name: str, folder: Path | None, threads: int, on_gpu: bool, most: int) -> Net:
    wanted, model = digest(name, folder), _read(f"{name}.onnx", folder)
    if hashlib.sha256(model).hexdigest() != wanted:
        where, mend = _where(name, folder), _mend(name, folder)
        raise WebimlError(f"The network {name} in {where} is damaged: it is not the file of its card; {mend}.")
    try:
        providers = given_gpu(onnxruntime()) if on_gpu else None
        if most == 1:
            return Net(model, threads, providers)
        from webiml.nets.batching import Batched

        return Batched(model, threads, most, providers)
    except SettingError:
        raise
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
