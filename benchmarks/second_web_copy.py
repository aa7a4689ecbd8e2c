"""A second web-like copy of a table of pairs, with other processing than the first copy and the training have.

    python benchmarks/second_web_copy.py ../shared/data/casia1_dev/pairs.csv OUT [--seed 11]

Every picture of every pair goes through all of it, either side on its own: turned and zoomed just so that no corner is
empty, gamma, a line of text laid over it, a frame, and two or three re-saves, the last as WebP. The mask follows the
manipulated picture's turn and frame; text and frame are not in it, and what text hides of an object stays in it.
The ranges below were set before anything was scored with them, without a look at what the training does to pictures.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scoring import read_mask

from webiml.images.codec import encode_png
from webiml.images.decode import decode
from webiml.pairs.keys import safe_key
from webiml.store.atomic import make_folder, write_bytes

ROTATION = (2.0, 8.0)  # degrees, to either side
GAMMA = (0.7, 1.4)  # exponent of the values in [0, 1]; its logarithm is drawn evenly
TEXT = (0.02, 0.06)  # share of the picture inside the text's bounding box
FRAME = (0.05, 0.15)  # width of the frame on all four edges, share of the shorter side
RESAVES = (2, 3)
QUALITY = (40, 80)  # of each save, JPEG or WebP; the last is WebP
TEXT_WIDTH = 0.9  # of the picture's width at most; a longer text takes more lines
LEFT_IN = 0.25  # of the mask; a turn that leaves less inside the picture is drawn again
MOST_DRAWS = 50
MOST_PIXELS = 50_000_000
PHRASES = (
    "you will not believe this",
    "when you see it",
    "seen today at the harbour",
    "best picture of the week",
    "share if you agree",
    "photo of the day 2017",
)
INKS = ((255, 255, 255), (0, 0, 0), (255, 230, 0), (220, 20, 30))

Picture = np.ndarray  # (H, W, 3) uint8 RGB
Rng = np.random.Generator


def main() -> None:
    """Copy every pair of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "pairs", type=Path, help="table with key, authentic, manipulated, mask; more columns are carried"
    )
    parser.add_argument("out", type=Path, help="folder for the copy; its pairs.csv is written last")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    print(f"{copy_table(arguments.pairs, arguments.out, arguments.seed)} pairs in {arguments.out}")


def copy_table(pairs: Path, out: Path, seed: int) -> int:
    """Write the copy of a table of pairs and return how many there are; a copy depends on seed and key alone."""
    table = pd.read_csv(pairs, dtype=str, keep_default_na=False)
    for folder in ("authentic", "manipulated", "mask"):
        make_folder(out / folder)
    for row in (rows := table.to_dict("records")):
        if safe_key(row["key"]) != row["key"]:
            raise SystemExit(f"{pairs}: {row['key']!r} cannot name a file; use letters, digits, - and _ in keys.")
        for side in ("authentic", "manipulated"):
            picture = decode((pairs.parent / row[side]).read_bytes(), MOST_PIXELS).rgb
            mask = read_mask(pairs.parent / row["mask"]) if side == "manipulated" else None
            if mask is not None and mask.shape != picture.shape[:2]:
                raise SystemExit(f"{pairs}: {row['key']}: the mask has another size than the picture.")
            webp, followed = second_copy(picture, mask, rng_for(seed, row["key"], side))
            row[side] = f"{side}/{row['key']}.webp"
            write_bytes(out / row[side], webp)
            if followed is not None:
                row["mask"] = f"mask/{row['key']}.png"
                write_bytes(out / row["mask"], encode_png(followed.astype(np.uint8) * 255))
    write_bytes(out / "pairs.csv", pd.DataFrame(rows, columns=table.columns).to_csv(index=False).encode())
    return len(rows)


