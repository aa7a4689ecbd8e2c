"""Which windows of a picture are hashed, so that crops of it are found? And how near must a crop's hash be?

    python benchmarks/crop_windows.py --images ../shared/data/train_pack [--images ...]

Recall: of each picture crops are made that lose 5 to 30 % of both sides (in the middle, or anywhere) or of one side
alone, saved as JPEG 75; how many have a window within a distance, and of how many the whole picture's hash would do.
False: of all ordered pairs of different photographs, in how many the one looks like a window of the other; and in how
many of them the pixels agree as well. The windows are those of webiml.datasets.hashes; change them there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from machine import machine

from webiml.datasets.alike import CROP_DISTANCE, find_crops
from webiml.datasets.compare import SAME_PICTURE, compare
from webiml.datasets.hashes import SHARES, STEP, WINDOWS, looks_of
from webiml.errors import WebimlError
from webiml.forge.pictures import list_pictures, read_picture
from webiml.forge.web_degradation import saved_as_jpeg
from webiml.images.draw import thumbnail
from webiml.images.hashing import distances, telling_hash

LOST = (0.05, 0.1, 0.2, 0.3)  # of a side
SHOWN = (4, 6, 8, 10, 12)  # distances
KEPT = 768  # pixels, the long side of what is cropped


def main() -> None:
    """Crop every picture, and print what each distance finds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    arguments = parser.parse_args()
    try:
        packs = list_pictures(arguments.images)
        pictures = [thumbnail(read_picture(one)[0], KEPT) for one in packs]
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    looks = [looks_of(rgb) for rgb in pictures]
    print(f"{machine()}\n{len(pictures):,} pictures, {len(WINDOWS)} windows: {SHARES} of a side, steps of {STEP}\n")
    print(f"{'lost':<22}" + "".join(f"{f'<= {most}':>9}" for most in SHOWN) + f"{'whole':>9}")
    rng = np.random.default_rng(0)
    for lost in LOST:
        for kind in ("middle", "anywhere", "one side"):
            apart, whole = [], []
            for rgb, one in zip(pictures, looks, strict=True):
                text = telling_hash(saved_as_jpeg(cropped(rgb, lost, kind, rng), 75, True))
                told = one.windows[one.windows != 0]
                apart.append(distances(int(text, 16), told).min() if text and len(told) else 64)
                whole.append((int(text, 16) ^ one.whole).bit_count() if text and one.whole else 64)
            shares = [*(np.mean(np.array(apart) <= most) for most in SHOWN), np.mean(np.array(whole) <= CROP_DISTANCE)]
            print(f"{f'{100 * lost:.0f} %, {kind}':<22}" + "".join(f"{100 * share:>7.1f} %" for share in shares))
    scenes = np.array([one.scene for one in packs])
    false_alarms(pictures, looks, scenes)


def cropped(rgb: np.ndarray, lost: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """The picture without the share `lost` of its sides."""
    height, width = rgb.shape[:2]
    high, wide = round(height * (1 - lost)), round(width * (1 - lost))
    if kind == "one side":
        return np.ascontiguousarray(rgb[height - high :])
    top, left = (height - high) // 2, (width - wide) // 2
    if kind == "anywhere":
        top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    return np.ascontiguousarray(rgb[top : top + high, left : left + wide])


def false_alarms(pictures: list[np.ndarray], looks: list, scenes: np.ndarray) -> None:
    """Print how many pairs of different photographs look like crops of each other, and how many stay when opened."""
    whole = np.array([one.whole for one in looks], np.uint64)
    windows = np.stack([one.windows for one in looks])
    found = find_crops(whole, np.zeros_like(whole), windows, max(SHOWN))
    found = found.only(scenes[found.i] != scenes[found.j])
    pairs = sum(int(np.count_nonzero(scenes != scene)) for scene in scenes)
    print(f"\nof {pairs:,} ordered pairs of different photographs")
    for most in SHOWN:
        near = found.only(found.distance <= most)
        _, first = np.unique(near.i * len(pictures) + near.j, return_index=True)
        near = near.only(first)
        alike = [
            compare(pictures[i], pictures[j], int(window)).similarity
            for i, j, window in zip(near.i, near.j, near.window, strict=True)
        ]
        agree = np.count_nonzero(np.array(alike) >= SAME_PICTURE)
        print(f"<= {most:>2} bits: {len(near):>6,} by hash, {agree:>4,} of them with pixels that agree")


if __name__ == "__main__":
    main()
