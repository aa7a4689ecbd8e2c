"""The plots of evaluations, one run or several in each, as SVG in data: URIs. Equal numbers give equal bytes.

Every text that is drawn may be hostile: it becomes outlines, not letters, and is never read as mathematics.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from webiml.evaluate.pixel_figures import best_level, threshold_of
from webiml.metrics.detection import auc_of_scores, roc
from webiml.metrics.histograms import LEVELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Value = TypeVar("_Value")

WIDTH, HEIGHT = 4.2, 3.2  # inches of 72 points: letters stay readable on a phone
BINS = 20  # over [0, 1]
LABEL = 34  # characters of a name that are drawn
MAX_LINES = 7  # in one plot: so many colours can be told apart

_TICKS = 8  # levels that are written below an axis, if there are no more
_PIXELS = 96  # CSS pixels an inch
_GREY = "#8a929b"
# Okabe and Ito's colours, which those who are colour-blind tell apart, too; but for their yellow, faint on white
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))
_MARKERS = "osD^vPX"


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a page; `data` is a data: URI, the size in CSS pixels."""

    caption: str
    data: str
    height: int
    width: int


def f1_by_threshold(runs: Mapping[str, Sequence[float]], caption: str) -> Plot | None:
    """Mean F1 of the pixels at every threshold, 0.5 and the best one of each run; None without any.

    Args:
        runs: F1 at each of the 255 levels from 1 on of each run, as in result.json; of an empty one nothing is drawn.
    """
    if not any(len(values) for values in runs.values()):
        return None
    with _figure() as (axes, drawn):
        for place, (name, values) in _placed(runs):
            if not len(values):
                continue
            curve = np.asarray(values, float)
            thresholds = np.array([threshold_of(level) for level in range(1, LEVELS)])
            best = best_level(np.concatenate([[0], curve, [0]])) - 1
            words = f"{_label(name)}, best {curve[best]:.3f} at {thresholds[best]:.2f}"
            axes.plot(thresholds, curve, **_line(place), marker=_MARKERS[place], markevery=[best], label=words)
        axes.axvline(0.5, color=_GREY, linewidth=0.9)
        axes.set(xlabel="threshold (line: 0.5)", ylabel="F1, mean over pictures", xlim=(0, 1), ylim=(0, 1.02))
        _finish(axes)
    return as_plot(caption, drawn)


def roc_of_pictures(runs: Mapping[str, tuple[np.ndarray, np.ndarray]], caption: str) -> Plot | None:
    """ROC curves of whole pictures; None where no run has both classes.

    Args:
        runs: of each curve the scores (N,) float and whether each is manipulated (N,) bool.
    """
    curves = {name: (roc(*run), auc_of_scores(*run)) for name, run in runs.items()}
    if all(curve is None for curve, _ in curves.values()):
        return None
    with _figure() as (axes, drawn):
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.9)
        for place, (name, (curve, area)) in _placed(curves):
            if curve is not None:
                axes.plot(*curve, **_line(place), label=f"{_label(name)}: AUC {area:.3f}")
        axes.set(xlabel="share of authentic pictures flagged", ylabel="share of manipulated ones found")
        axes.set(xlim=(-0.01, 1), ylim=(0, 1.02))
        _finish(axes)
    return as_plot(caption, drawn)


def histogram(runs: Mapping[str, np.ndarray], over: str, caption: str) -> Plot | None:
    """How the numbers (N,) in [0, 1] of each name are spread, as shares of that name's own; None without any.

    Args: over: what the numbers are, for the axis.
    """
    if not any(len(values) for values in runs.values()):
        return None
    edges = np.linspace(0, 1, BINS + 1)
    with _figure() as (axes, drawn):
        for place, (name, values) in _placed(runs):
            if not len(values):
                continue
            counts = np.histogram(np.clip(values, 0, 1), edges)[0] / len(values)
            label = f"{_label(name)} ({len(values):,})"
            axes.stairs(counts, edges, color=_COLOURS[place], fill=True, alpha=0.18)
            axes.stairs(counts, edges, color=_COLOURS[place], linestyle=_DASHES[place], linewidth=1.6, label=label)
        axes.set(xlabel=over, ylabel="share of the pictures", xlim=(0, 1))
        axes.set_ylim(bottom=0)
        _finish(axes)
    return as_plot(caption, drawn)


