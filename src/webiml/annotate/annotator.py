"""One pair of pictures in, one mask that can be trusted out, or the reason why there is none.

classify kind -> align -> segment -> average over views -> QES -> keep or reject     (the paper's Figure 2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from webiml.annotate.methods import method_of
from webiml.errors import BadMap
from webiml.evidence.evidence import Evidence
from webiml.evidence.judge import Drawn, decide, segmenter_of
from webiml.images.codec import from_8bit, to_8bit
from webiml.images.decode import MIN_SIDE
from webiml.images.draw import thumbnail
from webiml.settings import AnnotatorSettings
from webiml.types import THUMBNAIL_SIDE, Annotation, Kind


class Annotator:
    """Annotates pairs; keeps its settings and nothing else between calls, so one serves many threads and pairs."""

    def __init__(self, settings: AnnotatorSettings | None = None) -> None:
        self.settings = settings or AnnotatorSettings()
        self.method = method_of(self.settings)

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        """Annotate one pair.

        Args:
            authentic, manipulated: (H, W, 3) uint8 RGB, sides of 16 pixels or more; their sizes may differ.
        Returns:
            The annotation; its probability has the manipulated picture's size.
        Raises:
            BadMap: an array of another shape or type.
        """
        _refuse_other_arrays(authentic=authentic, manipulated=manipulated)
        evidence = Evidence(authentic, manipulated, self.method.backbone)
        draw = cache(lambda kind: self.draw(evidence, kind))
        found = _with_map(decide(self.method.classify(evidence), self.method.sure, draw, self.settings), draw)
        return replace(found, thumbnail=thumbnail(manipulated, THUMBNAIL_SIDE))

    def draw(self, evidence: Evidence, kind: Kind) -> Drawn:
        """What the segmenter of that kind, SPG or SDG, makes of a pair."""
        levels = to_8bit(evidence.at_native_size(self.method.segment[kind](evidence)))
        alignment = evidence.alignment if kind is Kind.SPG else None
        return Drawn(levels) if alignment is None else Drawn(levels, evidence.native_transform, alignment.unknown)


def annotate_pair(
    authentic: np.ndarray, manipulated: np.ndarray, settings: AnnotatorSettings | None = None
) -> Annotation:
    """Annotate one pair of pictures; see `Annotator`."""
    return Annotator(settings)(authentic, manipulated)


def _with_map(found: Annotation, draw: Callable[[Kind], Drawn]) -> Annotation:
    other = None if found.alternative is None else _with_map(found.alternative, draw)
    return replace(found, probability=from_8bit(draw(segmenter_of(found.kind)).levels), alternative=other)


def _refuse_other_arrays(**pictures: np.ndarray) -> None:
    for name, picture in pictures.items():
        if not isinstance(picture, np.ndarray):
            raise BadMap(f"{name} must be a numpy array, got {type(picture).__name__}; read pictures first")
        shape = picture.shape
        if len(shape) != 3 or shape[2] != 3 or picture.dtype != np.uint8 or min(shape[:2]) < MIN_SIDE:
            wanted = f"(H, W, 3) uint8 with sides of {MIN_SIDE} or more"
            raise BadMap(f"{name} must be {wanted}, got {picture.dtype} {shape}")
