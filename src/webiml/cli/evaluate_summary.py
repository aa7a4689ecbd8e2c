"""What `webiml evaluate` says at its end to a person: the figures in a table, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webiml.cli.summary import counted, line
from webiml.cli.terminal import plain
from webiml.report.evaluation_words import level_words, parts, subject, training_words
from webiml.report.tables import number, share, with_interval

NAMED = 3  # skipped and failed pictures that are named


def summary_text(result: Mapping[str, Any], out: Path | None) -> str:
    """A line for each benchmark, then a few more; what came from file names cannot act on the terminal.

    Args:
        result: as in result.json. out: folder of the result; None where nothing was written.
    """
    lines = [plain(subject(result)), plain(result["protocol_words"]), ""]
    header = ("benchmark", "pictures", "F1 at 0.5 (95 %)", "IoU", "F1 best of set")
    header += ("pixel AUC", "image AUC", "false area")
    lines += aligned(header, _rows(result))
    lines.append("")
    for word in ("skipped", "failed"):
        reasons, pictures = result[f"{word}_reasons"], result[f"{word}_pictures"]
        if not reasons:
            continue
        lines.append(line(word, counted(reasons)))
        for one in pictures[:NAMED]:
            lines.append(line("", plain(f"{one['benchmark']} {one['key']}: {one['detail'] or one['reason']}")))
        more = sum(reasons.values()) - min(NAMED, len(pictures))
        lines += [line("", f"and {more:,} more")] if more else []
    unused = result["what"].get("unused_maps")
    if unused:
        lines.append(line("unused", f"{unused:,} maps of no picture"))
    lines.append(line("training", plain(training_words(result))))
    for kind, levels in (result["robustness"] or {}).items():
        area = levels["area"]
        figures = f"F1 {number(area['f1'])}   IoU {number(area['iou'])}   image AUC {number(area['image_auc'])}"
        span = " to ".join(dict.fromkeys(level_words(level) for level in (levels["levels"][0], levels["levels"][-1])))
        lines.append(line("degraded", f"{kind} {span}: {figures}   (mean heights)"))
    if result.get("seconds") is not None:
        lines.append(line("time", f"{result['seconds']:.1f} s"))
    if out is not None:
        lines.append(line("next", f"open {plain(str(out / 'report.html'))}"))
    return "\n".join(lines)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """A table as lines of one width for each column: the first `words` columns to the left, numbers to the right."""
    table = [header, *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = []
    for row in table:
        padded = enumerate(zip(row, widths, strict=True))
        cells = [cell.ljust(width) if place < words else cell.rjust(width) for place, (cell, width) in padded]
        lines.append("   ".join(cells).rstrip())
    return lines


def _rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name, part in parts(result):
        pixel = part["pixel"]
        f1 = with_interval(pixel["f1"], pixel["intervals"].get("f1"))
        cells = map(number, (pixel["iou"], pixel["f1_best_of_set"], pixel["auc"], part["image"]["auc"]))
        rows.append((name, f"{part['n']:,}", f1, *cells, share(part["false_alarms"]["area"])))
    if len(result["benchmarks"]) > 1:
        mean = result["mean_of_benchmarks"]
        cells = map(number, (mean["f1"], mean["iou"], None, mean["auc"], None))
        rows.append(("mean of benchmarks", "-", *cells, "-"))
    return rows
