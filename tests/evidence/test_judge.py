"""What becomes of a pair whose maps are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from webiml.evidence.judge import Drawn, components, decide, judge
from webiml.settings import AnnotatorSettings
from webiml.types import Kind, Reason, Status

LEVELS = {"sure": 255, "in doubt": 150, "nothing": 0}
SQUARE = 64 / (300 * 200)  # share of the picture


def square(level: int, unknown: float | None = None) -> Drawn:
    """A map with one 8x8 square of this level; 1/3 uncovered where it was drawn for a shared scene."""
    levels = np.zeros((200, 300), np.uint8)
    levels[40:48, 40:48] = level
    return Drawn(levels, None if unknown is None else np.eye(3), unknown)


# ---------------------------------------------------------------- reasons, in their order

WORST = {"max_unknown": 0.0, "min_qes": 1.0, "min_area": 0.0, "max_area": 0.0}


@pytest.mark.parametrize(
    ("kind", "found", "settings", "want"),
    [
        (Kind.IDENTICAL, "nothing", WORST, Reason.IDENTICAL),
        (Kind.UNRELATED, "sure", WORST, Reason.UNRELATED),
        (Kind.SPG, "nothing", WORST, Reason.UNKNOWN_AREA),
        (Kind.SPG, "nothing", WORST | {"max_unknown": 0.4}, Reason.NOTHING_FOUND),
        (Kind.SDG, "nothing", WORST, Reason.NOTHING_FOUND),  # what is uncovered does not matter here
        (Kind.SDG, "in doubt", WORST, Reason.LOW_QES),
        (Kind.SDG, "sure", WORST, Reason.LOW_QES),  # 1.0 is not above 1.0
        (Kind.SDG, "sure", WORST | {"min_qes": 0.5}, Reason.TOO_LARGE_AREA),
        (Kind.SDG, "sure", {"min_area": 1.1 * SQUARE}, Reason.TOO_SMALL_AREA),
        (Kind.SDG, "sure", {"min_area": 0.9 * SQUARE}, None),
        (Kind.SDG, "sure", {"min_area": 0.0, "max_area": 0.9 * SQUARE}, Reason.TOO_LARGE_AREA),
        (Kind.SPG, "sure", {}, None),
        (Kind.SPG, "sure", {"max_unknown": 0.3}, Reason.UNKNOWN_AREA),
    ],
)
def test_the_first_reason_that_holds_is_given(kind, found, settings, want):
    drawn = square(LEVELS[found], None if kind in (Kind.SDG, Kind.UNRELATED) else 1 / 3)
    annotation = judge(kind, 0.9, drawn, replace(AnnotatorSettings(), **settings))
    assert annotation.reason is want
    assert annotation.status is (Status.KEPT if want is None else Status.REJECTED)


def test_the_numbers_are_those_of_the_map():
    annotation = judge(Kind.SPG, 0.9, square(150, 0.25), AnnotatorSettings())
    assert (annotation.qes, annotation.mask_area, annotation.components) == (0.0, SQUARE, 1)
    assert (annotation.unknown_fraction, annotation.kind_confidence) == (0.25, 0.9)


def test_components_touch_at_corners():
    mask = np.zeros((200, 300), bool)
    mask[10:20, 10:20] = mask[20:30, 20:30] = mask[100:110, 200:210] = True
    assert components(mask) == 2


# ---------------------------------------------------------------- kinds in doubt

SPG, SDG, IDENTICAL, UNRELATED = Kind


@pytest.mark.parametrize(
    ("likely", "asked", "kind", "reason", "other"),
    [
        ([0.7, 0.2, 0.1, 0.0], {SPG}, SPG, None, None),  # sure: one segmenter, no alternative
        ([0.1, 0.2, 0.7, 0.0], {SPG}, IDENTICAL, Reason.IDENTICAL, None),
        ([0.1, 0.2, 0.0, 0.7], {SDG}, UNRELATED, Reason.UNRELATED, None),
        ([0.5, 0.4, 0.1, 0.0], {SPG, SDG}, SPG, None, SDG),  # both sure, the first of equal QES
        ([0.5, 0.05, 0.4, 0.05], {SPG}, SPG, None, None),
        ([0.05, 0.4, 0.5, 0.05], {SPG, SDG}, SDG, None, SPG),  # the map of the likeliest is asked for, too
        ([0.4, 0.05, 0.05, 0.5], {SPG, SDG}, SPG, None, SDG),
        ([0.05, 0.05, 0.5, 0.4], {SPG}, IDENTICAL, Reason.KIND_UNCERTAIN, None),
    ],
)
def test_of_kinds_in_doubt_the_surest_map_counts(likely, asked, kind, reason, other):
    drawn = []

    def draw(one: Kind) -> Drawn:
        drawn.append(one)
        return square(255, 0.0 if one is SPG else None)

    found = decide(dict(zip(Kind, likely, strict=True)), 0.6, draw, AnnotatorSettings())
    assert (set(drawn), len(drawn)) == (asked, len(asked))
    assert (found.kind, found.reason) == (kind, reason)
    assert found.kind_confidence == likely[list(Kind).index(kind)]
    assert list(found.kind_probabilities.values()) == likely
    assert (None if found.alternative is None else found.alternative.kind) is other


def test_with_two_maps_the_higher_score_wins_and_with_none_the_likeliest_kind_stays_in_doubt():
    half = square(255)
    half.levels[100:108, 100:106] = 100  # QES 64 / 112 = 0.57
    likely = {SPG: 0.3, SDG: 0.3, UNRELATED: 0.4}
    maps = {SPG: half, SDG: square(255)}
    best = decide(likely, 0.6, lambda kind: maps[kind], AnnotatorSettings(min_qes=0.5))
    assert (best.kind, best.qes, best.alternative and best.alternative.kind) == (SDG, 1.0, SPG)
    doubted = decide(likely, 0.6, lambda kind: maps[kind], AnnotatorSettings(min_qes=1.0))
    assert (doubted.kind, doubted.reason, doubted.kind_confidence) == (UNRELATED, Reason.KIND_UNCERTAIN, 0.4)
    assert doubted.detail == "0.40 for unrelated, below 0.6, and no segmenter is sure"
    assert doubted.alternative is not None and doubted.alternative.kind is SPG
