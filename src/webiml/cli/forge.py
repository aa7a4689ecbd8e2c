"""`webiml forge`: forged pairs with exact masks, from ordinary pictures or of pages that are rendered here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from webiml import __version__
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings import ForgeRun, ForgeSettings

if TYPE_CHECKING:
    from webiml.forge.folder import Made

_RESULT = Group("What decides the result", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_SETTINGS, _DEFAULT_RUN = ForgeSettings(), ForgeRun()


def forge(
    *images: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    settings: Annotated[ForgeSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    run: Annotated[ForgeRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Forge pairs of authentic and manipulated pictures, with exact masks, from ordinary pictures or as documents.

    IMAGES are folders of pictures (`<name>.mask.png` beside a picture may hold its objects, `pictures.csv` with the
    columns file, source, license, author may say whose they are), packs (index.parquet and tars) or single pictures.

    With --domain document there are no IMAGES: pages (letters, receipts, tables, forms, cards) are rendered, printed,
    scanned or photographed, and then edited.

    DIR gets pairs.csv, authentic/, manipulated/, masks/ and donor_masks/ (PNG), ready for `webiml annotate
    DIR/pairs.csv`. A pair depends on the pictures, the seed and its number alone; the same command resumes after any
    interruption.

    Examples:

    - `webiml forge photos --out forged --count 1000`
    - `webiml forge photos --out forged --kinds SPG=2,SDG=1 --size 256 --seed 7`
    - `webiml forge photos --out forged --count 60 --sheet`
    - `webiml forge photos --out jittered --kinds jittered --coco instances.json --sheet`
    - `webiml forge --domain document --out pages --count 1000 --sheet`

    Exit codes: 0 the run finished, 1 a picture was skipped or a pair failed and --strict was given, 2 a wrong setting,
    3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    images
        Folders, packs or pictures to forge from; none with --domain document.
    out
        Folder of the pairs; made when missing, continued when it is there.
    """
    from webiml.forge.folder import finished_pairs, refuse_foreign
    from webiml.forge.sheet import write_sheets
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress

    for folder in images:
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise SettingError(f"--out {out} lies inside {folder}, where it would become input; choose another place.")
    refuse_foreign(out)
    work = (_documents if settings.domain == "document" else _photographs)(images, out, settings, run)
    if run.dry_run:
        done = finished_pairs(out)
        planned = {"dry_run": True, "pictures": work.pictures, "skipped": work.skipped, "pairs": run.count}
        planned |= {"resumed": done, "to_do": max(0, run.count - done), "out": str(out), "version": __version__}
        before = f"pictures {work.pictures:,}   " if settings.domain == "photograph" else ""
        _tell(run, planned, f"{before}pairs {run.count:,}   finished {done:,}; nothing was written")
        return 0

    started = time.monotonic()
    with Progress("forge", run.count, quiet=run.quiet) as progress:

        def start(before: Made) -> None:
            if before.resumed:
                progress.say(f"{before.resumed:,} of {run.count:,} pairs are already finished")
            progress.resume(before.resumed)

        made = work.forge(workers=run.workers or usable_cores(), on_start=start, on_pair=progress.add)
        seconds = time.monotonic() - started
        sheets = write_sheets(out) if run.sheet else []
    new = made.pairs - made.resumed
    summary = {
        "pairs": made.pairs,
        "kinds": dict(sorted(made.kinds.items())),
        "resumed": made.resumed,
        "failed": made.failed,
        "pictures": work.pictures,
        "skipped": len(made.skipped),
        "seconds": round(seconds, 3),
        "pairs_per_second": round(new / seconds, 3) if new and seconds else None,
        "out": str(out),
        "table": str(out / "pairs.csv"),
        "sheets": [str(path) for path in sheets],
        "version": __version__,
    }
    _tell(run, summary, _text(summary, work.then))
    return 1 if run.strict and (made.skipped or made.failed) else 0


@dataclass(frozen=True)
class _Work:
    """What a run does.

    Attributes:
        pictures, skipped: pictures it takes, and those that it cannot take.
        forge: what forges, (workers, on_start, on_pair). then: the command that may follow, with {table}.
    """

    pictures: int
    skipped: int
    forge: Callable[..., Made]
    then: str


def _photographs(images: Sequence[Path], out: Path, settings: ForgeSettings, run: ForgeRun) -> _Work:
    from webiml.forge.folder import forge_folder, load_remover
    from webiml.forge.labels import CocoMasks, FunctionMasks, load_labels
    from webiml.forge.pictures import survey_pictures

    if not images:
        raise SettingError("Give at least one folder of pictures, such as webiml forge photos --out forged.")
    if run.remover:
        load_remover(run.remover)
    masks = CocoMasks.read(Path(run.coco)) if run.coco else None
    if run.labels:
        load_labels(run.labels)
        masks = FunctionMasks(run.labels)
    pictures, skipped = survey_pictures(images, split=run.split or None, only_shippable=run.only_shippable)
    if not pictures:
        raise SettingError("None of IMAGES is a usable picture; check the path, --split and --only-shippable.")
    forge = partial(forge_folder, pictures, out, settings, run.count, remover=run.remover, masks=masks, skipped=skipped)
    return _Work(len(pictures), len(skipped), forge, "webiml annotate {table} --out DATASET")


def _documents(images: Sequence[Path], out: Path, settings: ForgeSettings, run: ForgeRun) -> _Work:
    from webiml.forge.document.fonts import families
    from webiml.forge.document.forgery import refuse_split
    from webiml.forge.folder import forge_documents

    if images:
        raise SettingError("--domain document renders its pages: leave out IMAGES.")
    of_photographs = {"--coco": run.coco, "--labels": run.labels, "--remover": run.remover}
    for flag, given in {**of_photographs, "--only-shippable": run.only_shippable}.items():
        if given:
            raise SettingError(f"{flag} is of photographs: leave it out with --domain document.")
    split = run.split or "train"
    refuse_split(split)
    families(split)  # raises where a typeface is missing, before anything is written
    forge = partial(forge_documents, out, settings, split, run.count)
    return _Work(0, 0, forge, "webiml evaluate --data {table} --weights web-iml --out RESULT")


def _text(summary: dict, then: str) -> str:
    kinds = "   ".join(f"{kind} {count:,}" for kind, count in summary["kinds"].items())
    lines = [f"pairs {summary['pairs']:,}   {kinds}"]
    if summary["skipped"] or summary["failed"]:
        why = plain(f"{summary['out']}/skipped.csv")
        lines.append(f"skipped   {summary['skipped']:,} pictures, {summary['failed']:,} pairs failed: {why}")
    before = f"; {summary['resumed']:,} were already finished" if summary["resumed"] else ""
    lines.append(f"time      {summary['pairs'] - summary['resumed']:,} in {summary['seconds']:.1f} s{before}")
    lines += [f"sheet     {plain(path)}" for path in summary["sheets"]]
    lines.append(f"next      {then.format(table=plain(summary['table']))}")
    return "\n".join(lines)


def _tell(run: ForgeRun, summary: dict, text: str) -> None:
    if run.json or not run.quiet:
        say(json.dumps(summary) if run.json else text)
