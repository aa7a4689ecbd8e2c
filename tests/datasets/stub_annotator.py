"""An annotator without networks: random kinds and maps, which the pixels of a pair decide; and pairs for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from webiml.annotate.dataset import annotate_dataset
from webiml.evidence.judge import SURE, Drawn, decide, segmenter_of
from webiml.images.codec import from_8bit
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.types import Annotation, Kind, Pair, Problem, Reason

SIZE = 16


class RandomAnnotator:
    """Says of a pair what its authentic picture's first pixels tell it to, at thresholds that are those of webiml."""

    def __init__(self, settings: AnnotatorSettings) -> None:
        self.settings = settings

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        rng = np.random.default_rng(authentic[0, :4].ravel())
        likely = dict(zip(Kind, rng.dirichlet([0.6] * 4).tolist(), strict=True))
        drawn = {Kind.SPG: self.drawn(rng), Kind.SDG: replace(self.drawn(rng), transform=None, unknown=None)}
        found = decide(likely, SURE[self.settings.method], drawn.__getitem__, self.settings)
        other = found.alternative
        if other is not None:
            other = replace(other, probability=from_8bit(drawn[segmenter_of(other.kind)].levels))
        return replace(found, probability=from_8bit(drawn[segmenter_of(found.kind)].levels), alternative=other)

    def drawn(self, rng: np.random.Generator) -> Drawn:
        """A map whose sure share and area are anything, and perhaps an alignment."""
        share, area = rng.random(2)
        inside = rng.random((SIZE, SIZE)) < (area if area > 0.1 else 0)
        levels = np.where(rng.random((SIZE, SIZE)) < share, 250, rng.choice([20, 130]))
        aligned = rng.random() < 0.8
        return Drawn(
            np.where(inside, levels, 0).astype(np.uint8),
            rng.normal(size=(3, 3)) if aligned else None,
            float(rng.random()) if aligned else None,
        )


def make_pairs(folder: Path, count: int) -> list[Pair]:
    """Pairs of noise; every fifth has a manipulated picture of 16 bits, of which a note is made, and one fails."""
    folder.mkdir()
    pairs = []
    for number in range(count):
        rng = np.random.default_rng(number)
        paths = folder / f"{number}-0.png", folder / f"{number}-1.png"
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(paths[0])
        if number % 5 == 0:
            Image.fromarray(rng.integers(0, 65536, (SIZE, SIZE), np.uint16)).save(paths[1])
        else:
            Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(paths[1])
        pairs.append(Pair(f"p{number:03}", f"pair {number}", *paths, root=folder, license="CC0", extra={"n": "1"}))
    return [*pairs, Pair("q", "q", None, None, Problem(Reason.IS_URL, "an address"))]


def annotated(pairs: list[Pair], out: Path, shape: str, **thresholds: float) -> Path:
    """The dataset that `webiml annotate` makes of the pairs at these thresholds."""
    run = AnnotateRun(format=shape, shard_pairs=7, workers=1)  # type: ignore[arg-type]
    annotate_dataset(pairs, out, AnnotatorSettings(**thresholds), run, annotator=RandomAnnotator)  # type: ignore[arg-type]
    return out
