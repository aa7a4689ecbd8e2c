"""What the two pictures of a pair say about one another, each thing worked out once and only when it is asked for."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from webiml.align.alignment import Alignment, align
from webiml.evidence.matching import match_maps, without_common
from webiml.evidence.picture import Picture, remembered
from webiml.geometry import fit
from webiml.geometry.features import Features, match, mirrored
from webiml.geometry.hypotheses import Hypothesis, find_hypotheses
from webiml.nets.weights import SHIPPED_BACKBONE
from webiml.priors.correlation import Correlation, correlation_prior
from webiml.priors.difference import Difference, difference_prior

PLAIN = 8  # inliers of a hypothesis that leaves no doubt; from benchmarks/coarse_search.py
MOST_HYPOTHESES = 6  # over both the straight and the mirrored authentic picture


class Evidence:
    """A pair at working size, with its features, alignment, hypotheses and priors.

    Args:
        authentic, manipulated: (H, W, 3) uint8 RGB of any size. Inside, pictures are (h, w, 3) float32 in [0, 1].
        backbone: what `matching` sees them with: the one that ships, or a size of DINOv2 that is on this machine.
    """

    def __init__(self, authentic: np.ndarray, manipulated: np.ndarray, backbone: str = SHIPPED_BACKBONE) -> None:
        self.native_size = manipulated.shape[:2]
        self._authentic, self._manipulated = remembered(authentic, backbone), Picture(manipulated, backbone)
        self.authentic, self.manipulated = self._authentic.rgb, self._manipulated.rgb

    @cached_property
    def features(self) -> tuple[Features, Features]:
        """Key points of the authentic and the manipulated picture."""
        return self._authentic.features, self._manipulated.features

    @cached_property
    def alignment(self) -> Alignment | None:
        """The whole authentic frame laid onto the manipulated one, if any transform does that."""
        return align(self.authentic, self.manipulated, *self.features)

    @cached_property
    def hypotheses(self) -> list[Hypothesis]:
        """Places where a piece of the authentic picture may lie in the manipulated one, strongest first.

        Most pairs show at once where; only in the others is it worth to look at the small things, too.
        """
        found = self._hypotheses(self._authentic.search, self._manipulated.search)
        if found and len(found[0].points) >= PLAIN:
            return found
        return self._hypotheses(self._authentic.fine_search, self._manipulated.fine_search)

    def _hypotheses(self, source: Features, target: Features) -> list[Hypothesis]:
        width = self.authentic.shape[1]
        turned = mirrored(source, width)
        straight = find_hypotheses(source, target, match(source, target, ratio=0.87))
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
    def correlation(self) -> Correlation:
        """The SDG prior."""
        return correlation_prior(self.authentic, self.manipulated, self.hypotheses)

    @cached_property
    def matching(self) -> np.ndarray:
        """Maps of the manipulated picture: how every place of it looks for itself in the authentic one."""
        return match_maps(*without_common(self._manipulated.descriptors, self._authentic.descriptors))

    @property
    def donor_matching(self) -> np.ndarray:
        """The same of the authentic picture, which looks for itself in the manipulated one."""
        return match_maps(*without_common(self._authentic.descriptors, self._manipulated.descriptors))

    @property
    def native_transform(self) -> np.ndarray | None:
        """3x3 float64, authentic points to manipulated points at the sizes that were given."""
        if self.alignment is None:
            return None
        return fit.scaled(self.alignment.transform, 1 / self._authentic.scale, 1 / self._manipulated.scale)

    def at_native_size(self, probability: np.ndarray) -> np.ndarray:
        """(h, w) at working size to (H, W) float32 at the manipulated picture's own."""
        height, width = self.native_size
        if probability.shape == (height, width):
            return probability
        shrinks = probability.shape[0] > height
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.clip(cv2.resize(probability, (width, height), interpolation=how), 0, 1)
