"""Frames that somebody drew around a picture: strips of one colour along its edges."""

from __future__ import annotations

import numpy as np

SAME = 14  # 8-bit levels: a pixel within this of the strip's colour belongs to it (saving blurs its inner edge)
FILLED = 0.97  # share of a line that must belong to the strip
MIN_SHARE, MAX_SHARE = 0.01, 0.35  # of the picture's side; thinner is a scan line, thicker is a picture of a wall
INNER_EDGE = 4  # pixels beyond the strip that saving mixes with it


def frame_strips(picture: np.ndarray) -> list[np.ndarray]:
    """Strips of one colour along the edges of a picture.

    Args: picture (H, W, 3) uint8. Returns: at most four (H, W) bool, top and bottom, then left and right between them.
    A plain background gives strips too: whether a strip is a frame only the other picture of a pair can tell.
    """
    height, width = picture.shape[:2]
    strips = []
    top, bottom = _thickness(picture), _thickness(picture[::-1])
    if top + bottom < height:  # else the whole picture is flat
        between = picture[top : height - bottom].transpose(1, 0, 2)
        left, right = _thickness(between), _thickness(between[::-1])
        windows = [np.s_[: top and top + INNER_EDGE], np.s_[height - (bottom and bottom + INNER_EDGE) :]]
        windows += [np.s_[:, : left and left + INNER_EDGE], np.s_[:, width - (right and right + INNER_EDGE) :]]
        for window, found in zip(windows, (top, bottom, left, right), strict=True):
            if found:
                strip = np.zeros((height, width), bool)
                strip[window] = True
                strips.append(strip)
    return strips


def _thickness(picture: np.ndarray) -> int:
    """Lines from the top that hold one colour; 0 when they are too few or too many to be a frame."""
    most = int(MAX_SHARE * len(picture)) + 1
    lines = picture[:most].astype(np.int16)
    colour = np.median(lines[: max(1, len(picture) // 200)].reshape(-1, 3), axis=0)
    far = np.abs(lines - colour)
    far = np.maximum(np.maximum(far[..., 0], far[..., 1]), far[..., 2])
    broken = np.flatnonzero((far <= SAME).mean(axis=1) < FILLED)
    thickness = int(broken[0]) if len(broken) else most
    return thickness if MIN_SHARE * len(picture) <= thickness < most else 0
