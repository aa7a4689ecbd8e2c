"""What becomes of a pair whose maps are drawn: which kind is believed, and whether its map is kept.

It looks at no picture and runs no network, so maps that lie on a disk are judged as those that were drawn just now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from webiml.metrics.qes import qes
from webiml.settings import AnnotatorSettings
from webiml.types import Annotation, Kind, Reason, Row, Status

POSSIBLE = 0.1  # where no kind is sure, those at least so probable are tried: on strangers DASS finds that all differs
SURE = {"learned": 0.6, "prior": 0.0}
"""By method: a kind less probable than this is not believed, and every segmenter that may fit is asked."""
SEGMENTED = (Kind.SPG, Kind.SDG)  # kinds that can hold a forgery; each has a segmenter, which draws its map


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one segmenter made of a pair.

    Attributes:
        levels: (H, W) uint8, its map as it is stored: what is judged is what everyone can recompute.
        transform: 3x3 float64, authentic points to manipulated points. unknown: share that the aligned authentic
            picture does not cover. Both None where the pair is not aligned, and with the segmenter of SDG.
    """

    levels: np.ndarray
    transform: np.ndarray | None = None
    unknown: float | None = None


def segmenter_of(kind: Kind) -> Kind:
    """SPG or SDG: whose segmenter draws the map of a pair of that kind.

    What was looked at in vain has a map too: a person who doubts the kind can see what little was found.
    """
    return Kind.SPG if kind in (Kind.SPG, Kind.IDENTICAL) else Kind.SDG


def asked(likely: Mapping[Kind, float], sure: float) -> list[Kind]:
    """Whose segmenters a pair is looked at with: one where the kind is sure, else every one that may fit.

    It does not depend on the thresholds, so that other thresholds can be tried on what was drawn.
    """
    kind = _likeliest(likely)
    if likely[kind] >= sure:
        return [segmenter_of(kind)]
    return [one for one in SEGMENTED if likely.get(one, 0) >= POSSIBLE or one is segmenter_of(kind)]


def decide(
    likely: Mapping[Kind, float], sure: float, draw: Callable[[Kind], Drawn], settings: AnnotatorSettings
) -> Annotation:
    """The annotation of a pair, without its maps.

    A sure kind is believed. Else of the maps that are kept the one with the highest QES counts; where none is kept, the
    kind stays uncertain, with the map of the most probable one.

    Args:
        likely: how probable each kind is, [0, 1]; a kind that is missing is not.
        sure: what is less probable than this is not believed.
        draw: what the segmenter of SPG or of SDG makes of the pair; called once for each that is asked.
    """
    kind = _likeliest(likely)
    drawn = {one: draw(one) for one in asked(likely, sure)}
    expected = replace(judge(kind, likely[kind], drawn[segmenter_of(kind)], settings), kind_probabilities=dict(likely))
    if likely[kind] >= sure:
        return expected
    judged = {one: judge(one, likely.get(one, 0.0), drawn[one], settings) for one in drawn}
    kept = [found for one, found in judged.items() if found.status is Status.KEPT and likely.get(one, 0) >= POSSIBLE]
    if kept:
        found = replace(max(kept, key=lambda one: one.qes or 0), kind_probabilities=dict(likely))
    else:
        words = f"{likely[kind]:.2f} for {kind.value}, below {sure}, and no segmenter is sure"
        found = replace(expected, status=Status.REJECTED, reason=Reason.KIND_UNCERTAIN, detail=words)
    other = next((judged[one] for one in drawn if one is not segmenter_of(found.kind)), None)
    return replace(found, alternative=other)


def judge(kind: Kind, confidence: float, drawn: Drawn, settings: AnnotatorSettings) -> Annotation:
    """Keep a mask that is sure, of a believable size and about what both pictures show; else say why not."""
    mask = drawn.levels >= 128
    area = float(mask.mean())
    score = qes(drawn.levels)
    reason, detail = _doubt(kind, score, area, drawn.unknown, settings)
    return Annotation(
        status=Status.KEPT if reason is None else Status.REJECTED,
        reason=reason,
        detail=detail,
        kind=kind,
        kind_confidence=confidence,
        transform=drawn.transform,
        unknown_fraction=drawn.unknown,
        qes=score,
        mask_area=area,
        components=components(mask),
    )


def components(mask: np.ndarray) -> int:
    """8-connected parts of a (H, W) bool mask."""
    import cv2  # only here: a process that only writes rows stays small

    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def annotated(row: Row, found: Annotation, notes: str) -> Row:
    """The row of a pair with what the annotator says of it.

    Args:
        notes: what was noticed while its pictures were decoded; follows the annotator's own words.
    """
    other, likely = found.alternative, found.kind_probabilities
    return replace(
        row,
        status=found.status.value,
        reason=None if found.reason is None else found.reason.value,
        detail="; ".join(filter(None, (found.detail, notes))) or None,
        kind=found.kind.value,
        kind_confidence=_number(found.kind_confidence),
        kind_probabilities=[float(likely.get(kind, 0)) for kind in Kind] if likely else None,
        transform=_numbers(found.transform),
        unknown_fraction=_number(found.unknown_fraction),
        qes=_number(found.qes),
        mask_area=_number(found.mask_area),
        components=None if found.components is None else int(found.components),
        alternative_kind=None if other is None else other.kind.value,
        alternative_transform=None if other is None else _numbers(other.transform),
        alternative_unknown_fraction=None if other is None else _number(other.unknown_fraction),
    )


def _likeliest(likely: Mapping[Kind, float]) -> Kind:
    return max(likely, key=lambda kind: likely[kind])


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _numbers(transform: np.ndarray | None) -> list[float] | None:
    return None if transform is None else [float(value) for value in transform.ravel()]


def _doubt(
    kind: Kind, score: float | None, area: float, unknown: float | None, settings: AnnotatorSettings
) -> tuple[Reason | None, str]:
    if kind is Kind.IDENTICAL:
        return Reason.IDENTICAL, "nothing differs but what saving and resizing do"
    if kind is Kind.UNRELATED:
        return Reason.UNRELATED, "no common scene and no common object found"
    if unknown is not None and unknown > settings.max_unknown:
        return (
            Reason.UNKNOWN_AREA,
            f"{unknown:.0%} is not covered by the authentic picture, more than {settings.max_unknown:.0%}",
        )
    if score is None:
        return Reason.NOTHING_FOUND, "no pixel reaches 1/16"
    if score <= settings.min_qes:
        return Reason.LOW_QES, f"{score:.2f}, not above {settings.min_qes}"
    if area < settings.min_area:
        return Reason.TOO_SMALL_AREA, f"{area:.2%} of the picture, less than {settings.min_area:.2%}"
    if area > settings.max_area:
        return Reason.TOO_LARGE_AREA, f"{area:.0%} of the picture, more than {settings.max_area:.0%}"
    return None, ""
