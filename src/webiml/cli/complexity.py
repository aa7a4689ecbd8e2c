"""`webiml complexity`: what a localizer costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from webiml.cli.summary import line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.evaluate.complexity import Complexity, SizeCost

_SIZES = ("512x512", "1024x1024")
_SHIPPED = "web-iml"
_MAX_REPEAT, _MAX_THREADS = 1000, 1024


def complexity(
    *,
    weights: str = "",
    net: str = "",
    sizes: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = _SIZES,
    threads: int = 0,
    repeat: int = 5,
    revision: str = "",
    download: bool = False,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
    quiet: bool = False,
) -> int:
    """Count parameters and operations of a localizer, and measure its time and memory on the processor.

    All figures are of one picture as `webiml localize` takes it: a small one is looked at twice, a large one in tiles.
    Each size is measured in a process of its own.

    Examples:

    - `webiml complexity`
    - `webiml complexity --weights mine.onnx --sizes 512x512 4000x3000 --threads 1`
    - `webiml complexity --net my_module:factory --sizes 512x512 --json`

    Exit codes: 0 every size was measured, 1 one could not be, 2 a wrong setting, 130 interrupted.

    Parameters
    ----------
    weights
        The localizer: the name of one that ships, a file or a folder of your own made by `webiml export`, or
        OWNER/REPOSITORY on the Hugging Face Hub; web-iml if nothing is given.
    net
        A network of your own instead, as package.module:factory: what the factory gives is a torch.nn.Module, or any
        function of pictures; see docs/complexity.md.
    sizes
        Sizes of the picture, WIDTHxHEIGHT in pixels.
    threads
        Threads that the network may use; 0 takes one for each core.
    repeat
        Pictures that a time is the median of, after one that warms up.
    revision
        Commit of the repository on the Hub, its full hash; needed there, and of no use elsewhere.
    download
        Fetch a localizer of the Hugging Face Hub that is not on this machine yet; without it nothing is fetched.
    json_
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if weights and net:
        raise SettingError("Give --weights NAME or --net package.module:factory, not both.")
    if not 0 <= threads <= _MAX_THREADS:
        raise SettingError(f"--threads must lie between 0 and {_MAX_THREADS}, got {threads}.")
    if not 1 <= repeat <= _MAX_REPEAT:
        raise SettingError(f"--repeat must lie between 1 and {_MAX_REPEAT}, got {repeat}.")
    # Heavy imports wait until the flags are known to be right.
    from webiml.evaluate.complexity import Subject, measure, parse_sizes
    from webiml.runners.progress import Progress

    wanted = parse_sizes(sizes)
    subject = Subject("" if net else weights or _SHIPPED, revision or None, net)
    with Progress("complexity", len(wanted), quiet=quiet) as progress:

        def done(cost: SizeCost) -> None:
            progress.add(_size(cost) + (f" failed: {cost.problem}" if cost.problem else ""))

        found = measure(subject, wanted, threads, repeat, download=download, on_size=done)
    if json_:
        say(json.dumps(asdict(found), allow_nan=False))
    elif not quiet:
        say(as_text(found))
    return 1 if any(cost.problem for cost in found.sizes) else 0


def as_text(found: Complexity) -> str:
    """A table for a person, and what its figures mean."""
    known = f"{found.parameters:,} parameters ({found.parameters_from})" if found.parameters is not None else ""
    lines = [
        line("network", f"{plain(found.name)}, {known or 'parameters unknown'}"),
        "",
        f"{'size':<11} {'GFLOPs':>9} {'seconds':>9} {'peak MB':>9} {'before MB':>10}   runs of the network",
    ]
    for cost in found.sizes:
        lines.append(
            f"{_size(cost):<11} {_number(cost.flops, 1e9, 2):>9} {_number(cost.seconds, 1, 3):>9} "
            f"{_number(cost.peak_bytes, 1e6, 0):>9} {_number(cost.baseline_bytes, 1e6, 0):>10}   {_runs(cost)}"
        )
        lines += [f"  failed: {plain(cost.problem)}"] if cost.problem else []
    lines += ["", line("GFLOPs", "convolutions and matrix products, a multiply-add counts 2")]
    others = [one for one in found.sizes if one.other_operations is not None]
    if others:
        told = ", ".join(f"{_number(one.other_operations, 1e9, 2)} at {_size(one)}" for one in others)
        lines.append(line("others", f"elementwise and sums, not in it: {told}"))
    first = found.sizes[0]
    if first.not_counted:
        nodes = ", ".join(f"{plain(name)} {count}" for name, count in first.not_counted.items())
        lines.append(line("uncounted", f"{nodes} (kind of node, and how many at {_size(first)})"))
    lines.append(line("seconds", f"of one picture, median of {found.repeat}, {found.threads} thread(s)"))
    lines.append(line("memory", "the most of a process that does nothing else; what it held before it had the network"))
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    lines.append(line("machine", f"{plain(found.machine)}; {plain(versions)}"))
    return "\n".join(lines)


def _number(value: float | None, unit: float, digits: int) -> str:
    return "unknown" if value is None else f"{value / unit:,.{digits}f}"


def _size(cost: SizeCost) -> str:
    return f"{cost.width}x{cost.height}"


def _runs(cost: SizeCost) -> str:
    if cost.runs is None:
        return "unknown"
    each = ((f"{width}x{height}", times) for height, width, times in cost.runs)
    return ", ".join(f"{size} {times} times" if times > 1 else size for size, times in each)
