"""What a localizer costs: parameters, operations, seconds a picture, and the memory that it takes.

All of it is of one call of `Localizer.localize`: a small picture is looked at twice, a large one in tiles and once more
as a whole, and every run of the network counts. A network of one's own sees each picture once and as a whole, as
`webiml evaluate --net` shows it. The processor does the work, never a graphics card.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from webiml import __version__
from webiml.errors import SettingError
from webiml.evaluate.measured import Counted, Size, Subject, Taken, alone, counted, taken
from webiml.images.decode import MIN_SIDE
from webiml.localize.hub import find
from webiml.runners.cores import usable_cores
from webiml.runners.local import Crashed
from webiml.runners.where import machine

MAX_PIXELS = 200_000_000
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SizeCost:
    """What one picture of a size costs."""

    height: int
    """Of the picture, pixels."""
    width: int
    """Of the picture, pixels."""
    runs: list[list[int]] | None
    """How the network is run for it: height, width, how many times; null where nobody can know."""
    flops: int | None
    """Floating-point operations of convolutions and matrix products, a multiply-add counts 2; null: unknown."""
    other_operations: int | None
    """One for each number that elementwise arithmetic gives and that a sum, mean or maximum takes; null: unknown."""
    not_counted: dict[str, int]
    """Kind of node whose operations are in neither, to how many of them ran."""
    seconds: float | None
    """Wall time of a picture, median of the repeats, after one that warms up; null when it failed."""
    peak_bytes: int | None
    """The most resident memory of a process that does nothing else; null when it failed or the system does not say."""
    baseline_bytes: int | None
    """Resident memory of that process before it opened the network: interpreter, libraries, the picture."""
    problem: str
    """Why it could not be counted or measured; empty when it was."""


@dataclass(frozen=True, slots=True)
class Complexity:
    """What a localizer costs."""

    name: str
    """The localizer, or the factory of --net."""
    parameters: int | None
    """Numbers that were learned; null: unknown."""
    parameters_from: str
    """card, file (counted in the .onnx file, after export), network (of torch) or unknown."""
    threads: int
    """Threads that the network may use."""
    repeat: int
    """Pictures that a time is the median of."""
    sizes: list[SizeCost]
    """One for each size, in the order given."""
    machine: str
    """Where it was measured."""
    versions: dict[str, str]
    """Of webiml, Python and what ran the network."""


def parse_sizes(texts: Sequence[str]) -> tuple[Size, ...]:
    """Heights and widths of texts such as 1920x1080, width first, each once and in their order.

    Raises:
        SettingError: one cannot be read, is too small for a localizer or too large for a picture.
    """
    found: dict[Size, None] = {}
    for text in texts:
        match = _SIZE.fullmatch(text.strip().lower())
        if match is None:
            raise SettingError(f"--sizes {text!r} cannot be read: give WIDTHxHEIGHT in pixels, such as 512x512.")
        width, height = int(match[1]), int(match[2])
        if min(width, height) < MIN_SIDE or width * height > MAX_PIXELS:
            raise SettingError(
                f"--sizes {text}: a side has at least {MIN_SIDE} pixels, and a picture at most {MAX_PIXELS:,}."
            )
        found[height, width] = None
    if not found:
        raise SettingError("--sizes needs at least one size, such as 512x512.")
    return tuple(found)


def measure(
    subject: Subject,
    sizes: Sequence[Size],
    threads: int = 0,
    repeat: int = 5,
    *,
    download: bool = False,
    on_size: Callable[[SizeCost], None] | None = None,
) -> Complexity:
    """Count and measure at every size.

    Args:
        threads: that the network may use; 0 takes one for each core. repeat: pictures that a time is the median of.
        download: fetch a localizer of the Hugging Face Hub that is not on this machine yet.
        on_size: called with each size when it is finished.
    Raises:
        SettingError: there is no such localizer or network.
        WebimlError: its file is damaged, or cannot be downloaded.
    """
    threads = threads or usable_cores()
    name = subject.net or find(subject.weights, revision=subject.revision, download=download).name
    known, found = Counted(), []
    for size in sizes:
        what: Counted | Crashed = alone(partial(counted, subject, size))
        took: Taken | Crashed = alone(partial(taken, subject, size, threads, repeat))
        found.append(_cost(size, what, took))
        if isinstance(what, Counted):
            known = what
        if on_size is not None:
            on_size(found[-1])
    versions = {"webiml": __version__, "python": platform.python_version(), **known.versions}
    return Complexity(name, known.parameters, known.parameters_from, threads, repeat, found, machine(), versions)


def _cost(size: Size, what: Counted | Crashed, took: Taken | Crashed) -> SizeCost:
    problem = next((one.detail for one in (took, what) if isinstance(one, Crashed)), "")
    what = Counted() if isinstance(what, Crashed) else what
    done = None if isinstance(took, Crashed) else took
    operations = what.operations
    return SizeCost(
        *size,
        runs=None if what.runs is None else [list(run) for run in what.runs],
        flops=operations.products if operations else None,
        other_operations=operations.others if operations and what.others_known else None,
        not_counted=dict(operations.not_counted.most_common()) if operations else {},
        seconds=done.seconds if done else None,
        peak_bytes=done.peak_bytes if done else None,
        baseline_bytes=done.baseline_bytes if done else None,
        problem=problem,
    )
