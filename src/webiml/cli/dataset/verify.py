"""`webiml dataset verify`: whether a dataset or a store is whole."""

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
    from webiml.store.place import Place

SHOWN = 20  # findings in text; --json has all of them
MAX_DETAIL = 200  # characters of a finding in text


def verify(dataset: str, /, *, quick: bool = False, workers: int = 0, json: bool = False, quiet: bool = False) -> int:
    """Check every file and every row of a dataset or a store.

    Of a dataset: every row's files are there, the pictures have the SHA-256 and the size that the row says, the mask is
    the probability at 128 or more, QES, area and components are those of the stored map, and no file lies there that no
    row has. Of a store: every picture is what its name says, every row's picture is there, and no other one. Nothing is
    written.

    Examples:

    - `webiml dataset verify dataset`
    - `webiml dataset verify store --quick`
    - `webiml dataset verify dataset --json`

    Exit codes: 0 all is well, 1 something is wrong, 2 there is no dataset and no store, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset or a store: a folder, or an address such as s3://bucket/dataset.
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


def _record(place: Place, found: Verified, quick: bool, seconds: float) -> dict[str, Any]:
    return {
        "shape": found.shape,
        "place": str(place),
        "quick": quick,
        "rows": found.rows,
        "files": found.files,
        "wrong": len(found.findings),
        "faults": dict(Counter(finding.fault.value for finding in found.findings).most_common()),
        "findings": [
            {"key": finding.key, "fault": finding.fault.value, "detail": finding.detail} for finding in found.findings
        ],
        "seconds": round(seconds, 3),
        "version": __version__,
    }


def _text(found: Verified, seconds: float) -> str:
    """What is wrong, a line each; what came from file names cannot act on the terminal."""
    lines = [f"rows {found.rows:,}   files {found.files:,}   wrong {len(found.findings):,}   in {seconds:.1f} s"]
    shown = found.findings[:SHOWN]
    width = min(60, max((len(plain(finding.key)) for finding in shown), default=0))
    lines += [
        f"{plain(finding.key):<{width}}  {finding.fault.value:<11}  {plain(finding.detail)[:MAX_DETAIL]}"
        for finding in shown
    ]
    if len(found.findings) > SHOWN:
        lines.append(f"... and {len(found.findings) - SHOWN:,} more: --json has them all")
    if found.findings:
        lines.append(line("faults", " · ".join(f"{fault} {n:,}" for fault, n in _faults(found).items())))
    return "\n".join(lines)


def _faults(found: Verified) -> dict[str, int]:
    return dict(Counter(finding.fault.value for finding in found.findings).most_common())
