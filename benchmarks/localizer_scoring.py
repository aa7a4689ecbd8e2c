"""Localize in single pictures and compare each with its truth: what the benchmarks of localizers share.

One look at a picture gives histograms of its 8-bit map inside and outside the truth. All thresholds, the AUC and the
area follow from these, so no map is kept. Masks are read here and never by a localizer, which gets pixels alone: no
name, no size of a file, no quantisation table.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from scoring import MOST_PIXELS, read_mask, read_table

from webiml import Localizer
from webiml.evaluate.pixel_figures import best_level, threshold_of
from webiml.images.codec import encode_jpeg, from_8bit, to_8bit
from webiml.images.decode import decode
from webiml.metrics.calibration import Reliability, reliability
from webiml.metrics.detection import auc_of_scores
from webiml.metrics.histograms import HALF, LEVELS, f1_at_levels, histograms
from webiml.metrics.ranking import auc
from webiml.metrics.resampling import interval as interval
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered

AUTHENTIC = "authentic"  # the kind of a picture in which there is nothing to find
RESAVED = 90  # JPEG quality that both classes are saved with before they are told apart
DRAWN = 400  # pixels of a picture whose errors are to be predicted; drawn by its key


class Answer(NamedTuple):
    """What a localizer says: probability and confidence, (H, W) float32 in [0, 1], and a score in [0, 1]."""

    probability: np.ndarray
    confidence: np.ndarray
    score: float


Look = Callable[[np.ndarray], Answer]  # of a picture, (H, W, 3) uint8 RGB
Changing = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # of picture and mask, before a look


@dataclass(frozen=True)
class Single:
    """One picture to localize in.

    Attributes:
        kind: how it was made, such as splice; AUTHENTIC where nothing was.
        component: what it shares sources with; pictures of one are drawn together by the bootstrap.
        mask: of a manipulated picture, as published; None for an authentic one.
    """

    key: str
    kind: str
    component: str
    picture: Path
    mask: Path | None


@dataclass(frozen=True)
class Change:
    """What is done to a picture before it is looked at; the truth follows.

    Attributes: scale: of both sides. jpeg: quality it is then saved with. None leaves either out.
    """

    jpeg: int | None = None
    scale: float | None = None

    def __call__(self, rgb: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The changed picture and the mask at its size."""
        if self.scale is not None:
            size = tuple(max(16, round(side * self.scale)) for side in rgb.shape[1::-1])
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC)
            mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        return (rgb if self.jpeg is None else resaved(rgb, self.jpeg)), mask


@dataclass(frozen=True)
class Seen:
    """One picture against its truth.

    Attributes:
        f1: (LEVELS,) of the mask `map >= level`; None for an authentic picture.
        flagged: (LEVELS,) share of the picture in that mask.
        score, largest: the picture's score and its largest probability, both after it was saved with RESAVED.
        bins: of all pixels. doubt, unsure, wrong: of DRAWN pixels: 1 - confidence, 1 - |2p - 1|, and whether they lie
            on the wrong side of the threshold.
        problem: why the picture counts as 0; empty for one that was looked at.
    """

    single: Single
    f1: np.ndarray | None
    flagged: np.ndarray
    auc: float | None
    score: float
    largest: float
    bins: Reliability
    doubt: np.ndarray
    unsure: np.ndarray
    wrong: np.ndarray
    seconds: float
    problem: str = ""


def localizer(weights: str, views: int = 1) -> Look:
    """The localizer of that name or path, on one thread."""
    return looking(Localizer.load(weights, threads=1), views)


def looking(loaded: Localizer, views: int) -> Look:
    """What a localizer answers, averaged over that many views."""

    def look(rgb: np.ndarray) -> Answer:
        found = loaded.localize(rgb, views=views)
        return Answer(found.probability, found.confidence, found.score)

    return look


def manipulated_singles(table: Path) -> list[Single]:
    """The manipulated pictures of a table of pairs, each once.

    A splice has an SPG and an SDG pair with one mask, so the SPG rows alone are taken. `type` says splice or copy-move
    (file names do, too, but are in part wrong); without it and `component` every picture is of one kind and on its own.
    """
    folder, rows = table.parent, read_table(table, kinds=["SPG"])
    if not rows:
        raise SystemExit(f"{table} holds no SPG pair, which is what manipulated pictures are taken from.")
    once = {row["manipulated"]: row for row in reversed(rows)}
    return [
        _known(Single(row["key"], row.get("type") or "manipulated", row.get("component") or row["key"],
                      folder / row["manipulated"], folder / row["mask"]))
        for row in reversed(once.values())
    ]  # fmt: skip


