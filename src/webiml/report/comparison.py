"""A comparison of results for a person and for a program: compare.html, compare.md, compare.tex and compare.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from webiml import __version__
from webiml.evaluate.compare import METRICS, SURE, Comparison, Duel, Figures
from webiml.evaluate.published import Published, same_benchmark
from webiml.evaluate.saved_run import SavedRun
from webiml.evaluate.set_figures import score_name
from webiml.images.read import readable
from webiml.report import plots
from webiml.report.evaluation import scores_of
from webiml.report.evaluation_words import LEVELS
from webiml.report.page import page_of, write_page
from webiml.report.tables import (
    Table,
    count_of,
    latex_table,
    markdown_table,
    markdown_text,
    number,
    share,
    with_interval,
)
from webiml.store.atomic import make_folder, output_error, write_bytes

SCHEMA_VERSION = 1  # of compare.json; raise it when a field changes its meaning or goes
RESULT, PAGE, MARKDOWN, LATEX = "compare.json", "compare.html", "compare.md", "compare.tex"

HEADER = ("run", "pictures", "of", "F1 at 0.5 (95 %)", "IoU", "F1 best of each", "pixel AUC", "image AUC")
HEADER += ("false-alarm area",)


def write_comparison(out: Path, found: Comparison) -> Path:
    """Write all four files, each in one step, compare.json last; equal comparisons give equal bytes.

    Returns:
        Path of the page.
    Raises:
        OutputError: one of them cannot be written.
    """
    make_folder(out)
    try:
        (out / RESULT).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, out / RESULT) from None
    tables = list(_tables(found))
    write_bytes(out / MARKDOWN, _markdown(found, tables).encode("utf-8", "backslashreplace"))
    write_bytes(out / LATEX, "\n".join(map(latex_table, _paper(found))).encode("utf-8", "backslashreplace"))
    page = page_of(
        "comparison.html.j2",
        title=_title(found),
        sentences=[sentence(duel, found) for duel in found.duels],
        words=pictures_words(found),
        protocol=found.runs[0].protocol,
        tables=tables,
        before_plots=len(found.parts) + 1,
        plots=list(_plots(found)),
    )
    write_page(out / PAGE, page)
    write_bytes(out / RESULT, (json.dumps(as_record(found), indent=1, allow_nan=False) + "\n").encode())
    return out / PAGE


def as_record(found: Comparison) -> dict[str, Any]:
    """compare.json."""
    return {
        "schema": SCHEMA_VERSION,
        "protocol": found.runs[0].protocol.name,
        "metric": found.metric,
        "n": found.n,
        "runs": [
            {"name": run.name, "folder": readable(run.folder), "what": run.what, "date": run.date, "n": run.n}
            | {"skipped": run.skipped, "failed": run.failed, "leaks": run.leaks, "fingerprint": run.fingerprint}
            | {"left_out": left_out}
            for run, left_out in zip(found.runs, found.left_out, strict=True)
        ],
        "figures": {name: [asdict(one) for one in figures] for name, figures in found.parts.items()},
        "differences": [asdict(duel) | {"sentence": sentence(duel, found)} for duel in found.duels],
        "published": [asdict(one) for one in found.published],
        "published_left_out": found.published_left_out,
        "version": __version__,
    }


def sentence(duel: Duel, found: Comparison) -> str:
    """Who wins, in words."""
    one, words = duel.difference, METRICS[found.metric]
    p = f"p {_p(one.p)}" + (f" ({_p(duel.p_holm).removeprefix('= ')} after Holm)" if len(found.duels) > 1 else "")
    on = f"{p}, on {count_of(duel.n, 'picture')}"
    if duel.p_holm >= SURE:
        between = f"{duel.first} and {duel.second}"
        return (
            f"No difference seen between {between}: {one.mean:+.3f} {words} ({one.low:+.3f} to {one.high:+.3f}), {on}."
        )
    better, worse = (duel.second, duel.first) if one.mean > 0 else (duel.first, duel.second)
    low, high = (one.low, one.high) if one.mean > 0 else (-one.high, -one.low)
    return f"{better} is better than {worse} by {abs(one.mean):.3f} {words} ({low:.3f} to {high:.3f}), {on}."


def pictures_words(found: Comparison) -> str:
    """Which pictures are compared, and how many are not."""
    left = [f"{run.name} {count:,}" for run, count in zip(found.runs, found.left_out, strict=True) if count]
    rest = f" Left out, because another run has not scored them: {', '.join(left)}." if left else ""
    return f"{count_of(found.n, 'picture')} that all runs have scored.{rest}"


def figure_tables(found: Comparison) -> Iterator[Table]:
    """For each benchmark the figures of every run over the pictures in common, then published ones."""
    marks = [f"{run.name}: {_training(run)}" for run in found.runs if run.leaks != 0]
    caption = " ".join(f"{mark}." for mark in marks)
    for name, figures in found.parts.items():
        published = [one for one in found.published if same_benchmark(one.benchmark, name)]
        rows = [*map(_figure_row, figures), *map(_published_row, published)]
        words = "Pictures: those in common, of so many that the run has scored."
        if published:
            words += " Published: of the pictures that its source had."
        yield Table(name, HEADER, tuple(rows), f"{words} {caption}".strip())


def duel_table(found: Comparison) -> Table:
    """Every run against the first."""
    header = (
        "run",
        "against",
        "pictures",
        "groups",
        "difference (95 %)",
        "p",
        "p after Holm",
        "better",
        "worse",
        "equal",
    )
    rows = []
    for duel in found.duels:
        one = duel.difference
        mean = f"{one.mean:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        counts = (f"{one.second:,}", f"{one.first:,}", f"{one.equal:,}")
        rows.append(
            (
                duel.second,
                duel.first,
                f"{duel.n:,}",
                f"{duel.groups:,}",
                mean,
                number(one.p),
                number(duel.p_holm),
                *counts,
            )
        )
    caption = (
        f"Mean difference of {METRICS[found.metric]} picture by picture; better, worse, equal: pictures. The interval "
        "draws whole groups of pictures again; p turns the sign of whole groups round."
    )
    return Table("Differences", header, tuple(rows), caption, text_columns=2)


def _tables(found: Comparison) -> Iterator[Table]:
    yield from figure_tables(found)
    yield duel_table(found)
    if found.published:
        rows = tuple(
            (one.name, one.benchmark, "-" if one.n is None else f"{one.n:,}", one.source or "-")
            for one in found.published
        )
        words = "Not measured here, not of the very same pictures, and in no test above."
        yield Table("Published figures", ("name", "benchmark", "pictures", "source"), rows, words, text_columns=4)
    header = ("run", "scored", "pictures", "skipped", "failed", "training data", "date", "data fingerprint", "folder")
    rows = tuple(
        (run.name, run.what, *(f"{n:,}" for n in (run.n, run.skipped, run.failed)), _training(run), run.date, *ends)
        for run, ends in ((run, (run.fingerprint, readable(run.folder))) for run in found.runs)
    )
    yield Table("Runs", header, rows, "", text_columns=len(header))


def _paper(found: Comparison) -> Iterator[Table]:
    """A table of each benchmark for LaTeX."""
    for table in figure_tables(found):
        words = f"{table.title}, protocol {found.runs[0].protocol.name}. {table.caption}"
        if table.title == list(found.parts)[-1]:
            words += " " + " ".join(sentence(duel, found) for duel in found.duels)
        yield Table(table.title, table.header, table.rows, words, table.text_columns)


def _markdown(found: Comparison, tables: Sequence[Table]) -> str:
    protocol = found.runs[0].protocol
    lines = [f"# {markdown_text(_title(found))}\n"]
    lines += [f"**{markdown_text(sentence(duel, found))}**\n" for duel in found.duels]
    lines += [f"{markdown_text(pictures_words(found))}\n"]
    lines += [f"Protocol {markdown_text(protocol.name)}: {markdown_text(protocol.words)}\n"]
    return "\n".join([*lines, *map(markdown_table, tables)])


def _plots(found: Comparison) -> Iterator[plots.Plot]:
    names = [run.name for run in found.runs]
    curves = {run.name: run.curve for run in found.runs}
    roc = {
        name: scores_of(rows, score_name(rows, found.runs[0].protocol))
        for name, rows in zip(names, found.common, strict=True)
    }
    f1 = {
        name: np.array([row.f1 for row in rows if row.manipulated and row.f1 is not None])
        for name, rows in zip(names, found.common, strict=True)
    }
    drawn = [
        plots.f1_by_threshold(curves, "Pixel F1 by threshold, each run on all its pictures"),
        plots.roc_of_pictures(roc, "ROC of whole pictures, those in common"),
        plots.histogram(f1, "F1 at 0.5 of a picture", "Pixel F1 of each manipulated picture in common"),
    ]
    before = {run.name: run.f1 for run in found.runs}
    for kind in dict.fromkeys(kind for run in found.runs for kind in run.robustness):
        levels, values = _at_levels(kind, found.runs)
        over = f"{kind}: {LEVELS.get(kind, 'level')}"
        caption = f"Pixel F1 after {kind}, each run on all its pictures; dotted: not degraded"
        drawn.append(plots.robustness(levels, values, before, over, caption))
    yield from (plot for plot in drawn if plot is not None)


def _at_levels(
    kind: str, runs: Sequence[SavedRun]
) -> tuple[Sequence[float | str], Mapping[str, Sequence[float | None]]]:
    """All levels that any run has, and the F1 of each run there, None where it has none."""
    known = {run.name: run.robustness.get(kind) for run in runs}
    f1 = {name: dict(zip(one.levels, one.f1, strict=True)) if one else {} for name, one in known.items()}
    levels = list(dict.fromkeys(level for one in f1.values() for level in one))
    numbers = sorted(level for level in levels if not isinstance(level, str))
    levels = numbers if len(numbers) == len(levels) else levels
    return levels, {name: [one.get(level) for level in levels] for name, one in f1.items()}


def _figure_row(one: Figures) -> tuple[str, ...]:
    f1 = with_interval(one.f1, one.f1_interval)
    cells = map(number, (one.iou, one.f1_best, one.auc, one.image_auc))
    return one.run, f"{one.n:,}", f"{one.own:,}", f1, *cells, share(one.false_alarm_area)


def _published_row(one: Published) -> tuple[str, ...]:
    n = "-" if one.n is None else f"{one.n:,}"
    cells = map(number, (one.f1, one.iou, one.f1_best, one.auc, one.image_auc))
    return f"{one.name} (published)", n, "-", *cells, "-"


def _training(run: SavedRun) -> str:
    if run.leaks is None:
        return "training data unknown"
    if not run.leaks:
        return "no overlap with the training data"
    return f"{count_of(run.leaks, 'picture')} of the training data"


def _title(found: Comparison) -> str:
    return f"{' and '.join(run.name for run in found.runs)}, protocol {found.runs[0].protocol.name}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.0005 else f"= {value:.3f}"
