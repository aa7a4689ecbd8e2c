"""`webiml dataset leaks`: pictures of a dataset that a benchmark has, too."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import counted, line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings.limits import refuse_megapixels, refuse_workers

if TYPE_CHECKING:
    from webiml.datasets.leaks import Leaks

SHOWN = 5  # pictures named in text
IN_JSON = 1000  # pictures named in JSON


def leaks(
    dataset: str,
    /,
    *,
    against: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    report: Path | None = None,
    distance: int = 8,
    max_megapixels: float = 200.0,
    workers: int = 0,
    json: bool = False,
    quiet: bool = False,
    strict: bool = False,
) -> int:
    """Find pictures of a dataset that a benchmark has, too.

    Every picture of the dataset, authentic and manipulated, is compared with every picture of the benchmarks: the same
    bytes, saved again, made smaller, mirrored, or one cut out of the other. A benchmark is a folder, of which all
    pictures below count; a table of pairs; or a dataset. Archives are not opened. With --out a dataset is written
    without the pairs that leak; the same command resumes after any interruption.

    Examples:

    - `webiml dataset leaks dataset --against CASIA1 Columbia`
    - `webiml dataset leaks dataset --against CASIA1 --out clean`
    - `webiml dataset leaks dataset --against benchmark.csv --report found --strict`

    Exit codes: 0 the run finished, 1 there are leaks and --strict was given, 2 a wrong setting, 3 the output could not
    be written, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset that `webiml annotate` has written: a folder, or an address such as s3://bucket/dataset.
    against
        Benchmarks: folders, tables of pairs, datasets.
    out
        Folder of a new dataset without the pairs that leak; leaks.parquet and leaks.jpg are written into it.
    report
        Folder for leaks.parquet and leaks.jpg alone.
    distance
        Two pictures whose hashes differ in more than so many of 64 bits are not near, 0 to 16.
    max_megapixels
        Larger pictures are compared by their bytes alone.
    workers
        Processes that open pictures; 0 takes one for each core. Results do not depend on it.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    strict
        Exit with 1 when there are leaks.
    """
    refuse_workers(workers)
    refuse_megapixels(max_megapixels)
    if not 0 <= distance <= 16:
        raise SettingError(f"--distance must lie between 0 and 16, got {distance}.")
    if not against:
        raise SettingError("Give a benchmark to compare with as --against.")
    # Heavy imports wait until the flags are known to be right
    from webiml.cli.steps import steps
    from webiml.datasets.carry import refuse_inside
    from webiml.datasets.leaks import find_leaks, refuse_leaky, write_clean, write_leaks
    from webiml.store.atomic import make_folder
    from webiml.store.place import open_place

    place = open_place(dataset)
    max_pixels = round(max_megapixels * 1e6)
    if out is not None:
        refuse_leaky(place, against, out, distance)
    if report is not None:
        refuse_inside(report, [place, *(open_place(one) for one in against)])
    started = time.monotonic()
    with steps(quiet) as begin:
        found = find_leaks(place, against, distance, workers, max_pixels, begin)
        if out is not None:
            write_clean(place, against, out, distance, found, max_pixels, begin)
        if report is not None:
            make_folder(report)
            write_leaks(report, found, max_pixels)
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(found, out, report, seconds)))
    elif not quiet:
        say(_text(found, out, report, seconds))
    return 1 if strict and found.found else 0


def _record(found: Leaks, out: Path | None, report: Path | None, seconds: float) -> dict[str, Any]:
    from webiml.datasets.dropped import counts

    return {
        "pairs": found.pairs,
        "pictures": found.pictures,
        "against": found.against,
        "leaking_pairs": len(found.keys),
        "leaks": len(found.found),
        "reasons": counts(found.found),
        "unread": found.unread,
        "found": [
            {
                "key": one.key,
                "picture": one.picture,
                "reason": one.why.value,
                "other": one.other,
                "other_name": one.other_name,
                "distance": one.distance,
            }
            for one in found.found[:IN_JSON]
        ],
        "seconds": round(seconds, 3),
        "dataset": None if out is None else str(out),
        "report": None if report is None else str(report),
        "version": __version__,
    }


def _text(found: Leaks, out: Path | None, report: Path | None, seconds: float) -> str:
    from webiml.datasets.dropped import counts

    lines = [
        f"pairs {found.pairs:,}   pictures {found.pictures:,}   against {found.against:,}   "
        f"leaking pairs {len(found.keys):,}"
    ]
    if found.found:
        lines.append(line("leaks", counted(counts(found.found))))
    for one in found.found[:SHOWN]:
        lines.append(line("", plain(f"{one.key} ({one.picture}): {one.why.value}, {one.other_name} of {one.other}")))
    if len(found.found) > SHOWN:
        lines.append(line("", f"... and {len(found.found) - SHOWN:,} more"))
    if found.unread:
        lines.append(line("unread", f"{found.unread:,} pictures could not be read"))
    lines.append(line("time", f"{seconds:.1f} s"))
    if out is not None:
        lines.append(line("rows", plain(str(out / "annotations.parquet"))))
    shown = out or report
    if shown is not None:
        lines.append(
            line("next", f"open {plain(str(shown / 'leaks.jpg'))}; each: {plain(str(shown / 'leaks.parquet'))}")
        )
    elif found.found:
        lines.append(line("next", "--out writes a dataset without them; --report a table and a sheet"))
    return "\n".join(lines)
