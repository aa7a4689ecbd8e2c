"""`webiml forge`: ordinary pictures in, forged pairs with exact masks out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from webiml import __version__
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings import ForgeRun, ForgeSettings

_RESULT = Group("What decides the result", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_SETTINGS, _DEFAULT_RUN = ForgeSettings(), ForgeRun()


def forge(
    *images: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    settings: Annotated[ForgeSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    run: Annotated[ForgeRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Forge pairs of authentic and manipulated pictures, with exact masks, from ordinary pictures.

    IMAGES are folders of pictures (`<name>.mask.png` beside a picture may hold its objects, `pictures.csv` with the
    columns file, source, license, author may say whose they are), packs (index.parquet and tars) or single pictures.

    DIR gets pairs.csv, authentic/, manipulated/, masks/ and donor_masks/ (PNG), ready for `webiml annotate
    DIR/pairs.csv`. A pair depends on the pictures, the seed and its number alone; the same command resumes after any
    interruption.

    Examples:

    - `webiml forge photos --out forged --count 1000`
    - `webiml forge photos --out forged --kinds SPG=2,SDG=1 --size 256 --seed 7`
    - `webiml forge photos --out forged --count 60 --sheet`
    - `webiml forge photos --out jittered --kinds jittered --coco instances.json --sheet`

    Exit codes: 0 the run finished, 1 a picture was skipped or a pair failed and --strict was given, 2 a wrong setting,
    3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    images
        Folders, packs or pictures to forge from.
    out
        Folder of the pairs; made when missing, continued when it is there.
    """
    from webiml.forge.folder import Made, finished_pairs, forge_folder, load_remover, refuse_foreign
    from webiml.forge.labels import CocoMasks, FunctionMasks, load_labels
    from webiml.forge.pictures import survey_pictures
    from webiml.forge.sheet import write_sheets
    from webiml.runners.cores import usable_cores
    from webiml.runners.progress import Progress

    if not images:
        raise SettingError("Give at least one folder of pictures, such as webiml forge photos --out forged.")
    for folder in images:
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise SettingError(f"--out {out} lies inside {folder}, where it would become input; choose another place.")
    refuse_foreign(out)
    if run.remover:
        load_remover(run.remover)
    masks = CocoMasks.read(Path(run.coco)) if run.coco else None
    if run.labels:
        load_labels(run.labels)
        masks = FunctionMasks(run.labels)
    pictures, skipped = survey_pictures(images, split=run.split or None, only_shippable=run.only_shippable)
    if not pictures:
        raise SettingError("None of IMAGES is a usable picture; check the path, --split and --only-shippable.")
    if run.dry_run:
        done = finished_pairs(out)
        planned = {"dry_run": True, "pictures": len(pictures), "skipped": len(skipped), "pairs": run.count}
        planned |= {"resumed": done, "to_do": max(0, run.count - done), "out": str(out), "version": __version__}
        _tell(
            run, planned, f"pictures {len(pictures):,}   pairs {run.count:,}   finished {done:,}; nothing was written"
        )
        return 0

    started = time.monotonic()
    with Progress("forge", run.count, quiet=run.quiet) as progress:

        def start(before: Made) -> None:
            if before.resumed:
                progress.say(f"{before.resumed:,} of {run.count:,} pairs are already finished")
            progress.resume(before.resumed)

        made = forge_folder(
            pictures,
            out,
            settings,
            run.count,
            workers=run.workers or usable_cores(),
            remover=run.remover,
            masks=masks,
            skipped=skipped,
            on_start=start,
            on_pair=progress.add,
        )
        seconds = time.monotonic() - started
        sheets = write_sheets(out) if run.sheet else []
    new = made.pairs - made.resumed
    summary = {
        "pairs": made.pairs,
        "kinds": dict(sorted(made.kinds.items())),
        "resumed": made.resumed,
        "failed": made.failed,
        "pictures": len(pictures),
        "skipped": len(made.skipped),
        "seconds": round(seconds, 3),
        "pairs_per_second": round(new / seconds, 3) if new and seconds else None,
        "out": str(out),
        "table": str(out / "pairs.csv"),
        "sheets": [str(path) for path in sheets],
        "version": __version__,
    }
    _tell(run, summary, _text(summary))
    return 1 if run.strict and (made.skipped or made.failed) else 0


def _text(summary: dict) -> str:
    kinds = "   ".join(f"{kind} {count:,}" for kind, count in summary["kinds"].items())
    lines = [f"pairs {summary['pairs']:,}   {kinds}"]
    if summary["skipped"] or summary["failed"]:
        why = plain(f"{summary['out']}/skipped.csv")
        lines.append(f"skipped   {summary['skipped']:,} pictures, {summary['failed']:,} pairs failed: {why}")
    before = f"; {summary['resumed']:,} were already finished" if summary["resumed"] else ""
    lines.append(f"time      {summary['pairs'] - summary['resumed']:,} in {summary['seconds']:.1f} s{before}")
    lines += [f"sheet     {plain(path)}" for path in summary["sheets"]]
    lines.append(f"next      webiml annotate {plain(summary['table'])} --out DATASET")
    return "\n".join(lines)


def _tell(run: ForgeRun, summary: dict, text: str) -> None:
    if run.json or not run.quiet:
        say(json.dumps(summary) if run.json else text)
