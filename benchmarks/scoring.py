"""Annotate the pairs of a table and compare each with its published mask: what accuracy.py and calibration.py share.

The table has the columns key, authentic, manipulated, mask and kind, paths relative to it. Masks and kinds are read
here and never by the annotator.
"""

from __future__ import annotations

import functools
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from webiml import Annotator
from webiml.images.codec import to_8bit
from webiml.images.decode import decode
from webiml.metrics.calibration import Reliability, reliability
from webiml.metrics.overlap import f1, iou
from webiml.metrics.ranking import auc


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


def score_table(table: Path, *, workers: int, maps: Path | None = None) -> Scored:
    """Score every pair of a table in `workers` processes, in its order; maps are written to the folder `maps`."""
    rows = pd.read_csv(table, dtype={"key": str}).to_dict("records")
    work = functools.partial(score, table.parent, maps)
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return pool.map(work, rows, chunksize=4)


def score(folder: Path, maps: Path | None, row: dict) -> tuple[Score, Reliability]:
    """Annotate one pair and compare."""
    authentic, manipulated = (
        decode((folder / row[side]).read_bytes(), max_pixels=200_000_000).rgb for side in ("authentic", "manipulated")
    )
    started = time.perf_counter()
    annotation = Annotator()(authentic, manipulated)
    seconds = time.perf_counter() - started
    truth = read_mask(folder / row["mask"])
    empty = np.zeros(truth.shape, np.float32)
    probability = empty if annotation.probability is None else annotation.probability
    stored = to_8bit(probability)
    if maps:
        maps.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(maps / f"{row['key']}.png"), stored)
    found = Score(
        key=row["key"],
        kind=row["kind"],
        predicted=annotation.kind.value,
        confidence=annotation.kind_confidence,
        status=annotation.status.value,
        reason=annotation.reason.value if annotation.reason else "",
        qes=annotation.qes or 0.0,
        iou=iou(stored >= 128, truth),
        f1=f1(stored >= 128, truth),
        auc=auc(stored, truth),
        seconds=seconds,
    )
    return found, reliability(probability, truth)


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
