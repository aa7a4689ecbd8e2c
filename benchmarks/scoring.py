"""Annotate the pairs of a table and compare each with its published mask: what the benchmarks beside this one share.

The table has the columns key, authentic, manipulated, mask and kind, paths relative to it. Masks and kinds are read
here and never by the annotator.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

import cv2
import numpy as np
import pandas as pd

from webiml import Annotation, Annotator, AnnotatorSettings
from webiml.images.codec import encode_png, to_8bit
from webiml.images.decode import decode
from webiml.metrics.calibration import Reliability, reliability
from webiml.metrics.overlap import f1, iou
from webiml.metrics.ranking import auc
from webiml.pairs.keys import safe_key
from webiml.runners.cores import one_thread
from webiml.store.atomic import make_folder, write_bytes

MOST_PIXELS = 200_000_000
METHODS = get_args(get_type_hints(AnnotatorSettings)["method"])


@dataclass(frozen=True)
class KnownPair:
    """A pair with its published truth.

    Attributes: authentic, manipulated: (H, W, 3) uint8 RGB. mask: (H, W) bool, the manipulated picture's.
    """

    key: str
    kind: str
    authentic: np.ndarray
    manipulated: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Score:
    """One pair against its truth; QES is 0 where there is none, and a pair without a map scores an empty mask."""

    key: str
    kind: str
    predicted: str
    confidence: float
    status: str
    reason: str
    qes: float
    iou: float
    f1: float
    auc: float | None
    seconds: float


Scored = list[tuple[Score, Reliability]]
Annotate = Callable[[np.ndarray, np.ndarray], Annotation]
Change = Callable[[KnownPair], KnownPair]


def annotator(method: str | None = None) -> Annotator:
    """The annotator of one method, the default one for None."""
    settings = AnnotatorSettings()
    return Annotator(replace(settings, method=method) if method else settings)


def read_table(
    table: Path, sample: int | None = None, seed: int = 0, kinds: Sequence[str] | None = None
) -> list[dict[str, str]]:
    """The rows of a table in its order, of these kinds; `sample` of them, drawn by seed and key, where it has more."""
    rows = pd.read_csv(table, dtype=str, keep_default_na=False).to_dict("records")
    for row in rows:
        if safe_key(row["key"]) != row["key"]:
            raise SystemExit(f"{table}: {row['key']!r} cannot name a file; use letters, digits, - and _ in keys.")
    rows = [row for row in rows if kinds is None or row["kind"] in kinds]
    if sample is None or sample >= len(rows):
        return rows
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}/{row['key']}".encode()).digest())[:sample]
    keys = {row["key"] for row in drawn}
    return [row for row in rows if row["key"] in keys]


def read_pair(folder: Path, row: dict[str, str]) -> KnownPair:
    """The pictures and the mask of a row, its paths relative to `folder`."""
    authentic, manipulated = (
        decode((folder / row[side]).read_bytes(), MOST_PIXELS).rgb for side in ("authentic", "manipulated")
    )
    mask = read_mask(folder / row["mask"])
    if mask.shape != manipulated.shape[:2]:
        raise SystemExit(f"{row['key']}: the mask is {mask.shape}, the picture {manipulated.shape[:2]} (H x W).")
    return KnownPair(row["key"], row["kind"], authentic, manipulated, mask)


def score_table(
    table: Path,
    *,
    workers: int,
    maps: Path | None = None,
    make: Callable[[], Annotate] = annotator,
    change: Change | None = None,
    rows: Sequence[dict[str, str]] | None = None,
) -> Scored:
    """Score the pairs of a table in `workers` processes, in its order.

    Args:
        maps: folder for every probability map as KEY.png.
        make: gives what annotates, called once in each process; it must be picklable, and so must `change`.
        change: done to every pair before it is annotated; the truth is that of the changed pair.
        rows: those of `read_table` that are scored, all for None.
    """
    if maps:
        make_folder(maps)
    work = functools.partial(_score_row, table.parent, maps, change)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(make,)) as pool:
        return list(pool.map(work, read_table(table) if rows is None else rows, chunksize=4))


def score(annotate: Annotate, pair: KnownPair) -> tuple[Score, Reliability, np.ndarray]:
    """Annotate one pair and compare; also the (H, W) uint8 map that was compared."""
    started = time.perf_counter()
    annotation = annotate(pair.authentic, pair.manipulated)
    seconds = time.perf_counter() - started
    empty = np.zeros(pair.mask.shape, np.float32)
    probability = empty if annotation.probability is None else annotation.probability
    stored = to_8bit(probability)
    found = Score(
        key=pair.key,
        kind=pair.kind,
        predicted=annotation.kind.value,
        confidence=annotation.kind_confidence,
        status=annotation.status.value,
        reason=annotation.reason.value if annotation.reason else "",
        qes=annotation.qes or 0.0,
        iou=iou(stored >= 128, pair.mask),
        f1=f1(stored >= 128, pair.mask),
        auc=auc(stored, pair.mask),
        seconds=seconds,
    )
    return found, reliability(probability, pair.mask), stored


def read_mask(path: Path) -> np.ndarray:
    """(H, W) bool of a published mask, True where it is brighter than 127."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise SystemExit(f"{path} is no mask that can be read; the table names it.")
    return grey > 127


def as_frame(scored: Scored) -> pd.DataFrame:
    """One row a pair."""
    return pd.DataFrame([asdict(one) for one, _ in scored])


def pooled(scored: Scored) -> Reliability:
    """The bins of all pixels of all pairs."""
    return sum((bins for _, bins in scored[1:]), scored[0][1])


_annotate: Annotate  # what a process holds from pair to pair; set by `_start`


def _start(make: Callable[[], Annotate]) -> None:
    global _annotate
    one_thread()
    _annotate = make()


def _score_row(
    folder: Path, maps: Path | None, change: Change | None, row: dict[str, str]
) -> tuple[Score, Reliability]:
    pair = read_pair(folder, row)
    found, bins, stored = score(_annotate, change(pair) if change else pair)
    if maps:
        write_bytes(maps / f"{pair.key}.png", encode_png(stored))
    return found, bins
