"""A scored dataset for a person: report.md and report.html, the same tables in both and plots in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from webiml.evaluate.annotated.figures import KindFigures, MaskFigures, Mean
from webiml.evaluate.annotated.scores import RESULT, TABLE, AnnotationScores
from webiml.report.annotation_plots import draw_probability, draw_qes, draw_risk_coverage
from webiml.report.page import page_of, write_page
from webiml.report.plots import Plot
from webiml.report.tables import markdown_text, number, share, with_interval
from webiml.report.words import REASON_MEANING
from webiml.store.atomic import write_bytes

MARKDOWN, PAGE = "report.md", "report.html"
_NO_KINDS = "The truth does not say which kind a pair is, so there are no figures of kinds and no split by kind."
_ABOUT_MASKS = (
    "A pair that is not kept counts as an empty mask over all: that is what a user of the dataset gets. Over stored, a "
    "rejected pair counts with the mask that is stored for it: that is what the annotator found. IoU and F1 are means "
    "over pairs at the stored value 128; in brackets 95 % by bootstrap over groups."
)
_ABOUT_QES = (
    "QES can choose if masks with a high QES overlap well. AURC is the area under the risk-coverage curve: the mean of "
    "1 - IoU over all shares of pairs that can be kept, highest QES first. It lies between the ideal, the order of the "
    "true IoU, and random order, or above random where QES misleads."
)
_ABOUT_PROBABILITY = (
    "Over the pixels of all stored maps: is a probability of 0.8 right in eight pixels of ten? ECE, the expected "
    "calibration error, is the mean gap, weighted by pixels."
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what a reader must know, a table and plots; any but the heading may be empty."""

    title: str
    words: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    plots: tuple[Plot, ...] = ()


def write_reports(out: Path, scores: AnnotationScores) -> Path:
    """Write OUT/report.md and OUT/report.html, each in one step; equal scores give equal bytes.

    Returns:
        Path of the page.
    Raises:
        OutputError: one of them cannot be written.
    """
    sections = list(_sections(scores))
    write_bytes(out / MARKDOWN, "".join(_markdown(scores, sections)).encode("utf-8", "backslashreplace"))
    values = {"scores": scores, "sections": sections, "result": RESULT, "table": TABLE}
    return write_page(out / PAGE, page_of("annotation_scores.html.j2", **values))


def mean_cells(mean: Mean) -> tuple[str, str, str]:
    """Pairs, IoU and F1 of a mean with their intervals, for a table."""
    cells = [
        number(value) if low is None or high is None else with_interval(value, (low, high))
        for value, low, high in ((mean.iou, mean.iou_low, mean.iou_high), (mean.f1, mean.f1_low, mean.f1_high))
    ]
    return f"{mean.n:,}", cells[0], cells[1]


