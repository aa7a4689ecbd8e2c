"""A small annotator, pairs for it, and a run that can be killed.

python dataset_driver.py PAIRS OUT SHAPE WORKERS      prints the key of every row that is finished
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Literal, cast

import numpy as np
from PIL import Image

from webiml.annotate.dataset import Counts, annotate_dataset
from webiml.errors import OutputError
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.types import Annotation, Kind, Pair, Reason, Row, Status

Shape = Literal["folder", "shards"]


class DifferenceAnnotator:
    """Probability is the largest difference of the three channels. The first authentic pixel says what else to do."""

    KILL, RAISE, NO_MEMORY, NOTHING, BAD_MAP, SLOW = 1, 2, 3, 4, 5, 6

    def __init__(self, settings: AnnotatorSettings) -> None:
        self.log = os.environ.get("ANNOTATOR_LOG")

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{authentic[0, 1, 0]}\n")
        match int(authentic[0, 0, 0]):
            case self.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case self.RAISE:
                raise ValueError("cannot do this, see /usr/lib/somewhere/deep/module.py:3")
            case self.NO_MEMORY:
                raise MemoryError
            case self.NOTHING:
                return Annotation(Status.REJECTED, Reason.UNRELATED, "nothing in common", Kind.UNRELATED, 0.75)
            case self.BAD_MAP:
                bad = np.full(manipulated.shape[:2], np.nan, np.float32)
                return Annotation(Status.KEPT, None, "", Kind.SPG, 1.0, probability=bad)
            case self.SLOW:
                time.sleep(0.1)
        levels = np.abs(authentic.astype(int) - manipulated).max(axis=2)
        return Annotation(
            Status.KEPT,
            None,
            "",
            Kind.SPG,
            np.float32(0.5),  # type: ignore[arg-type]  # as careless code may return it
            probability=(levels / 255).astype(np.float32),
            transform=np.eye(3),
            unknown_fraction=0.0,
            qes=float("nan"),
            mask_area=np.float64(0.25),
            components=np.int64(3),  # type: ignore[arg-type]
        )


def make_pair(folder: Path, key: str, order: int = 0, number: int = 9) -> Pair:
    """64x48 pictures: authentic is 9 everywhere (its first pixel says `order`, its second `number`); the left half of
    manipulated is 127 brighter, the next 8 columns 128."""
    authentic = np.full((48, 64, 3), 9, np.uint8)
    manipulated = authentic.copy()
    authentic[0, 0, 0], authentic[0, 1, 0] = order, number
    manipulated[0, :2] = authentic[0, :2]
    manipulated[1:, :32] += 127
    manipulated[1:, 32:40] += 128
    paths = folder / f"{key}-0.png", folder / f"{key}-1.png"
    for path, array in zip(paths, (authentic, manipulated), strict=True):
        Image.fromarray(array).save(path)
    return Pair(key, key, *paths, root=folder)


def make_pairs(folder: Path, count: int, order: int = 0) -> list[Pair]:
    folder.mkdir(exist_ok=True)
    return [make_pair(folder, f"pair{number:02d}", order, number) for number in range(count)]


def listed(folder: Path) -> list[Pair]:
    """The pairs that `make_pairs` made."""
    keys = sorted(path.name.removesuffix("-0.png") for path in folder.glob("*-0.png"))
    return [Pair(key, key, folder / f"{key}-0.png", folder / f"{key}-1.png", root=folder) for key in keys]


def annotate(pairs: list[Pair], out: Path, shape: Shape = "folder", workers: int = 1, **more: object) -> Counts:
    run = AnnotateRun(format=shape, shard_pairs=3, workers=workers)
    return annotate_dataset(pairs, out, AnnotatorSettings(), run, annotator=DifferenceAnnotator, **more)  # type: ignore[arg-type]


def main(pairs: str, out: str, shape: str, workers: str) -> None:
    def say(row: Row) -> None:
        print(row.key, flush=True)

    try:
        annotate(listed(Path(pairs)), Path(out), cast(Shape, shape), int(workers), on_row=say)
    except OutputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
