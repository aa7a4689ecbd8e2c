"""Quality Evaluation Score: is a mask sure enough to keep when no ground truth exists?"""

from __future__ import annotations

import numpy as np

from webiml.errors import BadMap

LOW, HIGH = 16, 240  # of the stored 8-bit map: the paper's cuts 1/16 and 15/16


def qes(probability: np.ndarray) -> float | None:
    """Share of the suspected area about which the annotator is sure.

    Args:
        probability: (H, W) uint8, the soft map as stored (probability times 255), not thresholded.
    Returns:
        Pixels >= 240 over pixels >= 16, in [0, 1]; None when no pixel reaches 16.
    Raises:
        BadMap: not an 8-bit (H, W) map.
    Source: Qu et al., "Towards Modern Image Manipulation Localization", CVPR 2024, and its published script.
    Departs: computed from the stored 8-bit map, so that anyone can recompute it; an empty map is None, not 0,
        because "nothing found" and "found, but in doubt" are rejected for different reasons.
    """
    if probability.ndim != 2 or probability.dtype != np.uint8:
        raise BadMap(f"QES needs the stored 8-bit (H, W) map, got {probability.dtype} {probability.shape}")
    suspected = int(np.count_nonzero(probability >= LOW))
    return int(np.count_nonzero(probability >= HIGH)) / suspected if suspected else None