def authentic_singles(table: Path, more: Path | None = None) -> list[Single]:
    """The authentic pictures of a table of pairs and of `more`, a table with a column `image`; each once."""
    components: dict[Path, str] = {}
    for row in read_table(table, kinds=["SPG", "SDG"]):
        components.setdefault(table.parent / row["authentic"], row.get("component") or "")
    if more:
        listed = pd.read_csv(more, dtype=str, keep_default_na=False).to_dict("records")
        components |= {more.parent / str(row["image"]): str(row.get("component", "")) for row in listed}
    return [
        Single(f"{AUTHENTIC}-{path.stem}", AUTHENTIC, component or path.stem, path, None)
        for path, component in components.items()
    ]


def forged_singles(table: Path) -> list[Single]:
    """The pictures of a `singles.csv` as `webiml forge` writes it."""
    return [
        _known(Single(row["key"], "forged", row["key"], table.parent / row["manipulated"], table.parent / row["mask"]))
        for row in read_table(table)
    ]


def drawn(singles: Sequence[Single], count: int | None, seed: int = 0) -> list[Single]:
    """`count` of them, drawn by seed and key, in their order; all for None."""
    if count is None or count >= len(singles):
        return list(singles)
    by_chance = sorted(singles, key=lambda one: hashlib.sha256(f"{seed}/{one.key}".encode()).digest())
    chosen = {one.key for one in by_chance[:count]}
    return [one for one in singles if one.key in chosen]


def look_at_all(
    make: Callable[[], Look], singles: Sequence[Single], *, workers: int, change: Changing | None = None
) -> list[Seen]:
    """What a localizer makes of every picture, in order, in `workers` processes of one thread.

    Args:
        make: gives what looks, called once in each process; it must be picklable.
        change: done to every picture first.
    """
    see_one = functools.partial(_see, change or Change())
    with closing(run_ordered(see_one, singles, workers, functools.partial(_start, make))) as results:
        return [lost(one, found.detail) if isinstance(found, Crashed) else found for one, found in results]


def see(look: Look, single: Single, change: Changing, *, twice: bool = True) -> Seen:
    """Look at one picture and, for what is said of it as a whole, at its re-saved self; compare.

    Args: twice: False spares the second look; score and largest probability are then those of the first.
    Raises:
        BadImage, OSError: it cannot be read.
        ValueError: its mask has another size.
    """
    rgb, mask = change(*read_single(single))
    started = time.perf_counter()
    found = look(rgb)
    seconds = time.perf_counter() - started
    again = look(resaved(rgb, RESAVED)) if twice else found
    levels = to_8bit(found.probability)
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(single.key.encode()).digest()))
    places = rng.choice(mask.size, min(DRAWN, mask.size), replace=False)
    probability = found.probability.ravel()[places].astype(np.float64)
    return Seen(
        single=single,
        f1=None if single.mask is None else f1_of_levels(levels, mask),
        flagged=_at_least(levels.ravel()) / mask.size,
        auc=None if single.mask is None else auc(levels, mask),
        score=float(again.score),
        largest=float(again.probability.max()),
        bins=reliability(found.probability, mask),
        doubt=1 - found.confidence.ravel()[places].astype(np.float64),
        unsure=1 - np.abs(2 * probability - 1),
        wrong=(levels >= HALF).ravel()[places] != mask.ravel()[places],
        seconds=seconds,
    )


def lost(single: Single, problem: str) -> Seen:
    """A picture that could not be looked at: everything about it is 0."""
    nothing, none = np.zeros(LEVELS), np.empty(0)
    bins = reliability(np.empty((0, 0), np.float32), np.empty((0, 0), bool))
    manipulated = single.mask is not None
    return Seen(
        single, nothing if manipulated else None, nothing, 0.0 if manipulated else None, 0.0, 0.0, bins, none, none,
        none.astype(bool), 0.0, problem,
    )  # fmt: skip