def rng_for(seed: int, key: str, side: str) -> Rng:
    """Numbers for one side of a pair, whatever was drawn before."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}/{key}/{side}".encode()).digest()))


def second_copy(picture: Picture, mask: np.ndarray | None, rng: Rng) -> tuple[bytes, np.ndarray | None]:
    """One side as it comes back from the web.

    Args: mask (H, W) bool, or None where nothing has to follow.
    Returns: a WebP file, and the mask at its size.
    """
    picture, mask = turned(picture, mask, rng)
    picture = with_gamma(picture, float(np.exp(rng.uniform(*np.log(GAMMA)))))
    picture, _ = with_text(picture, rng)
    picture, mask = framed(picture, mask, rng)
    return resaved(picture, rng), mask


def turned(picture: Picture, mask: np.ndarray | None, rng: Rng) -> tuple[Picture, np.ndarray | None]:
    """Picture and mask turned about their middle at the size they have, zoomed just so that no corner is empty."""
    before = 0 if mask is None else np.count_nonzero(mask)
    for _ in range(MOST_DRAWS):
        matrix = turn(picture.shape[:2], rng.uniform(*ROTATION) * rng.choice([-1, 1]))
        followed = None if mask is None else warped(mask.astype(np.float32), matrix, cv2.INTER_LINEAR) >= 0.5
        if followed is None or np.count_nonzero(followed) >= LEFT_IN * before:
            break
    else:
        raise SystemExit("A mask lies so near the corner that no turn leaves a quarter of it inside the picture.")
    return warped(picture, matrix, cv2.INTER_CUBIC), followed


def turn(size: tuple[int, int], degrees: float) -> np.ndarray:
    """2x3 float64 map of points (x, y): a turn about the middle of a picture of `size` (H, W), and that zoom."""
    height, width = size[0] - 1, size[1] - 1  # between the centres of the outermost pixels
    slope = np.deg2rad(abs(degrees))
    zoom = np.cos(slope) + np.sin(slope) * max(width / height, height / width)
    return cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)


def warped(array: np.ndarray, matrix: np.ndarray, kernel: int) -> np.ndarray:
    """A picture or a soft mask moved by a 2x3 map, at the size it has."""
    height, width = array.shape[:2]
    # Replicated, for the cubic kernel reaches beyond the outermost pixels; nothing outside is shown.
    return cv2.warpAffine(array, matrix, (width, height), flags=kernel, borderMode=cv2.BORDER_REPLICATE)


def with_gamma(picture: Picture, exponent: float) -> Picture:
    """The values in [0, 1] to a power."""
    return np.rint((np.arange(256) / 255) ** exponent * 255).astype(np.uint8)[picture]


def with_text(picture: Picture, rng: Rng) -> tuple[Picture, tuple[int, int, int, int]]:
    """A phrase in one colour somewhere on the picture, and its bounding box (top, left, height, width)."""
    height, width = picture.shape[:2]
    area = rng.uniform(*TEXT) * height * width
    words = str(rng.choice(PHRASES)).split()
    letters, box_width = np.empty(0), width + 1
    for lines in range(1, len(words) + 1):
        if box_width > TEXT_WIDTH * width:
            letters = _letters("\n".join(" ".join(part) for part in np.array_split(words, lines)))
            box_width = round(np.sqrt(area * letters.shape[1] / letters.shape[0]))
    box_width = min(box_width, width)
    box_height = min(max(1, round(area / box_width)), height)
    top, left = int(rng.integers(height - box_height + 1)), int(rng.integers(width - box_width + 1))
    cover = cv2.resize(letters, (box_width, box_height), interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)
    box = np.s_[top : top + box_height, left : left + box_width]
    written = picture.copy()
    written[box] = np.rint(picture[box] * (1 - cover) + np.array(INKS[rng.integers(len(INKS))]) * cover)
    return written, (top, left, box_height, box_width)


def framed(picture: Picture, mask: np.ndarray | None, rng: Rng) -> tuple[Picture, np.ndarray | None]:
    """A frame of one colour and one width on all four edges."""
    edge = round(rng.uniform(*FRAME) * min(picture.shape[:2]))
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    picture = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=colour)
    return picture, None if mask is None else np.pad(mask, edge)


def resaved(picture: Picture, rng: Rng) -> bytes:
    """The bytes of the last of two or three saves, a WebP."""
    saves = int(rng.integers(RESAVES[0], RESAVES[1] + 1))
    bgr, code = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.empty(0, np.uint8)
    for left in reversed(range(saves)):
        quality = int(rng.integers(QUALITY[0], QUALITY[1] + 1))
        if left == 0 or rng.random() < 0.5:
            _, code = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
        else:
            _, code = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        bgr = cast(np.ndarray, cv2.imdecode(code, cv2.IMREAD_COLOR))  # None only for bytes that are no picture
    return code.tobytes()


def _letters(text: str) -> np.ndarray:
    """(h, w) uint8: how much of each pixel the letters cover, large, with nothing empty around them."""
    font, draw = ImageFont.load_default(64), ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=font, spacing=16, align="center")
    canvas = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(canvas).multiline_text((4 - left, 4 - top), text, 255, font=font, spacing=16, align="center")
    box = canvas.getbbox()
    assert box is not None, text
    return np.asarray(canvas.crop(box))


if __name__ == "__main__":
    main()
