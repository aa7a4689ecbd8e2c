"""What one picture costs a localizer, counted and measured in a process of its own that does nothing else."""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from webiml.errors import SettingError, WebimlError, one_line
from webiml.evaluate.onnx_cost import Operations, operations_of, parameters_of
from webiml.forge.named import function_named
from webiml.geometry.looks import looks
from webiml.localize.hub import find
from webiml.localize.tiles import look_at
from webiml.nets import weights as nets
from webiml.runners.cores import few_threads
from webiml.runners.local import Crashed, run_ordered

Size = tuple[int, int]
"""Height and width, pixels."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a localizer by its name or path, at a commit on the Hub; or a factory, package.module:name."""

    weights: str = ""
    revision: str | None = None
    net: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a network holds, and what it does for one picture; None where nobody can know.

    Attributes:
        parameters: numbers that were learned; parameters_from: card, file, network or unknown.
        runs: height, width and number of the network's runs. operations: of all of them.
        others_known: whether `operations` holds more than products. versions: of what ran it.
    """

    parameters: int | None = None
    parameters_from: str = "unknown"
    runs: tuple[tuple[int, int, int], ...] | None = None
    operations: Operations | None = None
    others_known: bool = False
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """Median seconds of a picture; the most memory of the process, and what it held before it opened the network."""

    seconds: float
    peak_bytes: int | None
    baseline_bytes: int | None


def alone(function: Callable[[], Any]) -> Any:
    """What a picklable function gives in a fresh process, or Crashed.

    Raises:
        WebimlError: whatever of that kind the function raises.
    """
    with closing(run_ordered(_call, [function], 1)) as results:
        _, found = next(results)
    if isinstance(found, WebimlError):
        raise found
    return found


def counted(subject: Subject, size: Size) -> Counted:
    """Count parameters and the operations of one picture.

    Raises:
        SettingError: there is no such localizer or network. WebimlError: its file is damaged.
    """
    if subject.net:
        return _counted_own(subject.net, size)
    from webiml.localize.localizer import Localizer

    localizer = Localizer.load(subject.weights, revision=subject.revision)  # which refuses what is none
    model = _model(subject)
    total = Operations()
    runs = runs_of(size, localizer.enlargement)
    for one, times in runs.items():
        total.add(operations_of(model, {"picture": np.zeros((1, *one, 3), np.uint8)}), times)
    known = localizer.card.get("parameters")
    from_card = isinstance(known, int) and not isinstance(known, bool) and known >= 0
    return Counted(
        known if from_card else parameters_of(model),
        "card" if from_card else "file",
        tuple((*one, times) for one, times in runs.items()),
        total,
        others_known=True,
        versions={"onnxruntime": nets.onnxruntime().__version__},
    )


def runs_of(size: Size, enlargement: float) -> Counter[Size]:
    """The sizes at which a localizer runs its network for one picture, and how many times at each."""
    found: Counter[Size] = Counter()

    def look(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        found.update((one.shape[0], one.shape[1]) for one in looks(rgb, enlargement))
        nothing = np.zeros(rgb.shape[:2], np.float32)
        return nothing, nothing, 0.5

    look_at(look, np.zeros((*size, 3), np.uint8))
    return found


def taken(subject: Subject, size: Size, threads: int, repeat: int) -> Taken:
    """Measure `repeat` pictures, after one that warms up; to be called in a process that has done nothing else.

    Raises:
        SettingError: there is no such localizer or network. WebimlError: its file is damaged.
    """
    few_threads(threads)
    picture = _picture(size)
    if subject.net:
        _factory(subject.net)  # imports what it needs, torch among it
        baseline = _resident()
        call, _ = _own(subject.net, threads)
    else:
        from webiml.localize.localizer import Localizer

        nets.onnxruntime()
        baseline = _resident()
        call = Localizer.load(subject.weights, revision=subject.revision, threads=threads).localize
    call(picture)
    seconds = []
    for _ in range(repeat):
        begun = time.perf_counter()
        call(picture)
        seconds.append(time.perf_counter() - begun)
    return Taken(statistics.median(seconds), _peak(), baseline)


def _call(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except WebimlError as error:
        return error
    except MemoryError:
        return Crashed("memory ran out")
    except Exception as error:  # of a network of one's own, which may do anything
        return Crashed(one_line(error))


def _picture(size: Size) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def _model(subject: Subject) -> bytes:
    """The bytes of a localizer's file, which is that of its card."""
    place = find(subject.weights, revision=subject.revision)
    folder = place.folder or files("webiml") / "weights"
    model = (folder / f"{place.stem}.onnx").read_bytes()
    if hashlib.sha256(model).hexdigest() != nets.digest(place.stem, place.folder):
        raise WebimlError(f"The file of {place.name} was changed while it was read; run the same command again.")
    return model


# ---------------------------------------------------------------- a network of one's own


def _counted_own(net: str, size: Size) -> Counted:
    call, module = _own(net)
    if module is None:  # it may do anything
        return Counted()
    from webiml.train.own_net_cost import flops, parameters, version

    operations = Operations(flops(call, _picture(size)))
    return Counted(parameters(module), "network", ((*size, 1),), operations, versions={"torch": version()})


def _own(net: str, threads: int = 0) -> tuple[Callable[[np.ndarray], Any], Any]:
    """What the factory made, as a function of pictures; and the torch network, where it is one."""
    factory = _factory(net)
    try:
        made = factory()
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"--net {net} failed when it was called without arguments ({words}).") from None
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.nn.Module):
        from webiml.train.own_net_cost import as_function

        return as_function(net, made, threads), made
    if not callable(made):
        raise SettingError(
            f"--net {net} gave a {type(made).__name__}; it must give a torch.nn.Module or a function of pictures."
        )
    return partial(_answer, net, made), None


def _factory(net: str) -> Callable[[], Any]:
    if not all(net.partition(":")):
        raise SettingError(f"--net must look like package.module:factory, got {net!r}.")
    try:
        return function_named(net, "--net", "")
    except SettingError as error:
        if "No module named 'torch'" in str(error):
            raise SettingError(f"--net {net} needs torch, which is missing: pip install 'webiml[train]'") from None
        raise


def _answer(net: str, call: Callable[[np.ndarray], Any], rgb: np.ndarray) -> Any:
    answer = call(rgb)
    found = answer[0] if isinstance(answer, tuple) and answer else getattr(answer, "probability", answer)
    shape = getattr(found, "shape", type(found).__name__)
    if shape != rgb.shape[:2]:
        raise SettingError(f"--net {net} gives {shape} for a picture of {rgb.shape}; a map is {rgb.shape[:2]}.")
    return answer


# ---------------------------------------------------------------- memory


def _resident() -> int | None:
    """Bytes of memory that this process holds now; where the system does not say, the most that it ever held."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _peak()


def _peak() -> int | None:
    """The most bytes of memory that this process ever held; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        # Not getrusage where this is: on Linux that begins with what the process held that started this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
