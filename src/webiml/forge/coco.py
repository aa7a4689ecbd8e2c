"""Instance annotations in the form of the data set COCO: one JSON file with the outlines of all objects.

An outline is a list of polygons, or a mask in run lengths: counts of 0, of 1, of 0 ... down the columns, as numbers or
packed into a text. Points are measured from the corner of the picture, so the middle of the first pixel is (0.5, 0.5).

Source: T.-Y. Lin et al., "Microsoft COCO", ECCV 2014, and the format description of the data set's site.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.images.read import read_bytes, readable
from webiml.types import Reason

MAX_BYTES = 1 << 30  # of the JSON file; the training annotations of COCO are 0.45 GB
MOST = 255  # objects of one picture: what an 8-bit label can tell apart; the largest are kept
_FARTHEST = 1e6  # pixels from the corner: no point of a picture lies there
_MOST_DIGITS = 12  # characters of one packed count, five bits each


@dataclass(frozen=True, slots=True)
class CocoPicture:
    """What the file says of one picture.

    Attributes:
        name: `file_name`. width, height: pixels.
        objects: id and `segmentation` of each object, as they stand in the file, unchecked.
    """

    name: str
    width: int
    height: int
    objects: tuple[tuple[Any, Any], ...]


def read_coco(path: Path) -> tuple[dict[str, CocoPicture], str]:
    """The pictures of an annotation file by `file_name`, and the SHA-256 of the file, hex.

    Crowds (`iscrowd`), which are no objects, are left out.

    Raises:
        SettingError: the file cannot be read or is no such file.
    """
    try:
        data = read_bytes(path, None, MAX_BYTES)
        content = json.loads(data)
    except BadImage as error:
        raise SettingError(f"--coco {error.detail}.") from None
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:120]
        raise SettingError(f"--coco {readable(path)} is no JSON: {words}.") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise SettingError(f"--coco {readable(path)} holds no lists `images` and `annotations`; is it a COCO file?")
    digest = hashlib.sha256(data).hexdigest()
    of_picture: dict[Any, list[tuple[Any, Any]]] = {}
    for index, row in enumerate(content["annotations"]):
        if not isinstance(row, dict) or not isinstance(row.get("image_id"), int | str) or "segmentation" not in row:
            raise SettingError(f"--coco {readable(path)}: annotation {index} has no image_id and segmentation.")
        if not row.get("iscrowd"):
            of_picture.setdefault(row["image_id"], []).append((row.get("id", index), row["segmentation"]))
    pictures: dict[str, CocoPicture] = {}
    for index, row in enumerate(content["images"]):
        told = [row.get(name) if isinstance(row, dict) else None for name in ("id", "file_name", "width", "height")]
        number, name, width, height = told
        if not (isinstance(number, int | str) and isinstance(name, str) and name) or not (
            isinstance(width, int) and isinstance(height, int)
        ):
            raise SettingError(f"--coco {readable(path)}: image {index} has no id, file_name, width and height.")
        if name in pictures:
            raise SettingError(f"--coco {readable(path)} lists {name[:200]!r} twice.")
        pictures[name] = CocoPicture(name, width, height, tuple(of_picture.get(number, ())))
    return pictures, digest


def find_picture(pictures: dict[str, CocoPicture], path: PurePosixPath) -> CocoPicture | None:
    """The picture whose `file_name` is the end of a path, the longest where several are."""
    parts = path.parts
    return next((pictures[n] for n in ("/".join(parts[i:]) for i in range(len(parts))) if n in pictures), None)


def draw_labels(picture: CocoPicture, width: int, height: int) -> np.ndarray:
    """Labels of the objects, (H, W) uint8, 0 background; the smaller lie over the larger, and only MOST are drawn.

    Args: width, height: of the picture itself, which the file must agree with.
    Raises:
        BadImage: it does not, or an outline is broken.
    """
    if (picture.width, picture.height) != (width, height):
        raise _broken(f"the COCO file says {picture.width}x{picture.height}, the picture is {width}x{height}")
    found: list[tuple[int, tuple[slice, slice], np.ndarray]] = []  # area, box, what of the box is inside
    for number, outline in picture.objects:
        try:
            inside = _inside(outline, height, width)
        except ValueError as error:
            raise _broken(f"COCO annotation {number!s:.40}: {error}") from None
        x, y, w, h = cv2.boundingRect(inside.view(np.uint8))
        box = np.s_[y : y + h, x : x + w]
        found.append((int(np.count_nonzero(inside)), box, inside[box].copy()))
    found.sort(key=lambda one: one[0], reverse=True)
    labels = np.zeros((height, width), np.uint8)
    for index, (_, box, inside) in enumerate(found[:MOST], 1):
        labels[box][inside] = index
    return labels


# ---------------------------------------------------------------- outlines


def _inside(outline: Any, height: int, width: int) -> np.ndarray:
    """(H, W) bool of a `segmentation`; ValueError says what is wrong with it."""
    if isinstance(outline, list):
        inside = np.zeros((height, width), bool)
        for polygon in outline:
            inside |= fill_polygon(polygon, height, width)
        return inside
    if not isinstance(outline, dict):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    if outline.get("size") != [height, width]:
        raise ValueError(f"its run lengths are of a size {str(outline.get('size'))[:40]}, not [{height}, {width}]")
    counts = outline.get("counts")
    runs = unpack_counts(counts) if isinstance(counts, str) else counts
    return fill_runs(runs, height, width)  # pyright: ignore[reportArgumentType]


def fill_polygon(polygon: Sequence[float], height: int, width: int) -> np.ndarray:
    """The pixels, (H, W) bool, whose middle lies inside of a polygon x0, y0, x1, y1 ...: an odd number of its edges
    lies to the left of them.

    Raises:
        ValueError: it is no list of three points or more, or a point is nowhere near a picture.
    """
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("a polygon must be x0, y0, x1, y1 ... of three points or more")
    if not all(isinstance(value, int | float) and abs(value) < _FARTHEST for value in polygon):  # NaN fails, too
        raise ValueError("a polygon holds a point that is no point of a picture")
    corners = np.array(polygon, float).reshape(-1, 2) - 0.5  # now the middle of a pixel is a whole number
    left, top = np.ceil(corners.min(axis=0)).clip(0, (width, height)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).clip(0, (width, height)).astype(int)
    crossed = np.zeros((bottom - top, right - left + 1), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        first, last = (min(max(math.ceil(y), 0), height) for y in sorted((y0, y1)))
        rows = np.arange(first, last)
        if len(rows):
            at = x0 + (rows - y0) * ((x1 - x0) / (y1 - y0))
            crossed[rows - top, np.ceil(at).clip(left, right).astype(int) - left] ^= True
    inside = np.zeros((height, width), bool)
    inside[top:bottom, left:right] = np.bitwise_xor.accumulate(crossed, axis=1)[:, :-1]
    return inside


def fill_runs(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """(H, W) bool of run lengths: pixels outside, inside, outside ... down the columns.

    Raises:
        ValueError: they are no whole numbers from 0, or do not add up to the picture.
    """
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("its run lengths are no whole numbers from 0")
    if sum(counts) != height * width:
        raise ValueError(f"its run lengths add up to {sum(counts):.4g} pixels, the picture has {height * width}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, np.array(counts, np.int64)).reshape(width, height).T


def unpack_counts(text: str) -> list[int]:
    """Run lengths that are packed into a text.

    A character carries five bits of a count, lowest first, in its distance from "0"; 32 says that more of the count
    follow. The uppermost bit of the last one is the sign: from the fourth count on only the difference from the one
    before the last is kept.

    Raises:
        ValueError: the text ends within a count, or holds a character that cannot be.
    """
    counts: list[int] = []
    value = digits = 0
    for character in text:
        bits = ord(character) - ord("0")
        if not 0 <= bits < 64 or digits == _MOST_DIGITS:
            raise ValueError("its packed run lengths cannot be read")
        value |= (bits & 31) << 5 * digits
        digits += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << 5 * digits
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = digits = 0
    if digits:
        raise ValueError("its packed run lengths end too early")
    return counts


def _broken(detail: str) -> BadImage:
    return BadImage(Reason.UNDECODABLE, detail)
