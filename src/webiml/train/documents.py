"""Pages to learn from: documents that are rendered here and forged, and pages that nobody touched.

Nothing is needed for them but the typefaces of the extra `documents`: no picture of anybody's. A page is larger than
the photographs that are learned from, and little of it is edited. So of a page to learn from a part is kept, at its own
resolution, that shows something of an edit, somewhere; what is validated with is kept whole.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from webiml.settings import ForgeSettings
from webiml.train.samples import Arrays, prepare

ORIGINS = ("document", "page")
SIZES, SIZE_SHARES = (512, 640, 768, 1024), (0.2, 0.3, 0.35, 0.15)  # longest side of a page, pixels
WINDOW = 512  # pixels: of a larger page to learn from a part this long and wide is kept
SPLITS = ("train", "val")  # other typefaces and other layouts each


@dataclass(frozen=True)
class TrainingPage:
    """Makes one page and its mask; picklable.

    Attributes:
        split: whose typefaces and layouts, `train` or `val`.
        origin: `document`, forged, or `page`, untouched.
    """

    split: Literal["train", "val"]
    seed: int
    origin: Literal["document", "page"] = "document"

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples, as it goes into JSON."""
        sizes = [[size, share] for size, share in zip(SIZES, SIZE_SHARES, strict=True)]
        kept = {"window": WINDOW} if self.split == "train" else {}
        return {"origin": self.origin, "split": self.split, "seed": self.seed, "sizes": sizes, **kept}

    def __call__(self, key: str) -> Arrays | None:
        """`picture` (3, H, W) uint8; `mask` (H, W) uint8, 255 manipulated."""
        from webiml.forge.document.forgery import forge_document, untouched_page

        digest = hashlib.sha256(f"{self.seed}/{self.origin}/{key}/page".encode()).digest()
        rng = np.random.default_rng(np.frombuffer(digest, np.uint64))
        settings = ForgeSettings(seed=self.seed, size=int(rng.choice(SIZES, p=SIZE_SHARES)), domain="document")
        name = f"{self.origin}-{key}"
        if self.origin == "page":
            rgb = untouched_page(name, settings, self.split)
            mask = np.zeros(rgb.shape[:2], bool)
        else:
            pair = forge_document(name, settings, self.split)
            rgb, mask = pair.manipulated, pair.mask
        part = window(mask, WINDOW, rng) if self.split == "train" else (slice(None), slice(None))
        return {"picture": rgb[part].transpose(2, 0, 1), "mask": mask[part].astype(np.uint8) * 255}


def prepare_pages(
    folder: Path, origin: str, pages: Mapping[str, int], *, seed: int, workers: int, quiet: bool
) -> dict[str, list[str]]:
    """Make so many pages of each split in FOLDER/<split>, or go on there; the keys of each split that have a sample.

    Raises:
        SettingError: the packages that bring the typefaces are not installed.
    """
    refuse_without_typefaces()
    keys = {}
    for split in SPLITS:
        make = TrainingPage(split, seed, "page" if origin == "page" else "document")
        wanted = [f"{split}-{i:05d}" for i in range(pages[split])]
        keys[split] = prepare(make, wanted, folder / split, make.settings, workers, quiet=quiet)
    return keys


@functools.cache
def refuse_without_typefaces() -> None:
    """Raises SettingError where what pages are written with is not installed; said once, before any work."""
    from webiml.forge.document.fonts import families

    for split in SPLITS:
        families(split)


def window(mask: np.ndarray, side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A part of a page (H, W), at most `side` pixels a side: one of those that show a drawn pixel of the mask.

    The pixel lies anywhere in it, so that the place says nothing. Without a mask any pixel is drawn.
    """
    marked = np.argwhere(mask)
    at = marked[int(rng.integers(len(marked)))] if len(marked) else [int(rng.integers(length)) for length in mask.shape]
    part = []
    for inside, length in zip(at, mask.shape, strict=True):
        start = int(rng.integers(max(0, int(inside) - side + 1), min(int(inside), max(0, length - side)) + 1))
        part.append(slice(start, start + side))
    return part[0], part[1]
