"""The plots of a scored dataset: what QES and the probability are worth. Equal figures give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from webiml.evaluate.annotated.figures import MaskFigures
from webiml.report.plots import Plot, as_plot, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.2, 4.2  # inches of 72 points
_COLOURS = {"all": "#2f5fa8", "SPG": "#2f5fa8", "SDG": "#c4701c"}
_GREY = "#8a929b"


def draw_qes(masks: Mapping[str, MaskFigures], min_qes: float | None) -> Plot:
    """Mean IoU of the pairs in each bin of QES, and below how many there are.

    Args:
        masks: as in result.json. min_qes: what the dataset was kept above; None where it does not say.
    """
    with drawing(HEIGHT + 0.8, WIDTH) as (figure, drawn):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _diagonal(upper)
        parts = _parts(masks)
        width = 0.8 / len(parts) / 10  # of one bar, in units of QES
        for place, (name, part) in enumerate(parts.items()):
            full = [one for one in part.qes.bins if one.n]
            points = ([one.qes or 0 for one in full], [one.iou or 0 for one in full])
            upper.plot(*points, marker="o", markersize=4, color=_COLOURS[name], label=_label(name, part.qes.n))
            middles = [(one.low + one.high) / 2 + width * (place - (len(parts) - 1) / 2) for one in part.qes.bins]
            lower.bar(middles, [one.n for one in part.qes.bins], width=width, color=_COLOURS[name])
        if min_qes is not None:
            for axes in (upper, lower):
                axes.axvline(min_qes, color=_GREY, linewidth=0.8, linestyle=":")
        upper.set(ylabel="mean IoU of a bin", xlim=(0, 1), ylim=(0, 1.02))
        lower.set(xlabel="QES", ylabel="pairs")
        _finish(upper, "upper left")
        _finish(lower)
    return as_plot("QES against the true IoU", drawn)


def draw_risk_coverage(masks: Mapping[str, MaskFigures]) -> Plot:
    """Mean 1 - IoU of the pairs that are left, when those of low QES are left out first."""
    with drawing(HEIGHT, WIDTH) as (figure, drawn):
        axes = figure.subplots()
        for name, part in _parts(masks).items():
            if part.qes.aurc is None:
                continue
            words = f"{_label(name, part.qes.n)}: AURC {part.qes.aurc:.3f}"
            coverage, risk = zip(*part.qes.curve, strict=True)
            axes.plot(coverage, risk, color=_COLOURS[name], label=words)
            axes.axhline(part.qes.aurc_random or 0, color=_COLOURS[name], linewidth=0.8, linestyle=":")
        axes.set(xlabel="share of the pairs kept, highest QES first", ylabel="mean of 1 - IoU", xlim=(0, 1))
        axes.set_ylim(bottom=0)
        _finish(axes, "best")
    return as_plot("Risk and coverage; dotted: random order", drawn)


def draw_probability(masks: Mapping[str, MaskFigures]) -> Plot:
    """Share of manipulated pixels among those of about one probability."""
    with drawing(HEIGHT, WIDTH) as (figure, drawn):
        axes = figure.subplots()
        _diagonal(axes)
        for name, part in _parts(masks).items():
            full = [one for one in part.probability.bins if one.pixels]
            points = ([one.probability or 0 for one in full], [one.manipulated or 0 for one in full])
            words = name if part.probability.ece is None else f"{name}: ECE {part.probability.ece:.3f}"
            axes.plot(*points, marker="o", markersize=4, color=_COLOURS[name], label=words)
        axes.set(xlabel="mean probability of a bin", ylabel="share that is manipulated", xlim=(0, 1), ylim=(0, 1.02))
        _finish(axes, "upper left")
    return as_plot("Probability against frequency", drawn)


def _parts(masks: Mapping[str, MaskFigures]) -> dict[str, MaskFigures]:
    """The kinds where they are known, else all pairs."""
    return {name: part for name, part in masks.items() if name != "all"} or {"all": masks["all"]}


def _label(name: str, count: int) -> str:
    return f"{'all pairs' if name == 'all' else name} ({count:,})"


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle="--")


def _finish(axes: Axes, legend: Literal["", "best", "upper left"] = "") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e8eaed", linewidth=0.6)
    axes.set_axisbelow(True)
    if legend and axes.get_legend_handles_labels()[1]:
        axes.legend(loc=legend, fontsize="small", frameon=False)