def robustness(
    levels: Sequence[float | str],
    curves: Mapping[str, Sequence[float | None]],
    before: Mapping[str, float | None],
    over: str,
    caption: str,
) -> Plot | None:
    """Figures over the levels of one degradation, dotted what they were without it; None where none is known.

    Args:
        levels: numbers, or names of ways. curves: a value of each level, None where there is none.
        before: value of each name without degradation. over: what a level is, for the axis.
    """
    if all(value is None for values in curves.values() for value in values):
        return None
    numbers = [level for level in levels if not isinstance(level, str)]
    named = len(numbers) < len(levels)
    places = np.arange(len(levels)) if named else np.asarray(numbers, float)
    with _figure() as (axes, drawn):
        for place, (name, values) in _placed(curves):
            known = [(x, value) for x, value in zip(places, values, strict=True) if value is not None]
            if not known:
                continue
            look = _line(place) | {"linestyle": "-", "marker": _MARKERS[place], "markersize": 4.5}
            axes.plot(*zip(*known, strict=True), **look, label=_label(name))
            value = before.get(name)
            if value is not None:
                axes.axhline(value, color=_COLOURS[place], linewidth=0.9, linestyle=":")
        axes.set(xlabel=_label(over), ylabel="figure", ylim=(0, 1.02))
        if named:
            axes.set_xticks(places, [_label(str(level)) for level in levels])
            axes.set_xlim(-0.5, len(levels) - 0.5)
        elif len(levels) <= _TICKS:
            axes.set_xticks(places, [f"{level:g}" for level in places])
        _finish(axes)
    return as_plot(caption, drawn)


def _placed(runs: Mapping[str, _Value]) -> Iterator[tuple[int, tuple[str, _Value]]]:
    """The first runs with their places: a run has the same colour in every plot, whether or not others are drawn."""
    return enumerate(list(runs.items())[:MAX_LINES])


def _line(place: int) -> dict:
    return {"color": _COLOURS[place], "linestyle": _DASHES[place], "linewidth": 1.6}


def _label(name: str) -> str:
    """A name that can be drawn: short, of letters that the font has, and neither mathematics nor hidden."""
    name = "".join(c if c.isprintable() and ord(c) < 0x180 else "?" for c in name)
    name = name if len(name) <= LABEL else f"{name[: LABEL - 3]}..."
    return ("\u2009" + name if name.startswith("_") else name).replace("$", r"\$")  # a legend leaves _names out


def _finish(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e8eaed", linewidth=0.6)
    axes.set_axisbelow(True)
    handles, labels = axes.get_legend_handles_labels()
    if handles:  # above the axes, where no curve runs
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=1, frameon=False)


@contextmanager
def drawing(height: float = HEIGHT, width: float = WIDTH) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure to draw into, saved as SVG when the block ends; a user's own matplotlibrc changes nothing about it.

    Args: height, width: inches of 72 points.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # of its font cache it would speak on stderr
    from matplotlib import style
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    look = {"svg.hashsalt": "webiml", "svg.fonttype": "path", "font.size": 10.0, "legend.fontsize": 9.0}
    with style.context(look, after_reset=True):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, stream
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})


def as_plot(caption: str, drawn: io.BytesIO) -> Plot:
    """What was drawn, for a page."""
    svg = drawn.getvalue()
    # matplotlib writes its own size, in points
    width, height = (float(svg.split(side, 1)[1].split(b"pt", 1)[0]) / 72 for side in (b' width="', b' height="'))
    data = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return Plot(caption, data, round(height * _PIXELS), round(width * _PIXELS))


@contextmanager
def _figure() -> Iterator[tuple[Axes, io.BytesIO]]:
    """Axes to draw on; a legend takes nothing from them."""
    with drawing() as (figure, stream):
        axes = figure.subplots()
        yield axes, stream
        lines = len(axes.get_legend_handles_labels()[1])
        figure.set_size_inches(WIDTH, HEIGHT + 0.19 * lines)
