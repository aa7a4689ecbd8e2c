"""One picture at working size, and what can be known of it without the other: worked out once, and kept for a while.

One authentic picture often stands beside twenty manipulated ones. What is found in it depends on its pixels alone, so a
process remembers the last few pictures by the hash of their pixels.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import cached_property

import cv2
import numpy as np

from webiml.evidence.matching import descriptors
from webiml.geometry.features import Features, sift
from webiml.geometry.maps import grey
from webiml.nets.weights import SHIPPED_BACKBONE

WORKING_SIDE = 1024  # pixels; larger pictures are looked at in this size, and the map is brought back to their own
LEAST_SIDE = 256  # pixels; smaller pictures are enlarged to it, at most twice: edges are finer than their pixels
ENLARGED_SIDE = 700  # pixels; smaller pictures are searched for objects from more than their size
SCALE, FINE_SCALE = 1.25, 2.0  # of what is searched, at first and where little is found
REMEMBERED = 4  # pictures a process keeps: some ten megabytes each


class Picture:
    """A picture at working size.

    Attributes:
        rgb8: (h, w, 3) uint8. rgb: the same as float32 in [0, 1]. scale: (x, y) factors from the size that was given.
    """

    def __init__(self, given: np.ndarray, backbone: str = SHIPPED_BACKBONE) -> None:
        """`given`: (H, W, 3) uint8 RGB of any size. `backbone`: what its descriptors come from."""
        self.backbone = backbone
        self.rgb8, self.scale = _at_working_size(given)
        self.rgb = self.rgb8.astype(np.float32) / np.float32(255)

    @cached_property
    def features(self) -> Features:
        """Key points for laying one whole picture upon another."""
        return sift(grey(self.rgb8))

    @cached_property
    def search(self) -> Features:
        """Key points for finding an object: more, of smooth things too."""
        return self._search(SCALE, 3000)

    @cached_property
    def fine_search(self) -> Features:
        """Many more, of small things too, at four times the cost."""
        return self._search(FINE_SCALE, 6000)

    def _search(self, scale: float, most: int) -> Features:
        small = max(self.rgb8.shape[:2]) <= ENLARGED_SIDE
        return sift(grey(self.rgb8), scale=scale if small else 1.0, contrast=0.004, most=most)

    @cached_property
    def descriptors(self) -> np.ndarray:
        """(C, h, w) float32: what each place looks like to the backbone."""
        return descriptors(self.rgb, self.backbone)


_remembered: OrderedDict[bytes, Picture] = OrderedDict()


def remembered(given: np.ndarray, backbone: str = SHIPPED_BACKBONE) -> Picture:
    """The picture of these pixels, with all that was found in it if this process has seen it lately."""
    key = (
        hashlib.blake2b(np.ascontiguousarray(given).data, digest_size=16).digest()
        + f"{given.shape} {backbone}".encode()
    )
    found = _remembered.pop(key, None)
    if found is None:
        found = Picture(given, backbone)
    _remembered[key] = found  # the latest last
    while len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return found


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
