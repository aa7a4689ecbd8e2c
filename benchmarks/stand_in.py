"""A stand-in for the annotator, and very many small pairs: what is measured with it is all but the networks.

Its map is the difference of the two pictures, so a pair costs half a millisecond. It raises where the authentic picture
is all RAISES, and kills its process where it is all KILLS.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from webiml.evidence.judge import Drawn, judge
from webiml.images.codec import from_8bit
from webiml.settings import AnnotatorSettings
from webiml.types import Annotation, Kind

SIDE = 64  # pixels, of both sides of every picture
RAISES, KILLS = (255, 0, 255), (0, 255, 255)  # RGB
SETTINGS = AnnotatorSettings(method="prior")  # so that no network is named in the rows


class Difference:
    """In place of `Annotator`."""

    def __init__(self, settings: AnnotatorSettings) -> None:
        self.settings = settings

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        """The annotation of (H, W, 3) uint8 each."""
        if np.all(authentic == RAISES):
            raise ArithmeticError("this pair raises")
        if np.all(authentic == KILLS):
            os.kill(os.getpid(), signal.SIGKILL)
        levels = np.zeros(manipulated.shape[:2], np.uint8)
        if authentic.shape == manipulated.shape:
            apart = cv2.absdiff(authentic, manipulated).max(axis=2).astype(np.int32)
            levels = np.clip(6 * apart - 60, 0, 255).astype(np.uint8)
        found = judge(Kind.SPG, 1.0, Drawn(levels, np.eye(3), 0.0), self.settings)
        return replace(found, probability=from_8bit(levels), kind_probabilities={Kind.SPG: 1.0})


def write_pair(folder: Path, seed: int) -> None:
    """Make `folder` with 0.jpg and 1.jpg: a scene of its own, and the same with a square of another one."""
    rng = np.random.default_rng(seed)
    one = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    two = one.copy()
    y, x = rng.integers(0, SIDE - 24, 2)
    two[y : y + 20, x : x + 20] = cv2.resize(rng.integers(0, 256, (5, 5, 3), np.uint8), (20, 20))
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("0.jpg", one), ("1.jpg", two)):
        (folder / name).write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def one_colour(rgb: tuple[int, int, int]) -> bytes:
    """A PNG that is `rgb` all over."""
    return cv2.imencode(".png", np.full((SIDE, SIDE, 3), rgb[::-1], np.uint8))[1].tobytes()
