"""When do two pictures show one edit? The limits of webiml.datasets.compare, on copies and on other edits.

    webiml forge ../shared/data/train_pack --out forged --count 120 --seed 3
    python benchmarks/duplicate_limits.py --pairs forged/pairs.csv

Copies: each forged SPG and SDG pair is annotated as it is, and again with its manipulated picture made 60 % as large
and saved as JPEG 60, cropped by 9 %, and mirrored. Others: the masks of different pairs; and other colours under the
same mask, those of another picture or of the authentic one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from webiml.annotate.annotator import Annotator
from webiml.datasets.compare import SAME_INSIDE, SAME_MASK, SAME_PICTURE, SAME_TILES, Likeness, compare
from webiml.datasets.hashes import WINDOWS
from webiml.errors import WebimlError
from webiml.forge.web_degradation import saved_as_jpeg
from webiml.images.decode import decode
from webiml.images.read import read_bytes
from webiml.pairs.source import list_pairs
from webiml.types import Annotation, Status

MAX_PIXELS = 200_000_000
CROP = (0.06, 0.02, 0.91, 0.91)  # top, left, height, width that are left, as shares
WINDOW = int(np.argmin([sum(abs(a - b) for a, b in zip(one, CROP, strict=True)) for one in WINDOWS]))
SHARES = (0, 2, 5, 10, 50, 90, 95, 98, 100)  # percentiles


def main() -> None:
    """Annotate every pair and its copies, and print how far copies and others lie apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="pairs.csv of webiml forge")
    arguments = parser.parse_args()
    try:
        listed = [pair for pair in list_pairs([arguments.pairs]).pairs if pair.extra.get("kind") in ("SPG", "SDG")]
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    annotator = Annotator()
    originals: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # authentic, manipulated, mask
    alike: dict[str, list[Likeness]] = defaultdict(list)
    plain: dict[str, list[Likeness]] = defaultdict(list)  # without masks
    for pair in listed:
        authentic, manipulated = (
            decode(read_bytes(Path(str(path)), None), MAX_PIXELS).rgb for path in (pair.authentic, pair.manipulated)
        )
        first = annotator(authentic, manipulated)
        mask = levels(first)
        if mask is None:
            continue
        originals.append((authentic, manipulated, mask))
        for name, copy in copies(manipulated).items():
            second = annotator(authentic, copy)
            other = levels(second)
            if name == "mirrored":
                copy, other = flipped(copy), None if other is None else flipped(other)
            window = WINDOW if name == "cropped" else -1
            plain[name].append(compare(copy, manipulated, window))
            if other is not None and first.status is Status.KEPT:
                alike[name].append(compare(copy, manipulated, window, (other, mask)))
    for index, (authentic, manipulated, mask) in enumerate(originals):
        other = originals[(index + 7) % len(originals)][1]
        for name, content in (("other content", other), ("authentic content", authentic)):
            changed = manipulated.copy()
            fitted = cv2.resize(content, changed.shape[1::-1], interpolation=cv2.INTER_AREA)
            changed[mask > 127] = fitted[mask > 127]
            if 0.002 < (mask > 127).mean() < 0.6:
                alike[name].append(compare(saved_as_jpeg(changed, 75, True), manipulated, -1, (mask, mask)))
                plain[name].append(compare(changed, manipulated, -1))
    print(f"{machine()}\n{len(listed)} pairs; percentiles {SHARES}\n")
    for name, found in alike.items():
        show(f"{name}: similarity, same from {SAME_PICTURE}", [one.similarity for one in found])
        show(f"{name}: masks, same from {SAME_MASK}", [one.iou for one in found if one.iou is not None])
        show(f"{name}: inside, same to {SAME_INSIDE}", [one.difference for one in found if one.iou is not None])
        show(f"{name}: tiles, same to {SAME_TILES}", [one.difference for one in plain[name]])
    small = [cv2.resize(mask, (64, 64), interpolation=cv2.INTER_AREA) / 255 for *_, mask in originals if mask.any()]
    pairs = [(a, b) for index, a in enumerate(small) for b in small[:index]]
    show("masks of different pairs", [float(np.minimum(a, b).sum() / np.maximum(a, b).sum()) for a, b in pairs])


def copies(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """The picture as the web passes it on."""
    height, width = rgb.shape[:2]
    top, left, bottom, right = (
        round(share * side)
        for share, side in (
            (CROP[0], height),
            (CROP[1], width),
            (CROP[0] + CROP[2], height),
            (CROP[1] + CROP[3], width),
        )
    )
    small = cv2.resize(rgb, (round(0.6 * width), round(0.6 * height)), interpolation=cv2.INTER_AREA)
    changed = {"reduced": small, "cropped": np.ascontiguousarray(rgb[top:bottom, left:right]), "mirrored": flipped(rgb)}
    return {name: saved_as_jpeg(one, 60, True) for name, one in changed.items()}


def levels(annotation: Annotation) -> np.ndarray | None:
    """The mask, (H, W) uint8, or None where nothing was segmented."""
    return None if annotation.mask is None else annotation.mask.astype(np.uint8) * 255


def flipped(picture: np.ndarray) -> np.ndarray:
    """Left and right exchanged."""
    return np.ascontiguousarray(picture[:, ::-1])


def show(name: str, values: list[float]) -> None:
    """One line: the percentiles."""
    if values:
        print(f"{name:<48}{len(values):>6} " + "".join(f"{one:>8.3f}" for one in np.percentile(values, SHARES)))


if __name__ == "__main__":
    main()
