"""What the two pictures of a pair say about one another, each thing worked out once and only when it is asked for."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from webiml.align.alignment import Alignment, align
from webiml.geometry import fit
from webiml.geometry.features import Features, match, mirrored, sift
from webiml.geometry.hypotheses import Hypothesis, find_hypotheses
from webiml.geometry.maps import grey
from webiml.priors.correlation import correlation_prior
from webiml.priors.difference import Difference, difference_prior

WORKING_SIDE = 1024  # pixels; larger pictures are looked at in this size, and the map is brought back to their own
LEAST_SIDE = 256  # pixels; smaller pictures are enlarged to it, at most twice: edges are finer than their pixels
DOUBLED_SIDE = 700  # pixels; smaller pictures are searched for objects from twice their size
MOST_HYPOTHESES = 6  # over both the straight and the mirrored authentic picture


class Evidence:
    """A pair at working size, with its features, alignment, hypotheses and priors.

    Args: authentic, manipulated: (H, W, 3) uint8 RGB of any size. Inside, pictures are (h, w, 3) float32 in [0, 1].
    """

    def __init__(self, authentic: np.ndarray, manipulated: np.ndarray) -> None:
        self.native_size = manipulated.shape[:2]
        self._authentic8, self.authentic_scale = _at_working_size(authentic)
        self._manipulated8, self.manipulated_scale = _at_working_size(manipulated)
        self.authentic = self._authentic8.astype(np.float32) / np.float32(255)
        self.manipulated = self._manipulated8.astype(np.float32) / np.float32(255)

    @cached_property
    def features(self) -> tuple[Features, Features]:
        """Key points of the authentic and the manipulated picture."""
        return sift(grey(self._authentic8)), sift(grey(self._manipulated8))

    @cached_property
    def alignment(self) -> Alignment | None:
        """The whole authentic frame laid onto the manipulated one, if any transform does that."""
        return align(self.authentic, self.manipulated, *self.features)

    @cached_property
    def hypotheses(self) -> list[Hypothesis]:
        """Places where a piece of the authentic picture may lie in the manipulated one, strongest first."""
        source = _search(self._authentic8)
        target = _search(self._manipulated8)
        width = self.authentic.shape[1]
        straight = find_hypotheses(source, target, match(source, target, ratio=0.87))
        turned = mirrored(source, width)
        found = straight + find_hypotheses(turned, target, match(turned, target, ratio=0.87), mirrored_width=width)
        return sorted(found, key=lambda hypothesis: -len(hypothesis.points))[:MOST_HYPOTHESES]

    @cached_property
    def difference(self) -> Difference:
        """The SPG prior; 0 everywhere without an alignment."""
        found = self.alignment
        if found is None:
            nowhere = np.zeros(self.manipulated.shape[:2], bool)
            return difference_prior(self.manipulated, self.manipulated, nowhere)
        return difference_prior(found.authentic, self.manipulated, found.validity)

    @cached_property
    def correlation(self) -> np.ndarray:
        """(h, w) float32: the SDG prior."""
        return correlation_prior(self.authentic, self.manipulated, self.hypotheses)

    @property
    def native_transform(self) -> np.ndarray | None:
        """3x3 float64, authentic points to manipulated points at the sizes that were given."""
        if self.alignment is None:
            return None
        return fit.scaled(self.alignment.transform, 1 / self.authentic_scale, 1 / self.manipulated_scale)

    def at_native_size(self, probability: np.ndarray) -> np.ndarray:
        """(h, w) at working size to (H, W) float32 at the manipulated picture's own."""
        height, width = self.native_size
        if probability.shape == (height, width):
            return probability
        shrinks = probability.shape[0] > height
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.clip(cv2.resize(probability, (width, height), interpolation=how), 0, 1)


def _at_working_size(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with its longer side between LEAST_SIDE, where twice its size reaches that, and WORKING_SIDE; and the
    factors (x, y) that it was resized by."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    if LEAST_SIDE <= longer <= WORKING_SIDE:
        return np.ascontiguousarray(picture), np.ones(2)
    factor = min(LEAST_SIDE / longer, 2) if longer < LEAST_SIDE else WORKING_SIDE / longer
    # Very long, thin pictures keep 16 pixels of their short side: fewer say nothing.
    size = (max(16, round(width * factor)), max(16, round(height * factor)))
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return cv2.resize(picture, size, interpolation=how), np.array([size[0] / width, size[1] / height])


def _search(picture: np.ndarray) -> Features:
    return sift(grey(picture), doubled=max(picture.shape[:2]) <= DOUBLED_SIDE, contrast=0.004)
