"""`webiml dataset verify`: whether a dataset or a store is whole, and with --repair making it so."""

from __future__ import annotations

import json as json_format
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from webiml import __version__
from webiml.cli.summary import line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.datasets.faults import Verified
    from webiml.datasets.repair_steps import Repaired
    from webiml.store.place import Place

SHOWN = 20  # findings in text; --json has all of them
MAX_DETAIL = 200  # characters of a finding in text


def verify(
    dataset: str,
    /,
    *,
    repair: bool = False,
    quick: bool = False,
    workers: int = 0,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Check every file and every row of a dataset or a store.

    Of a dataset: every row's files are there, the pictures have the SHA-256 and the size that the row says, the mask is
    the probability at 128 or more, QES, area and components are those of the stored map, and no file lies there that no
    row has. Of a store: every picture is what its name says, every row's picture is there, and no other one. Nothing is
    written without --repair.

    Examples:

    - `webiml dataset verify dataset`
    - `webiml dataset verify store --quick`
    - `webiml dataset verify dataset --json`
    - `webiml dataset verify dataset --repair`

    Exit codes: 0 all is well (now), 1 something is wrong (still), 2 there is no dataset and no store, or it cannot be
    repaired, 3 a repair could not write (the same command goes on), 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset or a store: a folder, or an address such as s3://bucket/dataset.
    repair
        Make it whole: rows whose files are damaged are taken out, so that the command that wrote it does them again;
        tables and journals are written anew; what belongs to no row is moved into `.webiml/lost`, never deleted.
    quick
        Look only whether the files are there, and at the words in the rows; read no picture.
    workers
        Processes that read; 0 takes one for each core. What is found does not depend on it.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.store.place import open_place

    place, started = open_place(dataset), time.monotonic()
    if repair:
        repaired = _repaired(place, workers, quick, quiet)
        if json:
            say(json_format.dumps(_repair_record(place, repaired, time.monotonic() - started)))
        elif not quiet:
            say(_repair_text(repaired, time.monotonic() - started))
        return 1 if repaired.left else 0
    found = _verified(place, workers, quick, quiet)
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(place, found, quick, seconds)))
    elif not quiet:
        say(_text(found, seconds))
    return 1 if found.findings else 0


def _verified(place: Place, workers: int, quick: bool, quiet: bool) -> Verified:
    from webiml.datasets.verify import verify_dataset
    from webiml.datasets.verify_store import verify_store
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress
    from webiml.store.dataset import is_dataset
    from webiml.store.links import is_store
    from webiml.store.parquet import FILE_NAME, count_rows

    processes = workers or usable_cores()
    if is_store(place):
        total = 0 if quick else sum(1 for name in place.names("pictures"))
        with Progress("verify", total, quiet=quiet) as progress:
            return verify_store(place, max(1, min(processes, total)), quick=quick, on_picture=progress.add)
    if not is_dataset(place):
        raise SettingError(f"{place} is neither a dataset nor a store of webiml, or is not finished.")
    total = count_rows(place, FILE_NAME)
    with Progress("verify", total, quiet=quiet) as progress:
        return verify_dataset(place, max(1, min(processes, total)), quick=quick, on_row=progress.add)


def _repaired(place: Place, workers: int, quick: bool, quiet: bool) -> Repaired:
    from webiml.datasets.repair import repair_dataset
    from webiml.datasets.repair_store import looks_like_store, repair_store
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress
    from webiml.store.parquet import FILE_NAME, count_rows

    processes = workers or usable_cores()
    if looks_like_store(place):
        total = 0 if quick else sum(1 for name in place.names("pictures"))
        with Progress("repair", total, quiet=quiet) as progress:
            return repair_store(place, max(1, min(processes, total)), quick=quick, on_picture=progress.add)
    try:
        total = count_rows(place, FILE_NAME)
    except SettingError:  # the rows of its journal then
        total = 0
    with Progress("repair", total, quiet=quiet) as progress:
        return repair_dataset(place, min(processes, total or processes), quick=quick, on_row=progress.add)


def _record(place: Place, found: Verified, quick: bool, seconds: float) -> dict[str, Any]:
    return {
        "shape": found.shape,
        "place": str(place),
        "quick": quick,
        "rows": found.rows,
        "files": found.files,
        "wrong": len(found.findings),
        "notes": list(found.notes),
        "faults": dict(Counter(finding.fault.value for finding in found.findings).most_common()),
        "findings": [
            {"key": finding.key, "fault": finding.fault.value, "detail": finding.detail} for finding in found.findings
        ],
        "seconds": round(seconds, 3),
        "version": __version__,
    }


def _text(found: Verified, seconds: float) -> str:
    """What is wrong, a line each."""
    lines = [f"rows {found.rows:,}   files {found.files:,}   wrong {len(found.findings):,}   in {seconds:.1f} s"]
    lines += _listed([(one.key, one.fault.value, one.detail) for one in found.findings])
    lines += [line("note", plain(note)) for note in found.notes]
    if found.findings:
        lines.append(line("faults", " · ".join(f"{fault} {n:,}" for fault, n in _faults(found).items())))
    return "\n".join(lines)


def _repair_record(place: Place, repaired: Repaired, seconds: float) -> dict[str, Any]:
    return {
        "shape": repaired.shape,
        "place": str(place),
        "rows": repaired.rows,
        "actions": dict(Counter(one.action.value for one in repaired.done).most_common()),
        "done": [{"key": one.key, "action": one.action.value, "detail": one.detail} for one in repaired.done],
        "left": [{"key": one.key, "fault": one.fault.value, "detail": one.detail} for one in repaired.left],
        "seconds": round(seconds, 3),
        "version": __version__,
    }


def _repair_text(repaired: Repaired, seconds: float) -> str:
    """What was done, a line each, and what follows from it."""
    done, left = len(repaired.done), len(repaired.left)
    lines = [f"rows {repaired.rows:,}   done {done:,}   still wrong {left:,}   in {seconds:.1f} s"]
    lines += _listed([(one.key, one.action.value, one.detail) for one in repaired.done])
    lines += _listed([(one.key, one.fault.value, one.detail) for one in repaired.left])
    counts = Counter(one.action.value for one in repaired.done)
    if counts:
        lines.append(line("done", " · ".join(f"{action} {n:,}" for action, n in counts.most_common())))
    if counts["taken_out"]:
        lines.append(line("next", "the command that wrote it does again what was taken out"))
    if counts["wanted"]:
        lines.append(line("next", "the same webiml collect asks again for what was lost"))
    if counts["set_aside"] or counts["saved"]:
        lines.append(line("look", "at .webiml/lost in it, and delete that when you need nothing of it"))
    if not counts:
        lines.append(line("nothing", "had to be repaired" if not repaired.left else "could be repaired"))
    return "\n".join(lines)


def _listed(things: list[tuple[str, str, str]]) -> list[str]:
    """A line for each of the first; what came from file names cannot act on the terminal."""
    shown = things[:SHOWN]
    width = min(60, max((len(plain(key)) for key, _, _ in shown), default=0))
    lines = [f"{plain(key):<{width}}  {word:<11}  {plain(detail)[:MAX_DETAIL]}" for key, word, detail in shown]
    if len(things) > SHOWN:
        lines.append(f"... and {len(things) - SHOWN:,} more: --json has them all")
    return lines


def _faults(found: Verified) -> dict[str, int]:
    return dict(Counter(finding.fault.value for finding in found.findings).most_common())
