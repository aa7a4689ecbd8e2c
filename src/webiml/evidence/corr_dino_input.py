"""What Corr-DINO sees of one side of a pair: the picture, the other one as the hypotheses lay it, and the matching."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from webiml.evidence.evidence import Evidence
from webiml.geometry.hypotheses import Hypothesis
from webiml.geometry.maps import log_odds
from webiml.priors.correlation import Correlation, correlation_prior

# Features of the correlation prior's composite, and the range of each that is brought to [0, 1].
LOOKS: dict[str, tuple[float, float]] = {
    "fine": (-3.0, 4.0),
    "middle": (-3.0, 4.0),
    "tolerant": (-3.0, 5.2),
    "absolute": (-5.3, 0.6),
    "structure": (-1.0, 1.0),
    "structure_wide": (-1.0, 1.0),
    "texture": (-1.0, 1.0),
    "texture_wide": (-1.0, 1.0),
    "chance": (-3.0, 2.0),
    "chance_best": (-3.0, 3.5),
    "contrast": (-5.8, -0.8),
    "distance": (0.0, 6.0),
    "density": (-4.0, 3.5),
    "best": (-5.8, 5.8),
    "any": (-5.8, 5.8),
    "support": (0.0, 21.0),
}
PRIOR_RANGE = (-5.8, 5.8)
CHANNELS = 3 + 3 + 1 + len(LOOKS) + 1
CELL = 8  # pixels of the picture that a place of the matching stands for
MULTIPLE = 16  # the network pads both sides to multiples of this


def corr_dino_input(evidence: Evidence) -> dict[str, np.ndarray]:
    """The inputs of Corr-DINO for the manipulated picture of one pair.

    Returns:
        stack: (CHANNELS, H, W) float32 in [0, 1]: the manipulated picture at working size (3), the authentic one as the
            hypotheses lay and recolour it (3), where any does (1), the maps of LOOKS, the prior. Without hypotheses the
            second picture is the first and every map is 0. H and W are multiples of 16: right and bottom edges go on.
        matching: (len(matching.MAPS), H / 8, W / 8) float32.
    Source: method 2.3 and 9.
    """
    return {
        "stack": stack_of(evidence.manipulated, evidence.correlation),
        "matching": on_grid(evidence.matching, evidence.manipulated.shape[:2]),
    }


def donor_input(evidence: Evidence) -> dict[str, np.ndarray]:
    """The same with the roles of both pictures swapped; only forged pairs know what is to be found there."""
    inverse = [_inverse(one) for one in evidence.hypotheses]
    prior = correlation_prior(evidence.manipulated, evidence.authentic, inverse)
    return {
        "stack": stack_of(evidence.authentic, prior),
        "matching": on_grid(evidence.donor_matching, evidence.authentic.shape[:2]),
    }


def stack_of(picture: np.ndarray, prior: Correlation) -> np.ndarray:
    """(CHANNELS, H, W) float32; see `corr_dino_input`."""
    height, width = picture.shape[:2]
    more = (0, 0), (0, -height % MULTIPLE), (0, -width % MULTIPLE)
    stack = np.zeros((CHANNELS, height, width), np.float32)
    stack[:3] = stack[3:6] = picture.transpose(2, 0, 1)
    if not prior.look:
        return np.pad(stack, more, mode="edge")
    stack[3:6] = prior.authentic.transpose(2, 0, 1)
    stack[6] = prior.validity
    for place, (name, (low, high)) in enumerate(LOOKS.items(), start=7):
        stack[place] = np.clip((prior.look[name] - low) / (high - low), 0, 1)
    low, high = PRIOR_RANGE
    stack[-1] = np.clip((log_odds(prior.probability) - low) / (high - low), 0, 1)
    return np.pad(stack, more, mode="edge")


def on_grid(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps (K, h, w) over a whole picture of `size` (H, W) on the network's grid of that picture."""
    rows, columns = (-(-side // MULTIPLE) * MULTIPLE // CELL for side in size)
    # A cell's centre in units of the picture, then of the maps.
    x = ((np.arange(columns, dtype=np.float32) + 0.5) * CELL / size[1]) * maps.shape[2] - 0.5
    y = ((np.arange(rows, dtype=np.float32) + 0.5) * CELL / size[0]) * maps.shape[1] - 0.5
    where = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.stack(
        [cv2.remap(one, where[0], where[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for one in maps]
    )


def _inverse(hypothesis: Hypothesis) -> Hypothesis:
    scale = np.sqrt(abs(np.linalg.det(hypothesis.transform[:2, :2])))
    return replace(
        hypothesis,
        transform=np.linalg.inv(hypothesis.transform),
        points=hypothesis.sources,
        sizes=(hypothesis.sizes / scale).astype(np.float32),
        sources=hypothesis.points,
    )
