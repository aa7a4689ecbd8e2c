"""From what a person drew to the mask that is kept, and masks that were kept on a case's grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from webiml.app.review.drafts import Draft, strokes_on_grid
from webiml.app.review.grid import Size, to_grid, to_native
from webiml.app.review.pictures import Pictures
from webiml.errors import BadImage, SettingError
from webiml.store.drawn_masks import read_drawn_mask
from webiml.store.place import Place
from webiml.types import Reason


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask that a person accepts. Attributes: png: its file; None: it is the machine's own."""

    png: bytes | None = None
    area: float | None = None
    components: int | None = None


def mended(
    base: np.ndarray, levels: np.ndarray | None, draft: Draft | None, threshold: int | None, size: Size
) -> np.ndarray:
    """(H, W) bool: what the probability reaches from the threshold on, or the base; then the strokes of the draft.

    Args:
        base: (H, W) bool. levels: (H, W) uint8, the probability; None where there is none, then the base counts.
        threshold: 1..255; None: the draft's, or else the base counts.
    """
    threshold = threshold if threshold is not None else draft.threshold if draft is not None else None
    mask = levels >= threshold if threshold is not None and levels is not None else base
    if draft is None or not draft.strokes:
        return mask
    touched = to_native(strokes_on_grid(draft.strokes, draft.grid), size)
    return np.where(touched >= 0, touched == 1, mask)


def accepted(pictures: Pictures, key: str, shown: str | None, draft: Draft | None, threshold: int | None) -> Mask:
    """The mask that a person accepts.

    Args:
        shown: SHA-256 of the drawn mask that was on the screen without a draft; None: the machine's.
        draft: what the person drew; its own base counts. threshold: level that was chosen last.
    Raises:
        SettingError: nothing is marked, or the draft does not fit the picture.
        BadImage: a picture or mask cannot be read.
    """
    from webiml.evidence.judge import components
    from webiml.images.codec import encode_png

    cases = pictures.cases
    size = cases.size(key)
    if size is None:
        raise SettingError("This case has no picture, so no mask of it can be accepted.")
    if draft is not None and draft.grid != pictures.grid(key):
        raise SettingError(f"Your draft for {key} was drawn on a picture of another size: drop it and draw anew.")
    levels = pictures.native(key, "probability") if "probability" in cases.roles_of(key) else None
    machine = levels >= cases.level(key) if levels is not None else np.zeros(size, bool)
    base_name = draft.base if draft is not None else shown
    base = machine if base_name is None else drawn(cases.folder, base_name, size)
    mask = mended(base, levels, draft, threshold, size)
    if not mask.any() and cases.what == "dataset":
        raise SettingError("Nothing is marked: draw a mask, or reject this pair.")
    if levels is not None and np.array_equal(mask, machine):
        return Mask()
    return Mask(encode_png(mask.astype(np.uint8) * np.uint8(255)), float(mask.mean()), components(mask))


def drawn(folder: Path, sha256: str, size: Size) -> np.ndarray:
    """(H, W) bool of a mask that somebody drew.

    Raises:
        BadImage: it is not there, damaged, or of another size.
    """
    from webiml.images.codec import decode_map

    levels = decode_map(read_drawn_mask(Place(str(folder)), sha256), size[0] * size[1])
    if levels.shape != size:
        raise BadImage(Reason.MAP_SIZE, f"a drawn mask is {levels.shape[1]}x{levels.shape[0]}")
    return levels >= 128


def on_grid(pictures: Pictures, key: str, sha256: str | None) -> np.ndarray:
    """(h, w) uint8, 0 or 255: a drawn mask, or the machine's (None), on the case's grid; all 0 where it drew none.

    Raises:
        BadImage: it cannot be read.
    """
    grid, size = pictures.grid(key), pictures.cases.size(key)
    if sha256 is not None and size is not None:
        mask = to_grid(drawn(pictures.cases.folder, sha256, size), grid)
    elif "probability" in pictures.cases.roles_of(key):
        mask = pictures.on_grid(key, "probability") >= pictures.cases.level(key)
    else:
        mask = np.zeros(grid, bool)
    return mask.astype(np.uint8) * np.uint8(255)
