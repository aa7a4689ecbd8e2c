"""How often is a mask kept of two pictures that share nothing?

    python benchmarks/false_alarms.py --pairs ../shared/data/casia1_dev/pairs.csv --images PACK [--images PACK2]
                                      [--count 200] [--seed 3] [--method prior|learned] [--worst DIR]

Puts pictures together that share neither scene nor object: manipulated pictures of the table beside authentic ones of
another `component` (as the table calls pictures that have any source in common), beside pictures of the packs, and
pictures of the packs beside each other; a third of each. Nothing that is kept of them is right. --worst writes what was
kept, surest first: authentic, manipulated, found.
"""

from __future__ import annotations

import argparse
import functools
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from machine import machine
from one_factor import sheet
from scoring import METHODS, MOST_PIXELS, annotator, read_table

from webiml import Annotator
from webiml.forge.pictures import SourcePicture, list_pictures, read_picture
from webiml.images.codec import encode_png
from webiml.images.decode import decode
from webiml.images.draw import heat
from webiml.runners.cores import one_thread
from webiml.store.atomic import make_folder, write_bytes

Picture = Path | SourcePicture


@dataclass(frozen=True)
class Found:
    """What the annotator made of two strangers."""

    authentic: Picture
    manipulated: Picture
    kind: str
    reason: str
    kept: bool
    qes: float


def main() -> None:
    """Annotate the strangers and print what was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="a table with a column `component`")
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--method", choices=METHODS, help="the annotator's default unless given")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worst", type=Path, help="write what was kept here, as PNG")
    arguments = parser.parse_args()
    pairs = strangers(arguments.pairs, list_pictures(arguments.images), arguments.count, arguments.seed)
    start = functools.partial(_start, arguments.method)
    with ProcessPoolExecutor(arguments.workers, get_context("spawn"), initializer=start) as pool:
        found = list(pool.map(annotate, pairs, chunksize=4))
    kept = sorted((one for one in found if one.kept), key=lambda one: -one.qes)
    print(f"{machine()}, method {arguments.method or 'default'}, seed {arguments.seed}")
    print(f"{len(found)} pairs of strangers: {len(kept)} kept ({len(kept) / len(found):.1%})\n")
    outcomes = Counter(f"{one.kind}, {one.reason or 'kept'}" for one in found)
    for words, count in outcomes.most_common():
        print(f"{count:>6}  {words}")
    if arguments.worst:
        write_worst(arguments.worst, kept, arguments.method)


def strangers(table: Path, pictures: list[SourcePicture], count: int, seed: int) -> list[tuple[Picture, Picture]]:
    """`count` pairs (authentic, manipulated) that share nothing, drawn by the seed."""
    rng, rows = np.random.default_rng(seed), read_table(table)
    pairs: list[tuple[Picture, Picture]] = []
    while len(pairs) < count:
        one, two = (rows[int(rng.integers(len(rows)))] for _ in range(2))
        first, second = (pictures[int(rng.integers(len(pictures)))] for _ in range(2))
        authentic, manipulated = table.parent / one["authentic"], table.parent / two["manipulated"]
        if len(pairs) % 3 == 0 and one["component"] != two["component"]:
            pairs.append((authentic, manipulated))
        elif len(pairs) % 3 == 1:
            pairs.append((first, manipulated))
        elif len(pairs) % 3 == 2 and first.scene != second.scene:
            pairs.append((first, second))
    return pairs


def annotate(pair: tuple[Picture, Picture]) -> Found:
    """Annotate one pair of strangers."""
    annotation = _annotate(read(pair[0]), read(pair[1]))
    reason = annotation.reason.value if annotation.reason else ""
    return Found(*pair, annotation.kind.value, reason, annotation.reason is None, annotation.qes or 0.0)


def read(picture: Picture) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    if isinstance(picture, Path):
        return decode(picture.read_bytes(), MOST_PIXELS).rgb
    return read_picture(picture)[0]


def write_worst(out: Path, kept: list[Found], method: str | None) -> None:
    """NUMBER.png of each kept pair."""
    make_folder(out)
    again = annotator(method)
    for number, one in enumerate(kept, start=1):
        authentic, manipulated = read(one.authentic), read(one.manipulated)
        probability = again(authentic, manipulated).probability
        assert probability is not None
        tiles = {"authentic": authentic, "manipulated": manipulated, f"{one.kind} {one.qes:.2f}": heat(probability)}
        write_bytes(out / f"{number:03d}.png", encode_png(sheet(tiles)))


_annotate: Annotator  # what a process holds from pair to pair; set by `_start`


def _start(method: str | None) -> None:
    global _annotate
    one_thread()
    _annotate = annotator(method)


if __name__ == "__main__":
    main()
