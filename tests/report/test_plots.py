"""The plots: the same numbers give the same bytes, and no name that is drawn can do anything."""

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from webiml.evaluate.pixel_figures import threshold_of
from webiml.report import plots

HOSTILE = [
    "<script>alert(1)</script>",
    "$\\frac{1}{",
    "_left out",
    "a\x1b[31m\nb",
    "\u202egnp.x",
    "图片 " * 30,
    "--> x",
]


def svg_of(plot: plots.Plot | None) -> str:
    assert plot is not None
    head, _, data = plot.data.partition(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def words(plot: plots.Plot | None) -> list[str]:
    """What is drawn as text: matplotlib says it in a comment above the outlines."""
    return re.findall(r"<!-- (.*?) -->", svg_of(plot))


def curve(best: int, height: float) -> list[float]:
    """F1 by threshold with its peak at one level."""
    return [height - abs(level - best) / 1000 for level in range(1, 256)]


def every_plot(names: list[str]) -> list[plots.Plot | None]:
    scores = np.linspace(0, 1, 8)
    truth = np.arange(8) % 2 == 1
    return [
        plots.f1_by_threshold({name: curve(100, 0.8) for name in names}, "one"),
        plots.roc_of_pictures({name: (scores, truth) for name in names}, "two"),
        plots.histogram({name: scores for name in names}, "score", "three"),
        plots.robustness(
            [50, 75, 100], {name: [0.2, None, 0.4] for name in names}, dict.fromkeys(names, 0.5), "x", "4"
        ),
        plots.robustness(["social"], {name: [0.2] for name in names}, {}, names[0], "five"),
    ]


def test_equal_numbers_give_equal_bytes_that_hold_no_date_and_no_code():
    first, second = every_plot(["a", "b"]), every_plot(["a", "b"])
    assert first == second and None not in first
    for plot in first:
        svg = svg_of(plot)
        assert "<dc:date>" not in svg and "<script" not in svg and "<text" not in svg
        root = ElementTree.fromstring(svg)
        points = [round(float(root.attrib[side].removesuffix("pt")) * 96 / 72) for side in ("width", "height")]
        assert plot is not None and [plot.width, plot.height] == pytest.approx(points, abs=1)


def test_hostile_names_are_drawn_as_they_are_and_do_nothing():
    for plot in every_plot(HOSTILE):  # warnings, such as of a letter that no font has, are errors here
        svg = svg_of(plot)
        ElementTree.fromstring(svg)
        assert "<script" not in svg and "\x1b" not in svg and "\u202e" not in svg
    drawn = words(plots.histogram({"_left out": np.array([0.5])}, "score", ""))
    assert any("_left out (1)" in text for text in drawn)
    long = words(plots.histogram({"x" * 500: np.array([0.5])}, "score", ""))
    assert max(map(len, long)) <= plots.LABEL + len(" (1)")


def test_the_best_threshold_is_named_and_of_equals_the_one_next_to_one_half():
    drawn = words(plots.f1_by_threshold({"peak": curve(51, 0.75), "flat": [0.3] * 255, "none": []}, ""))
    assert f"peak, best 0.750 at {threshold_of(51):.2f}" in drawn and "flat, best 0.300 at 0.50" in drawn
    assert not any(text.startswith("none") for text in drawn)


def test_the_area_stands_beside_each_roc_curve():
    truth = np.array([True, True, False, False])
    right, wrong = np.array([0.9, 0.8, 0.2, 0.1]), np.array([0.9, 0.2, 0.8, 0.1])
    drawn = words(
        plots.roc_of_pictures({"right": (right, truth), "half": (wrong, truth), "one": (right, truth | True)}, "")
    )
    assert "right: AUC 1.000" in drawn and "half: AUC 0.750" in drawn
    assert not any(text.startswith("one") for text in drawn)


def test_levels_are_written_below_the_axis():
    drawn = words(plots.robustness([50, 75, 100], {"F1": [0.1, None, 0.3]}, {"F1": 0.5}, "jpeg: quality", ""))
    assert [text for text in ("50", "75", "100", "jpeg: quality", "F1") if text not in drawn] == []
    assert "social" in words(plots.robustness(["social"], {"F1": [0.1]}, {}, "resave: way", ""))


def test_nothing_to_draw_is_no_plot():
    scores, truth = np.array([0.1, 0.2]), np.array([True, True])
    assert plots.f1_by_threshold({}, "") is None and plots.f1_by_threshold({"a": []}, "") is None
    assert plots.roc_of_pictures({"a": (scores, truth)}, "") is None
    assert plots.histogram({"a": np.array([])}, "", "") is None
    assert plots.robustness([1], {"a": [None]}, {}, "", "") is None


def test_a_run_keeps_its_colour_where_another_has_nothing():
    alone = svg_of(plots.robustness([1, 2], {"a": [None, None], "b": [0.1, 0.2]}, {}, "", ""))
    assert "#d55e00" in alone and "#0072b2" not in alone


def test_more_runs_than_colours_draw_the_first():
    names = [f"run {number}" for number in range(plots.MAX_LINES + 3)]
    drawn = words(plots.histogram({name: np.array([0.5]) for name in names}, "score", ""))
    assert sum(text.startswith("run ") for text in drawn) == plots.MAX_LINES
