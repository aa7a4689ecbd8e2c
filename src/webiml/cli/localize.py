"""`webiml localize`: pictures in, where each may be manipulated out."""

from __future__ import annotations

import difflib
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings import LocalizeRun, LocalizeSettings

if TYPE_CHECKING:
    from webiml.localize.folder import Localized
    from webiml.localize.pictures import PictureListing
    from webiml.localize.rows import PictureRow

_RESULT = Group("What decides the result", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_SETTINGS, _DEFAULT_RUN = LocalizeSettings(), LocalizeRun()


def localize(
    *pictures: Annotated[str, Parameter(allow_leading_hyphen=True)],  # for -, which cyclopts takes for an option
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    config: Path | None = None,
    settings: Annotated[LocalizeSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    run: Annotated[LocalizeRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Say where pictures may be manipulated: a score, a marked area and a map for each.

    PICTURES are files, folders with all that is in them, patterns in quotes such as 'photos/*.jpg', or - for a list
    of names on standard input (one a line, or each ended by a NUL).

    DIR gets results.parquet and results.jsonl with one row for every picture, whatever it holds, masks/, probability/,
    confidence/ and overlays/ (PNG, of the picture's own size), and report.html. The same command resumes after any
    interruption.

    Examples:

    - `webiml localize photo.jpg --json`
    - `webiml localize photos --out results`
    - `find photos -name '*.jpg' -print0 | webiml localize - --out results`

    Exit codes: 0 the run finished (also with failed rows), 1 a row failed and --strict was given, 2 a wrong setting,
    3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    pictures
        Files, folders, patterns, or - for a list on standard input.
    out
        Folder of the results; made when missing, continued when it is there. With --json it may be left out: the rows
        are printed, one JSON object a line, and nothing is written.
    config
        YAML file of the settings below, such as `threshold: 0.6`; flags win over it.
    """
    _refuse_unknown_options(pictures)
    from webiml.localize.pictures import STDIN, list_pictures

    if out is None and (run.dry_run or not run.json):
        raise SettingError("Give --out DIR for the results, or --json to print the rows and write nothing.")
    listing = list_pictures(pictures, sys.stdin.buffer.read() if STDIN in pictures else b"")
    if out is None:
        return _print_rows(listing, settings, run)
    _refuse_nested(listing, out)
    return _dry_run(listing, out, settings, run) if run.dry_run else _write_folder(listing, out, settings, run)


def _write_folder(listing: PictureListing, out: Path, settings: LocalizeSettings, run: LocalizeRun) -> int:
    # Heavy imports wait until the flags are known to be right.
    from webiml.cli.localize_summary import FAILED_SHOWN, gather, summary_text
    from webiml.localize.folder import localize_folder
    from webiml.report.localizations import write_report
    from webiml.runners.progress import Progress

    failed: list[PictureRow] = []
    started = time.monotonic()
    with Progress("localize", len(listing.pictures), quiet=run.quiet) as progress:

        def start(before: Localized) -> None:
            if before.resumed:
                progress.say(f"{before.resumed:,} of {len(listing.pictures):,} pictures are already finished")
            progress.resume(before.resumed)

        def count(row: PictureRow) -> None:
            if row.score is None and len(failed) < FAILED_SHOWN:
                failed.append(row)
            progress.add(f"score {row.score:.2f}" if row.score is not None else f"failed: {row.reason}")

        counts = localize_folder(listing.pictures, out, settings, run, count, on_resume=start)
        seconds = time.monotonic() - started
        progress.note("writing the report")
        report = write_report(out, run.pictures)
    summary = gather(listing, counts, out, report, seconds, rows=run.json)
    if run.json:
        say(json.dumps(asdict(summary)))
    elif not run.quiet:
        say(summary_text(summary, counts.most_suspicious, failed))
    return 1 if run.strict and summary.failed else 0


def _print_rows(listing: PictureListing, settings: LocalizeSettings, run: LocalizeRun) -> int:
    """One JSON object a picture on stdout, and no file anywhere."""
    from webiml.localize.folder import localize_pictures, provenance
    from webiml.localize.rows import to_record

    provenance(settings, run)  # there is such a localizer
    failed = 0
    with closing(localize_pictures(listing.pictures, settings, run, maps=False)) as results:
        for row, _ in results:
            failed += row.score is None
            say(json.dumps(to_record(row)))
    return 1 if run.strict and failed else 0


def _dry_run(listing: PictureListing, out: Path, settings: LocalizeSettings, run: LocalizeRun) -> int:
    from webiml.cli.localize_summary import plan, plan_text
    from webiml.localize.folder import finished_pictures, provenance, refuse_unfit

    refuse_unfit(out, provenance(settings, run))
    planned = plan(listing, finished_pictures(listing.pictures, out), out)
    if run.json or not run.quiet:
        say(json.dumps(asdict(planned)) if run.json else plan_text(planned))
    return 0


def _refuse_unknown_options(pictures: Sequence[str]) -> None:
    """An option that is misspelled, which cyclopts took for a picture."""
    for text in pictures:
        if text.startswith("-") and text != "-":
            names = [field.name for one in (LocalizeSettings, LocalizeRun) for field in fields(one)]
            close = difflib.get_close_matches(text.lstrip("-").replace("-", "_"), [*names, "out", "config"], n=1)
            hint = f" Did you mean --{close[0].replace('_', '-')}?" if close else ""
            raise SettingError(f"Unknown option: {plain(text)}.{hint} See webiml localize --help.")


def _refuse_nested(listing: PictureListing, out: Path) -> None:
    """Results inside a folder of pictures would become input at the next run."""
    for folder in listing.folders:
        if out.resolve().is_relative_to(folder.resolve()):
            raise SettingError(f"--out {out} lies inside {folder}, where it would become input; choose another place.")
