"""What scored pairs come to: kinds, overlap, how far QES can be trusted. The fields are those of result.json."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webiml.metrics.calibration import BINS, Reliability
from webiml.metrics.ranking import spearman
from webiml.metrics.resampling import interval
from webiml.metrics.risk_coverage import risk_coverage
from webiml.types import Kind, Status

QES_BINS = 10
MOST_POINTS = 1000  # of a curve that a result holds; the areas are those of the whole curve
NO_KIND = "none"


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """One row of per_image.parquet: every row of the truth has exactly one."""

    name: str
    """The key in the truth table, or the mask's file name without its ending."""
    key: str | None
    """The pair's key in the dataset; null when the truth could not be brought to a pair."""
    skipped: str | None
    """Why the pair is not scored, one of a closed list; null when it is."""
    detail: str | None
    """What was wrong with it, in words for a person."""
    group: str | None
    """What the pair shares sources with, as the truth says."""
    kind: str | None
    """True kind; null where the truth does not say."""
    predicted: str | None
    """Kind that the annotator says; none where it failed or is uncertain."""
    status: str | None
    """kept, rejected or failed, as the dataset says."""
    reason: str | None
    """Why the pair is not kept, as the dataset says."""
    qes: float | None
    """Quality Evaluation Score, as the dataset says."""
    iou: float | None = None
    """IoU of the stored mask with the published one; without a stored mask that of an empty one."""
    f1: float | None = None
    """F1 of the same."""
    iou_all: float | None = None
    """The same IoU where the pair is kept; where it is not, that of an empty mask."""
    f1_all: float | None = None
    """F1 of the same."""
    stored: bool | None = None
    """Whether the dataset has a mask of the pair, kept or not."""
    true_area: float | None = None
    """Share of the picture inside the published mask, [0, 1]."""
    area: float | None = None
    """Share of the picture inside the stored mask, [0, 1]."""
    height: int | None = None
    """Height of the published mask in pixels."""
    width: int | None = None
    """Width of the published mask in pixels."""
    truth_sha256: str | None = None
    """SHA-256 of the published mask's size and bits; enters the fingerprint of the result."""


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean IoU and F1 over some pairs; low and high are the ends of a 95 % interval. Null when there are none."""

    n: int
    iou: float | None
    iou_low: float | None
    iou_high: float | None
    f1: float | None
    f1_low: float | None
    f1_high: float | None


@dataclass(frozen=True, slots=True)
class QesBin:
    """Pairs whose QES lies in [low, high), in the last bin [low, high]: how many, mean QES, mean IoU of the mask."""

    low: float
    high: float
    n: int
    qes: float | None
    iou: float | None


@dataclass(frozen=True, slots=True)
class QesFigures:
    """How well QES tells good masks from bad ones, over the pairs that have one."""

    n: int
    without: int
    """Pairs of which no pixel was suspected, or that failed: they have no QES."""
    spearman: float | None
    """Rank correlation of QES and IoU; null when one of them is constant."""
    bins: tuple[QesBin, ...]
    aurc: float | None
    """Area under the risk-coverage curve, with 1 - IoU as the risk."""
    aurc_ideal: float | None
    """The same if pairs were ordered by their true IoU."""
    aurc_random: float | None
    """The same if they were ordered at random: the mean risk."""
    curve: tuple[tuple[float, float], ...]
    """Points (coverage, risk): the share of the pairs that is kept, highest QES first, and their mean 1 - IoU."""


@dataclass(frozen=True, slots=True)
class PixelBin:
    """Pixels whose probability lies in [low, high): how many, mean probability, share that is manipulated."""

    low: float
    high: float
    pixels: int
    probability: float | None
    manipulated: float | None


@dataclass(frozen=True, slots=True)
class PixelFigures:
    """Whether a probability of 0.8 means that eight pixels in ten are manipulated, over all stored maps."""

    pixels: int
    ece: float | None
    """Expected calibration error, [0, 1]."""
    bins: tuple[PixelBin, ...]


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """Masks against the published ones."""

    n: int
    """Pairs with a published mask."""
    kept: int
    kept_share: float | None
    over_all: Mean
    """Every pair; one that is rejected or failed counts as an empty mask."""
    over_stored: Mean
    """Every pair; a rejected one counts with the mask that is stored for it, one without as an empty mask."""
    over_kept: Mean
    """The pairs that are kept."""
    qes: QesFigures
    probability: PixelFigures


@dataclass(frozen=True, slots=True)
class KindFigures:
    """How often the kind is right, over the pairs whose true kind is known."""

    n: int
    accuracy: float | None
    kept: int
    accuracy_kept: float | None
    """Accuracy over those of them that are kept."""
    confusion: dict[str, dict[str, int]]
    """True kind to predicted kind to pairs; `none` where the annotator failed or was uncertain."""


def kind_figures(pairs: Sequence[ScoredPair]) -> KindFigures | None:
    """Kinds of the pairs that are scored; None when the truth knows none of them."""
    known = [pair for pair in pairs if pair.skipped is None and pair.kind is not None]
    if not known:
        return None
    kept = [pair for pair in known if pair.status == Status.KEPT]
    confusion = {kind.value: dict.fromkeys([*map(str, Kind), NO_KIND], 0) for kind in Kind}
    for pair in known:
        confusion[pair.kind or ""][pair.predicted or NO_KIND] += 1
    return KindFigures(
        n=len(known),
        accuracy=_mean([pair.kind == pair.predicted for pair in known]),
        kept=len(kept),
        accuracy_kept=_mean([pair.kind == pair.predicted for pair in kept]),
        confusion={kind: row for kind, row in confusion.items() if any(row.values())},
    )


def mask_figures(pairs: Sequence[ScoredPair], pixels: Reliability | None) -> MaskFigures:
    """Masks of the pairs that are scored and have a published mask.

    Args:
        pixels: bins of all stored maps of these pairs; None when there are none.
    """
    found = [pair for pair in pairs if pair.iou is not None]
    kept = [pair for pair in found if pair.status == Status.KEPT]
    return MaskFigures(
        n=len(found),
        kept=len(kept),
        kept_share=len(kept) / len(found) if found else None,
        over_all=_means(found, "iou_all", "f1_all"),
        over_stored=_means(found, "iou", "f1"),
        over_kept=_means(kept, "iou", "f1"),
        qes=_qes_figures(found),
        probability=_pixel_figures(pixels),
    )


def _means(pairs: Sequence[ScoredPair], iou: str, f1: str) -> Mean:
    if not pairs:
        return Mean(0, *(None,) * 6)
    groups = [pair.group or "" for pair in pairs]
    figures: list[float] = []
    for name in (iou, f1):
        values = np.array([getattr(pair, name) for pair in pairs], np.float64)
        figures += [float(values.mean()), *interval(values, groups)]
    return Mean(len(pairs), *figures)


def _qes_figures(pairs: Sequence[ScoredPair]) -> QesFigures:
    scored = [pair for pair in pairs if pair.qes is not None]
    score = np.array([pair.qes for pair in scored], np.float64)
    overlap = np.array([pair.iou for pair in scored], np.float64)
    place = np.clip((score * QES_BINS).astype(int), 0, QES_BINS - 1)
    bins = []
    for number in range(QES_BINS):
        inside = place == number
        means = [_mean(values[inside]) for values in (score, overlap)]
        bins.append(QesBin(number / QES_BINS, (number + 1) / QES_BINS, int(inside.sum()), means[0], means[1]))
    rank = spearman(score, overlap)
    found = risk_coverage(score, 1 - overlap)
    shown = np.unique(np.linspace(0, len(scored) - 1, min(len(scored), MOST_POINTS)).round().astype(int))
    return QesFigures(
        n=len(scored),
        without=len(pairs) - len(scored),
        spearman=None if math.isnan(rank) else rank,
        bins=tuple(bins),
        aurc=found.area,
        aurc_ideal=found.ideal,
        aurc_random=found.random,
        curve=tuple(zip(found.coverage[shown].tolist(), found.risk[shown].tolist(), strict=True)),
    )


def _pixel_figures(pixels: Reliability | None) -> PixelFigures:
    if pixels is None:
        return PixelFigures(0, None, ())
    bins = []
    for number, (count, probability, manipulated) in enumerate(
        zip(pixels.count.tolist(), pixels.probability.tolist(), pixels.manipulated.tolist(), strict=True)
    ):
        shares = (probability / count, manipulated / count) if count else (None, None)
        bins.append(PixelBin(number / BINS, (number + 1) / BINS, int(count), *shares))
    return PixelFigures(int(pixels.count.sum()), pixels.ece, tuple(bins))


def _mean(values: Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
