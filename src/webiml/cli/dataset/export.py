"""`webiml dataset export`: a dataset in the form that another tool reads."""

from __future__ import annotations

import json as json_format
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import counted, line, most_frequent_first
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings.limits import refuse_workers

if TYPE_CHECKING:
    from webiml.datasets.export.write import Exported

SHOWN = 3  # pairs that were left out and are named in text
MAX_DETAIL = 200  # characters of what was wrong with one
_OPEN = {
    "folder": "open {out}/rows.csv; webiml annotate and webiml evaluate read it, too",
    "webdataset": "read {out}/shard-*.tar with any WebDataset reader",
    "imdl-benco": "give {out}/imdl-benco.json to IMDL-BenCo's JsonDataset, which must run in {out}",
    "coco": "give {out}/annotations.json to pycocotools",
    "huggingface": "datasets.load_dataset({out!r})",
    "fiftyone": "open {out} in FiftyOne as a FiftyOneDataset",
    "manifest": "webiml collect {out} --out STORE --dataset DATASET rebuilds it",
}


def export(
    dataset: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"])],
    format: Literal["folder", "webdataset", "imdl-benco", "coco", "huggingface", "fiftyone", "manifest"],
    status: Literal["kept", "rejected", "all"] = "kept",
    shard_pairs: int = 1000,
    workers: int = 0,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Write a dataset in the form of another tool, or as a manifest without pictures.

    Pictures are copied as they came, never encoded anew. Status and mask of a pair are those that people have reviewed.
    Every export also has rows.parquet: all columns of the dataset, and the files of each pair. A pair with a missing or
    damaged file is left out, and counted. The same command resumes after any interruption.

    Examples:

    - `webiml dataset export dataset --format folder --out files`
    - `webiml dataset export dataset --format huggingface --out hub`
    - `webiml dataset export dataset --format webdataset --out s3://bucket/shards --shard-pairs 2000`
    - `webiml dataset export dataset --format manifest --status all --out manifest`

    Exit codes: 0 the run finished (also with pairs left out), 2 a wrong setting, 3 the output could not be written, 130
    interrupted.

    Parameters
    ----------
    dataset
        A dataset that `webiml annotate` has written: a folder, or an address such as s3://bucket/dataset.
    out
        Where the export goes, a folder or an address such as s3://bucket/export; made when missing.
    format
        folder: plain files and a CSV. webdataset: tars. imdl-benco: its JsonDataset. coco: run-length masks.
        huggingface: Parquet that load_dataset opens. fiftyone: a FiftyOneDataset. manifest: addresses, hashes and maps,
        no pictures.
    status
        Which pairs: kept, rejected, or all. In a manifest, all has the failed rows, too.
    shard_pairs
        Pairs that a tar, or a Parquet file, holds.
    workers
        Processes that read and check; 0 takes one for each core. Results do not depend on it.
    dry_run
        Say how many pairs would be exported, write nothing.
    json
        Print one JSON object on stdout instead of the text.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    refuse_workers(workers)
    if shard_pairs < 1:
        raise SettingError(f"--shard-pairs must be at least 1, got {shard_pairs}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.export.write import count_wanted, export_dataset
    from webiml.runners.progress import Progress
    from webiml.store.place import open_place

    place, to = open_place(dataset), open_place(out)
    total = count_wanted(place, to, format, status)
    if dry_run:
        if json:
            record = {"dry_run": True, "format": format, "pairs": total, "out": str(to), "version": __version__}
            say(json_format.dumps(record))
        elif not quiet:
            words = f"without --dry-run the same command writes {plain(str(to))}; now nothing was"
            say(f"pairs {total:,}\n{line('next', words)}")
        return 0
    started = time.monotonic()
    with Progress(f"export {format}", total, quiet=quiet) as progress:
        exported = export_dataset(place, to, format, status, shard_pairs, workers, progress.add)
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(exported, format, str(place), str(to), seconds)))
    elif not quiet:
        say(_text(exported, format, str(to), seconds))
    return 0


def _record(exported: Exported, format: str, dataset: str, out: str, seconds: float) -> dict[str, Any]:
    return {
        "dry_run": False,
        "format": format,
        "pairs": exported.pairs,
        "skipped": most_frequent_first(exported.skipped),
        "skipped_pairs": [{"key": key, "reason": word, "detail": words} for key, word, words in exported.named],
        "without_url": exported.without_url,
        "changed": exported.changed,
        "seconds": round(seconds, 3),
        "dataset": dataset,
        "out": out,
        "version": __version__,
    }


def _text(exported: Exported, format: str, out: str, seconds: float) -> str:
    lines = [f"pairs {exported.pairs:,}   left out {exported.skipped.total():,}"]
    if exported.skipped:
        lines.append(line("left out", counted(most_frequent_first(exported.skipped))))
        lines += [line("", plain(f"{key}: {words}")[:MAX_DETAIL]) for key, _, words in exported.named[:SHOWN]]
    if exported.without_url:
        lines.append(line("no link", f"{exported.without_url:,} pairs have no address and cannot be fetched again"))
    done = f"{seconds:.1f} s" if exported.changed else "nothing to do, the export was there already"
    lines += [line("time", done), line("rows", plain(f"{out}/rows.parquet"))]
    return "\n".join([*lines, line("next", plain(_OPEN[format].format(out=out)))])
