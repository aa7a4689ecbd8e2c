"""Annotates pairs as a worker process does, alone and several at once, and says how it went.

python batch_driver.py PAIRS BATCH ANNOTATOR      ANNOTATOR: difference, or learned
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from dataset_driver import DifferenceAnnotator, listed

from webiml.annotate.annotator import Annotator
from webiml.annotate.batches import annotate_many
from webiml.annotate.pair_files import start_worker
from webiml.images.decode import decode
from webiml.settings import AnnotatorSettings
from webiml.types import Finished, Pair

taken = 0  # pairs that were asked for


def asked_for(pairs: list[Pair]) -> Iterator[Pair]:
    global taken
    for pair in pairs:
        taken += 1
        yield pair


def levels_apart(one: Finished, other: Finished) -> int:
    """The largest difference of two stored maps, of 255."""
    first, second = (decode(finished.files["probability.png"], 100_000).rgb.astype(int) for finished in (one, other))
    return int(np.abs(first - second).max())


def main(folder: str, batch: str, annotator: str) -> None:
    start_worker(AnnotatorSettings(), DifferenceAnnotator if annotator == "difference" else Annotator)
    pairs = listed(Path(folder))
    alone = list(annotate_many(pairs, 1))
    given: list[Finished] = []
    furthest = 0
    for finished in annotate_many(asked_for(pairs), int(batch)):
        furthest = max(furthest, taken - len(given))
        given.append(finished)
    said = {
        "keys": [finished.row.key for finished in given],
        "reasons": [finished.row.reason for finished in given],
        "same": [finished == other for finished, other in zip(given, alone, strict=True)],
        "levels_apart": [levels_apart(one, other) for one, other in zip(given, alone, strict=True) if other.files],
        "furthest": furthest,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
