"""`webiml annotate`: pairs in, a dataset of pixel masks out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from webiml.errors import SettingError
from webiml.settings import AnnotateRun, AnnotatorSettings

if TYPE_CHECKING:
    from webiml.store.place import Place

_RESULT = Group("What decides the result", sort_key=1)
_RUN = Group("How the run is carried out", sort_key=2)
_SETTINGS, _DEFAULT_RUN = AnnotatorSettings(), AnnotateRun()


def annotate(
    pairs: str,
    manipulated: Path | None = None,
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"])],
    config: Path | None = None,
    settings: Annotated[AnnotatorSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    run: Annotated[AnnotateRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Turn pairs of authentic and manipulated pictures into pixel masks that can be trusted.

    PAIRS is one of

    - a folder of pair folders, `<key>/0.jpg` authentic and `<key>/1.jpg` manipulated
    - a folder with `authentic/` and `manipulated/`, matched by file name
    - a table (.csv, .tsv, .parquet) with the columns key, authentic, manipulated
    - a store that `webiml collect` made, a folder or an address such as s3://bucket/store

    or two pictures are given. Every input becomes one row of DATASET/annotations.parquet, kept or not, with the reason.
    The same command resumes after any interruption.

    Examples:

    - `webiml annotate pairs --out dataset`
    - `webiml annotate authentic.jpg manipulated.jpg --out dataset`
    - `webiml annotate store --out dataset`
    - `webiml annotate pairs.csv --out dataset --format shards --workers 8`
    - `webiml annotate s3://b/store --out s3://b/dataset --format shards --runner ray --ray-address ray://head:10001`
    - `webiml annotate pairs --out dataset --config settings.yaml --min-qes 0.7`

    Exit codes: 0 the run finished (also with rejected or failed rows), 1 a row failed and --strict was given,
    2 a wrong setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    pairs
        A folder, a table, a store, or the authentic picture of one pair.
    manipulated
        The manipulated picture of one pair.
    out
        Folder of the dataset, or an address such as s3://bucket/dataset; made when missing, continued when it is there.
    config
        YAML file of the settings below, such as `min_qes: 0.6`; flags win over it.
    """
    # Heavy imports wait until the flags are known to be right.
    from webiml.annotate.dataset import annotate_dataset
    from webiml.annotate.provenance import provenance
    from webiml.annotate.stored_pairs import list_stored
    from webiml.cli.progress import AnnotateProgress
    from webiml.cli.summary import as_json, as_text, gather, plan
    from webiml.cli.terminal import say
    from webiml.pairs.source import list_pairs
    from webiml.report.html import put_report
    from webiml.store.dataset_writer import refuse_unfit
    from webiml.store.links import is_store
    from webiml.store.place import open_place

    place = open_place(out if "://" in out else Path(out))
    _refuse_nested(Path(pairs), place)
    if manipulated is None and ("://" in pairs or is_store(pairs)):
        listing = list_stored(open_place(pairs))
    else:
        listing = list_pairs([Path(pairs)] if manipulated is None else [Path(pairs), manipulated])
    if run.dry_run:
        decided_by, settings_hash = provenance(settings)
        refuse_unfit(
            place,
            format=run.format,
            shard_pairs=run.shard_pairs,
            settings=decided_by,
            settings_hash=settings_hash,
        )
        planned = plan(listing, place)
        if run.json or not run.quiet:
            say(as_json(planned) if run.json else as_text(planned))
        return 0

    started = time.monotonic()
    with AnnotateProgress(len(listing.pairs), quiet=run.quiet) as progress:
        counts = annotate_dataset(listing.pairs, place, settings, run, progress.count, on_resume=progress.start)
        seconds = time.monotonic() - started
        progress.note("writing the report")
        report = put_report(place, run.pictures)
    summary = gather(listing, counts, place, report, seconds)
    if run.json or not run.quiet:
        say(as_json(summary) if run.json else as_text(summary))
    return 1 if run.strict and summary.failed else 0


def _refuse_nested(pairs: Path, out: Place) -> None:
    """A dataset inside the folder of pairs would become its own input at the next run."""
    if out.local is not None and pairs.is_dir() and out.local.resolve().is_relative_to(pairs.resolve()):
        raise SettingError(f"--out {out} lies inside PAIRS, where it would become input; choose a folder elsewhere.")
