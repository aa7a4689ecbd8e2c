"""`webiml evaluate-annotations`: a dataset of ours against masks that somebody has published."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from webiml.cli.summary import counted, line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.evaluate.annotated.scores import AnnotationScores, ScoredPair

SKIPPED_SHOWN = 5  # skipped pairs named in text
UNSCORED_SHOWN = 3  # pairs without truth named in text


def evaluate_annotations(
    dataset: Path,
    /,
    *,
    truth: Path | None = None,
    masks: Path | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    workers: int = 0,
    json: bool = False,
    quiet: bool = False,
    strict: bool = False,
) -> int:
    """Score the masks of a dataset that `webiml annotate` made against published ones.

    The truth is a table with the columns key and mask, and where you have them kind (SPG, SDG, identical, unrelated)
    and group or component (what a pair shares sources with); or a folder of masks. Each of its rows is one scored pair.

    DIR gets result.json, per_image.parquet with one row for every row of the truth, report.md and report.html.

    Examples:

    - `webiml evaluate-annotations dataset --truth truth.csv --out scores`
    - `webiml evaluate-annotations dataset --masks published --out scores`

    Exit codes: 0 the run finished (also with skipped pairs), 1 a pair was skipped and --strict was given, 2 a wrong
    setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    dataset
        Folder that `webiml annotate` wrote, finished.
    truth
        Table (CSV, TSV, Parquet) with the published masks; their paths are relative to it.
    masks
        Folder of published masks that are called KEY.png, or another picture; nothing is said of kinds then.
    out
        Folder of the result; made when missing, written anew when it holds an earlier one. With --json it may be left
        out: the result is printed, and nothing is written.
    workers
        Processes that score; 0 takes one for each core. The result does not depend on it.
    json
        Print result.json on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON, if asked for).
    strict
        Exit with 1 when a row of the truth could not be scored.
    """
    if (truth is None) == (masks is None):
        found = "neither" if truth is None else "both"
        raise SettingError(f"Give one of --truth TABLE and --masks DIR, where the published masks are; got {found}.")
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")
    if out is None and not json:
        raise SettingError("Give --out DIR for the result, or --json to print it and write nothing.")
    # Heavy imports wait until the flags are known to be right.
    from webiml.evaluate.annotated.scores import plan_scores, refuse_unfit, score_annotations, write_scores
    from webiml.report.annotation_scores import write_reports
    from webiml.runners.progress import Progress

    if out is not None:
        refuse_unfit(out, dataset, masks)
    planned = plan_scores(dataset, truth=truth, masks=masks)
    with Progress("evaluate", len(planned.matched.by_key), quiet=quiet) as progress:
        scores, pairs = score_annotations(planned, workers, lambda _: progress.add())
        if out is not None:
            progress.note("writing the report")
            write_scores(out, scores, pairs)
            write_reports(out, scores)
    if json:
        say(jsonlib.dumps(asdict(scores), allow_nan=False))
    elif not quiet and out is not None:
        say("\n".join(_lines(scores, pairs, out)))
    return 1 if strict and scores.skipped else 0


def _lines(scores: AnnotationScores, pairs: Sequence[ScoredPair], out: Path) -> Iterator[str]:
    """A table for a person; what came from file names cannot act on the terminal."""
    from webiml.evaluate.annotated.scores import RESULT
    from webiml.report.annotation_scores import PAGE, confusion_rows, mean_cells, part_name
    from webiml.report.tables import number, share

    everything = scores.masks["all"]
    left_out = sum(scores.skipped.values())
    yield f"pairs {scores.n:,}   kept {share(everything.kept_share)}   skipped {left_out:,}   threshold 128 of 255"
    yield ""
    if scores.kinds is None:
        yield line("kinds", "the truth says none, so there are no figures of kinds")
    else:
        kinds = scores.kinds
        yield line("kinds", f"right {number(kinds.accuracy)} of all, {number(kinds.accuracy_kept)} of the kept")
        header, rows = confusion_rows(kinds)
        yield from _aligned([header, *rows])
    yield ""
    table: list[tuple[str, ...]] = [("masks", "over", "pairs", "IoU (95 %)", "F1 (95 %)")]
    for name, part in scores.masks.items():
        for over, mean in (("all", part.over_all), ("stored", part.over_stored), ("kept", part.over_kept)):
            table.append((part_name(name), over, *mean_cells(mean)))
    yield from _aligned(table)
    yield ""
    table = [("QES", "pairs", "Spearman", "AURC", "ideal", "random", "pixel ECE")]
    for name, part in scores.masks.items():
        qes = part.qes
        figures = (qes.spearman, qes.aurc, qes.aurc_ideal, qes.aurc_random, part.probability.ece)
        table.append((part_name(name), f"{qes.n:,}", *map(number, figures)))
    yield from _aligned(table)
    yield ""
    if scores.skipped:
        yield line("skipped", counted(scores.skipped))
        shown = [pair for pair in pairs if pair.skipped is not None][:SKIPPED_SHOWN]
        yield from (line("", f"{plain(pair.name)}: {plain(pair.detail or pair.skipped or '')}") for pair in shown)
    if scores.unscored:
        names = ", ".join(map(plain, scores.unscored_pairs[:UNSCORED_SHOWN]))
        more = ", ..." if scores.unscored > UNSCORED_SHOWN else ""
        pairs_word = "pair" if scores.unscored == 1 else "pairs"
        yield line("no truth", f"{scores.unscored:,} {pairs_word} of the dataset: {names}{more}")
    yield line("note", "over all, what is not kept is an empty mask; over stored, a rejected pair counts as stored")
    yield line("figures", plain(str(out / RESULT)))
    yield line("next", f"open {plain(str(out / PAGE))}")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