def confusion_rows(kinds: KindFigures) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the confusion table; a kind that nobody says and nothing is has no column."""
    columns = [name for name in next(iter(kinds.confusion.values())) if any(r[name] for r in kinds.confusion.values())]
    header = ("true kind", *(f"taken for {name}" if name != "none" else "no kind" for name in columns))
    return header, [(kind, *(f"{row[name]:,}" for name in columns)) for kind, row in kinds.confusion.items()]


def part_name(name: str) -> str:
    """What a part of the pairs is called in a table."""
    return "all pairs" if name == "all" else name


def _sections(scores: AnnotationScores) -> Iterator[Section]:
    parts = list(scores.masks.items())
    kinds = scores.kinds
    if kinds is None:
        yield Section("Kinds", _NO_KINDS)
    else:
        words = (
            f"Right for {number(kinds.accuracy)} of the {kinds.n:,} pairs whose kind is known, and for "
            f"{number(kinds.accuracy_kept)} of the {kinds.kept:,} of them that are kept. No kind: the annotator "
            "failed, or said that it is uncertain; that counts as wrong."
        )
        header, rows = confusion_rows(kinds)
        yield Section("Kinds", words, header, tuple(rows))
    means = tuple(
        (part_name(name), over, *mean_cells(mean))
        for name, part in parts
        for over, mean in (("all", part.over_all), ("stored", part.over_stored), ("kept", part.over_kept))
    )
    yield Section("Masks", _ABOUT_MASKS, ("of", "over", "pairs", "IoU (95 %)", "F1 (95 %)"), means)
    header = ("of", "kept", "with a QES", "Spearman with IoU", "AURC", "ideal", "random")
    min_qes = scores.settings.get("min_qes")
    plots = (
        draw_qes(scores.masks, min_qes if isinstance(min_qes, float) else None),
        draw_risk_coverage(scores.masks),
    )
    yield Section("QES", _ABOUT_QES, header, tuple(_qes_row(name, part) for name, part in parts), plots)
    bins = tuple(
        (f"{one.low:.1f} to {one.high:.1f}", f"{one.n:,}", number(one.qes), number(one.iou))
        for one in scores.masks["all"].qes.bins
    )
    yield Section("QES in ten bins", "All pairs that have a QES.", ("QES", "pairs", "mean QES", "mean IoU"), bins)
    rows = tuple(
        (part_name(name), f"{part.probability.pixels:,}", number(part.probability.ece)) for name, part in parts
    )
    plot = draw_probability(scores.masks)
    yield Section("Probability", _ABOUT_PROBABILITY, ("of", "pixels", "ECE"), rows, (plot,))
    yield from _left_out(scores)
    yield Section("What was scored", "", ("what", "value"), tuple(_facts(scores)))


def _left_out(scores: AnnotationScores) -> Iterator[Section]:
    if scores.skipped:
        rows = tuple((reason, f"{count:,}", REASON_MEANING.get(reason, "")) for reason, count in scores.skipped.items())
        words = "These rows of the truth could not be scored and enter no figure."
        yield Section("Skipped", words, ("reason", "pairs", "meaning"), rows)
        yield Section("Which were skipped", _first(scores.skipped_pairs, sum(scores.skipped.values())))
    if scores.unscored:
        words = _first(scores.unscored_pairs, scores.unscored)
        yield Section("In the dataset, but without a published mask", words)


def _facts(scores: AnnotationScores) -> Iterator[tuple[str, str]]:
    yield "dataset", scores.dataset
    yield "made with", f"webiml {scores.dataset_version}"
    for name, value in sorted(scores.settings.items()):
        yield f"setting {name}", value if isinstance(value, str) else json.dumps(value)
    for weights in scores.weights:
        yield "weights", weights
    yield "truth", scores.truth
    yield "threshold and size", scores.threshold
    yield "fingerprint", scores.fingerprint
    yield "scored with", f"webiml {scores.version}" + (f", commit {scores.commit}" if scores.commit else "")


def _qes_row(name: str, part: MaskFigures) -> tuple[str, ...]:
    figures = (part.qes.spearman, part.qes.aurc, part.qes.aurc_ideal, part.qes.aurc_random)
    return part_name(name), share(part.kept_share), f"{part.qes.n:,}", *map(number, figures)


def _markdown(scores: AnnotationScores, sections: Sequence[Section]) -> Iterator[str]:
    yield f"# {scores.n:,} {'pair' if scores.n == 1 else 'pairs'} against published masks\n\n"
    yield f"Every row of the truth is one row of `{TABLE}`; all figures are in `{RESULT}`; the plots are in `{PAGE}`.\n"
    for section in sections:
        yield f"\n## {section.title}\n\n"
        if section.words:
            yield f"{markdown_text(section.words)}\n"
        if section.header:
            yield "\n" if section.words else ""
            for cells in (section.header, ("---",) * len(section.header), *section.rows):
                yield "| " + " | ".join(cell if cell == "---" else markdown_text(cell) for cell in cells) + " |\n"


def _first(names: Sequence[str], count: int) -> str:
    more = f"; and {count - len(names):,} more" if count > len(names) else ""
    return "; ".join(names) + more
