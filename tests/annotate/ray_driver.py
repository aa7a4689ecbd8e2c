"""An annotator for workers of a Ray cluster that writes down what it does, and a run on one that can be killed.

python ray_driver.py PAIRS OUT SHAPE LOG ADDRESS      prints a line for every row that is reported
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from dataset_driver import DifferenceAnnotator, Shape, listed

from webiml.annotate.dataset import Counts, annotate_dataset
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.place import Place
from webiml.types import Annotation, Pair


class Logged(DifferenceAnnotator):
    """Notes its start and each pair: process and number."""

    def __init__(self, log: Path, settings: AnnotatorSettings) -> None:
        super().__init__(settings)
        self.path = log
        self.note("start")

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        self.note(str(authentic[0, 1, 0]))
        return super().__call__(authentic, manipulated)

    def note(self, what: str) -> None:
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()} {what}\n")


def on_ray(pairs: list[Pair], out: Path | Place, shape: Shape, log: Path, address: str = "", **more: object) -> Counts:
    run = AnnotateRun(format=shape, shard_pairs=3, workers=2, runner="ray", ray_address=address)
    return annotate_dataset(pairs, out, AnnotatorSettings(), run, annotator=partial(Logged, log), **more)  # type: ignore[arg-type]


if __name__ == "__main__":
    pairs, out, shape, log, address = sys.argv[1:]
    on_ray(
        listed(Path(pairs)),
        Path(out),
        cast(Shape, shape),
        Path(log),
        address,
        on_row=lambda row: print(row.key, flush=True),
    )