def read_single(single: Single) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 RGB and (H, W) bool, the latter all False for an authentic picture."""
    rgb = decode(single.picture.read_bytes(), MOST_PIXELS).rgb
    mask = np.zeros(rgb.shape[:2], bool) if single.mask is None else read_mask(single.mask)
    if mask.shape != rgb.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the picture {rgb.shape[:2]} (H x W)")
    return rgb, mask


def resaved(rgb: np.ndarray, quality: int) -> np.ndarray:
    """The picture after one JPEG."""
    return decode(encode_jpeg(rgb, quality), MOST_PIXELS).rgb


def f1_of_levels(levels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(LEVELS,) float64: F1 of the mask `levels >= level` for every level, as `webiml.metrics.overlap.f1` has it.

    Args: levels (H, W) uint8; mask (H, W) bool.
    """
    return f1_at_levels(histograms(levels, mask))[:LEVELS]


def best_threshold(seen: Sequence[Seen]) -> tuple[float, float]:
    """The single threshold with the highest mean per-image F1, and that F1; see `best_of_curve`."""
    return best_of_curve(np.mean([one.f1 for one in seen if one.f1 is not None], axis=0))


def best_of_curve(mean: np.ndarray) -> tuple[float, float]:
    """The threshold at which (LEVELS,) means of F1 are highest, and that mean; of equals the one next to 0.5.

    A threshold lies halfway between two levels of the stored map: 0.5 is the one below HALF. Level 0 would mark
    everything and is no threshold.
    """
    curve = np.append(mean, 0)
    level = best_level(curve)
    return threshold_of(level), float(curve[level])


def ranked_auc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """How often one of (N,) values is above one of (M,) others, ties counted half; None where either is empty."""
    scores = np.concatenate([positive, negative]).astype(np.float64)
    return auc_of_scores(scores, np.arange(len(scores)) < len(positive))


# ---------------------------------------------------------------- floors


def everything(rgb: np.ndarray) -> np.ndarray:
    """Every pixel is marked."""
    return np.ones(rgb.shape[:2], np.float32)


def centred(rgb: np.ndarray) -> np.ndarray:
    """A Gaussian in the middle: what is known of where people edit, without a look at the picture."""
    y, x = (np.exp(-((np.linspace(-1, 1, side) / 0.45) ** 2) / 2) for side in rgb.shape[:2])
    return np.outer(y, x).astype(np.float32)


def error_level(quality: int, rgb: np.ndarray) -> np.ndarray:
    """Error level analysis: what one more JPEG changes, largest channel, mean of 9x9 pixels, stretched to [0, 1]."""
    changed = cv2.absdiff(rgb, resaved(rgb, quality)).max(axis=2).astype(np.float32)
    mean = cv2.blur(changed, (9, 9))
    return (mean - mean.min()) / max(float(mean.max() - mean.min()), 1e-9)


FLOORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all positive": everything,
    "centred Gaussian": centred,
    "ELA, quality 90": functools.partial(error_level, 90),
    "ELA, quality 75": functools.partial(error_level, 75),
}


def floor(name: str) -> Look:
    """What a localizer has to beat: a key of FLOORS. Its score is the mean of its map."""

    def look(rgb: np.ndarray) -> Answer:
        probability = from_8bit(to_8bit(FLOORS[name](rgb)))
        return Answer(probability, np.maximum(probability, 1 - probability), float(probability.mean()))

    return look


# ---------------------------------------------------------------- in a process


_look: Look  # what a process holds from picture to picture; set by `_start`


def _start(make: Callable[[], Look]) -> None:
    global _look
    one_thread()
    _look = make()


def _see(change: Changing, single: Single) -> Seen:
    return see(_look, single, change)


def _known(single: Single) -> Single:
    """The same; a mask that is not there would pass for a picture that cannot be read."""
    if single.mask is None or not single.mask.is_file():
        raise SystemExit(f"{single.key}: its mask {single.mask} is missing.")
    return single


def _at_least(levels: np.ndarray) -> np.ndarray:
    """(LEVELS,): how many of (N,) uint8 values reach each level."""
    return np.bincount(levels, minlength=LEVELS)[::-1].cumsum()[::-1]
