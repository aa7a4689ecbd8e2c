"""An evaluation on disk: its figures, its rows, and what a person reads of them.

result.json  per_image.parquet  report.html  report.md  report.tex
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from webiml.evaluate.benchmarks.items import Benchmark
from webiml.evaluate.plan import Plan
from webiml.evaluate.rows import ImageRow, Result, write_rows
from webiml.evaluate.run import Evaluated
from webiml.report import plots
from webiml.report.evaluation_cases import sheets
from webiml.report.evaluation_tables import (
    count_table,
    fact_table,
    image_table,
    kind_table,
    leak_table,
    left_out_tables,
    paper_table,
    pixel_table,
    pooled_table,
    robustness_tables,
)
from webiml.report.evaluation_words import LEVELS, headline, title, training_words, undegraded
from webiml.report.page import page_of, write_page
from webiml.report.tables import Table, latex_table, markdown_table, markdown_text
from webiml.store.atomic import make_folder, output_error, write_bytes

RESULT, ROWS, PAGE, MARKDOWN, LATEX = "result.json", "per_image.parquet", "report.html", "report.md", "report.tex"

_KINDS_DRAWN = 5  # curves of kinds beside the one of all pictures
_DRAWN = {"f1": "F1 at 0.5", "iou": "IoU", "auc": "pixel AUC", "image_auc": "image AUC"}


def write_evaluation(out: Path, found: Evaluated, planned: Plan, *, pictures: bool) -> Path:
    """Write all files of a result, each in one step; result.json is the last, so its presence says that all are there.

    Args:
        out: folder, made when missing. pictures: whether the page shows the best and the worst cases.
    Returns:
        Path of the page.
    Raises:
        OutputError: one of them cannot be written.
    """
    result = found.result
    make_folder(out)
    try:
        (out / RESULT).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, out / RESULT) from None
    about = {name: str(result[name]) for name in ("protocol", "schema", "fingerprint")}
    write_rows(out / ROWS, found.rows, about)
    tables = list(_tables(result, planned.benchmarks))
    write_bytes(out / MARKDOWN, _markdown(result, tables).encode("utf-8", "backslashreplace"))
    write_bytes(out / LATEX, latex_table(paper_table(result)).encode("utf-8", "backslashreplace"))
    page = page_of(
        "evaluation.html.j2",
        result=result,
        title=title(result),
        headline=headline(result),
        training=training_words(result),
        clean=bool(result["training_data"]["known"] and not result["training_data"]["leaks"]),
        tables=tables,
        plots=list(_plots(result, found.rows)),
        sheets=sheets(found, planned) if pictures else (),
    )
    write_page(out / PAGE, page)
    write_bytes(out / RESULT, (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    return out / PAGE


def scores_of(rows: Sequence[ImageRow], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N,) float and truth (N,) bool of whole pictures.

    Args: rows: none of them skipped. name: the column that they are told by, such as `largest`.
    """
    values = [getattr(row, name) for row in rows]
    return np.array(values, np.float64), np.array([row.manipulated for row in rows], bool)


def _tables(result: Mapping[str, Any], benchmarks: Sequence[Benchmark]) -> Iterator[Table]:
    yield pixel_table(result)
    yield image_table(result)
    for table in (kind_table(result), pooled_table(result)):
        if table is not None:
            yield table
    yield from robustness_tables(result)
    yield count_table(result, benchmarks)
    leaks = leak_table(result)
    if leaks is not None:
        yield leaks
    yield from left_out_tables(result)
    yield fact_table(result)


def _plots(result: Mapping[str, Any], rows: Sequence[ImageRow]) -> Iterator[plots.Plot]:
    counted = [row for row in rows if row.result != Result.SKIPPED]
    told = result["image"]["score"]
    curves = {name: one["pixel"]["f1_by_threshold"] for name, one in result["benchmarks"].items()}
    if len(curves) > 1:
        curves = {"all together": result["pixel"]["f1_by_threshold"], **curves}
    manipulated = [row for row in counted if row.manipulated]
    authentic = [row for row in counted if not row.manipulated]
    groups = {"manipulated": scores_of(manipulated, told)[0], "authentic": scores_of(authentic, told)[0]}
    f1 = {"manipulated": np.array([row.f1 for row in manipulated if row.f1 is not None])}
    drawn = [
        plots.f1_by_threshold(curves, "Pixel F1 by threshold"),
        plots.roc_of_pictures(_by_kind(counted, told), "ROC of whole pictures, each kind against all authentic ones"),
        plots.histogram(groups, "score of a picture", "Scores of whole pictures"),
        plots.histogram(f1, "F1 at 0.5 of a picture", "Pixel F1 of each picture"),
    ]
    plain = undegraded(result)
    before = {words: plain[name] for name, words in _DRAWN.items()}
    for kind, levels in (result["robustness"] or {}).items():
        values = {words: levels[name] for name, words in _DRAWN.items()}
        over = f"{kind}: {LEVELS.get(kind, 'level')}"
        drawn.append(plots.robustness(levels["levels"], values, before, over, f"After {kind}; dotted: not degraded"))
    yield from (plot for plot in drawn if plot is not None)


def _by_kind(counted: Sequence[ImageRow], told: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """All pictures, and the most frequent kinds each with all authentic pictures."""
    kinds: dict[str, int] = {}
    for row in counted:
        if row.manipulated and row.kind:
            kinds[row.kind] = kinds.get(row.kind, 0) + 1
    runs = {"all": scores_of(counted, told)}
    if len(kinds) > 1:
        for kind in sorted(kinds, key=lambda name: (-kinds[name], name))[:_KINDS_DRAWN]:
            runs[kind] = scores_of([row for row in counted if not row.manipulated or row.kind == kind], told)
    return runs


def _markdown(result: Mapping[str, Any], tables: Sequence[Table]) -> str:
    remarks = "".join(f"- {markdown_text(remark)}\n" for remark in result["protocol_remarks"])
    return "\n".join(
        [
            f"# {markdown_text(title(result))}\n",
            f"{markdown_text(headline(result))}\n",
            f"**{markdown_text(training_words(result))}**\n",
            f"Protocol {markdown_text(result['protocol'])}: {markdown_text(result['protocol_words'])} "
            f"Source: {markdown_text(result['protocol_source'])}.\n",
            *([remarks] if remarks else []),
            *(markdown_table(table) for table in tables),
        ]
    )
