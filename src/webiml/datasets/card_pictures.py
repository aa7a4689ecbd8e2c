"""The pictures of a card: a sheet of kept pairs, and how sure the masks are."""

from __future__ import annotations

import io

import cv2
import numpy as np

from webiml.datasets.card_counts import QES_BINS
from webiml.datasets.export.pair import read_pair
from webiml.errors import BadImage
from webiml.images.codec import encode_jpeg
from webiml.images.decode import decode
from webiml.images.draw import overlay, thumbnail
from webiml.store.place import Place
from webiml.types import Reason, Row

SIDE, GAP, CAPTION = 220, 6, 22  # pixels: of a thumbnail, between two, of a line of text
COLUMNS = 2  # pairs in a row
QUALITY = 88
MAX_PIXELS = 200_000_000
_GROUND, _INK = 245, (40, 40, 40)


def sample_sheet(dataset: Place, rows: list[Row]) -> tuple[bytes | None, list[Row]]:
    """A JPEG of pairs: authentic, manipulated, manipulated with the mask drawn over it; and the rows that are on it.

    A pair whose files cannot be read is left out. None when no pair is left.
    """
    strips: list[np.ndarray] = []
    shown: list[Row] = []
    for row in rows:
        try:
            strips.append(_strip(dataset, row))
            shown.append(row)
        except BadImage:
            continue
    if not strips:
        return None, []
    strips += [np.full_like(strips[-1], _GROUND)] * (-len(strips) % COLUMNS)
    lines = [_line(strips[start : start + COLUMNS]) for start in range(0, len(strips), COLUMNS)]
    return encode_jpeg(np.vstack(lines), QUALITY), shown


def qes_plot(bins: np.ndarray) -> bytes:
    """A PNG of how many kept masks have which QES, of the counts in `bins`; equal counts give equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.stairs(bins, np.linspace(0, 1, QES_BINS + 1), fill=True, color="#0072B2")
    axes.set(xlabel="QES", ylabel="kept pairs", xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})  # no version, which would change the bytes
    return drawn.getvalue()


def _strip(dataset: Place, row: Row) -> np.ndarray:
    pair = read_pair(dataset, row, ("authentic", "manipulated", "mask"))
    if pair.mask is None:
        raise BadImage(Reason.NOT_FOUND, f"{row.key} has no mask")
    authentic = decode(pair.files["authentic"], MAX_PIXELS).rgb
    manipulated = decode(pair.files["manipulated"], MAX_PIXELS).rgb
    small = thumbnail(manipulated, SIDE)
    mask = cv2.resize(pair.mask, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA) >= 128
    tiles = [thumbnail(authentic, SIDE), small, overlay(small, mask)]
    height = max(tile.shape[0] for tile in tiles)
    strip = np.hstack([_padded(tile, height, SIDE + GAP) for tile in tiles])
    strip = cv2.copyMakeBorder(strip, CAPTION, 2 * GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=(_GROUND,) * 3)
    words = f"{row.key[:44]}  {row.kind}  mask {100 * (row.mask_area or 0):.1f} %  QES {row.qes or 0:.2f}"
    cv2.putText(strip, words, (GAP, CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return strip


def _line(strips: list[np.ndarray]) -> np.ndarray:
    height = max(strip.shape[0] for strip in strips)
    return np.hstack([_padded(strip, height, strip.shape[1]) for strip in strips])


def _padded(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    below, beside = height - rgb.shape[0], width - rgb.shape[1]
    return cv2.copyMakeBorder(rgb, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(_GROUND,) * 3)
