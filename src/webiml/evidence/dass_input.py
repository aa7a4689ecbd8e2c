"""What DASS sees of a pair: both pictures, where both can be compared, and how far the difference stands out."""

from __future__ import annotations

import numpy as np

from webiml.evidence.evidence import Evidence
from webiml.geometry.maps import log_odds

# Maps of the difference prior, and the range of each that is brought to [0, 1]. Logarithms of how far a difference
# stands out of the pair's own noise, at several scales; of the bare difference; and the prior itself, in log-odds.
MAPS: dict[str, tuple[float, float]] = {
    "signed_fine": (-3.0, 5.0),
    "signed_middle": (-3.0, 5.0),
    "signed_coarse": (-3.0, 5.0),
    "tolerant": (-3.0, 5.0),
    "structure": (-3.0, 5.0),
    "absolute": (-5.3, 0.0),
    "first": (-5.8, 5.8),
}
PRIOR_RANGE = (-5.8, 5.8)
CHANNELS = 3 + 3 + 1 + len(MAPS) + 1
VALIDITY = 6  # its place among the channels


def dass_input(evidence: Evidence) -> np.ndarray:
    """The input of DASS for one pair.

    Returns:
        (CHANNELS, h, w) float32 in [0, 1] at working size: the manipulated picture (3), the aligned and recoloured
        authentic one (3), validity (1), the maps of MAPS, the prior. Where the authentic picture says nothing it is
        the manipulated one, and every map is 0.
    Source: method 2.2; departs: differences in units of the pair's own noise, as the prior measures them.
    """
    height, width = evidence.manipulated.shape[:2]
    stack = np.zeros((CHANNELS, height, width), np.float32)
    stack[:3] = stack[3:6] = evidence.manipulated.transpose(2, 0, 1)
    found, difference = evidence.alignment, evidence.difference
    if found is None or not difference.look:
        return stack
    stack[3:6] = np.where(found.validity, difference.authentic.transpose(2, 0, 1), stack[:3])
    stack[VALIDITY] = found.validity
    for place, (name, (low, high)) in enumerate(MAPS.items(), start=VALIDITY + 1):
        stack[place] = np.clip((difference.look[name] - low) / (high - low), 0, 1)
    low, high = PRIOR_RANGE
    stack[-1] = (log_odds(difference.probability) - low) / (high - low)
    stack[VALIDITY + 1 :] *= found.validity
    return stack
