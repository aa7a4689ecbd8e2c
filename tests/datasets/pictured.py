"""Datasets of small real pictures with edits at known places, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from webiml.images.codec import encode_jpeg, encode_png
from webiml.store.dataset_writer import DatasetWriter
from webiml.types import Finished, Row

Box = tuple[int, int, int, int]  # top, left, height, width in pixels


def edited(rgb: np.ndarray, box: Box, colour: tuple[int, int, int]) -> np.ndarray:
    """The picture with a rectangle of two colours drawn over it."""
    top, left, height, width = box
    out = rgb.copy()
    out[top : top + height, left : left + width] = colour
    out[top : top + height // 3, left : left + width] = 255 - np.array(colour)
    return out


def mask_of(rgb: np.ndarray, box: Box) -> np.ndarray:
    """The mask of an edit, (H, W) uint8."""
    top, left, height, width = box
    mask = np.zeros(rgb.shape[:2], np.uint8)
    mask[top : top + height, left : left + width] = 255
    return mask


def smaller(picture: np.ndarray, factor: float = 0.6) -> np.ndarray:
    """A picture or a mask, made smaller by area."""
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def mirrored(picture: np.ndarray) -> np.ndarray:
    """A picture or a mask, left and right exchanged."""
    return np.ascontiguousarray(picture[:, ::-1])


def cut(picture: np.ndarray, lost: float) -> np.ndarray:
    """A picture or a mask without the share `lost` of both sides, most of it at the top left."""
    height, width = picture.shape[:2]
    top, left = round(0.7 * lost * height), round(0.7 * lost * width)
    high, wide = round((1 - lost) * height), round((1 - lost) * width)
    return np.ascontiguousarray(picture[top : top + high, left : left + wide])


def pair(
    key: str,
    authentic: bytes,
    manipulated: bytes,
    mask: np.ndarray | None,
    size: tuple[int, int],
    status: str = "kept",
    **fields: Any,
) -> Finished:
    """A finished row with its files; `size` is (H, W) of the manipulated picture."""
    row = Row(
        key=key,
        name=f"name of {key}",
        status=status,
        kind="SPG",
        height=size[0],
        width=size[1],
        mask_area=None if mask is None else float((mask > 0).mean()),
        authentic_sha256=hashlib.sha256(authentic).hexdigest(),
        manipulated_sha256=hashlib.sha256(manipulated).hexdigest(),
        **{"qes": None if mask is None else 0.9, **fields},
    )
    files = {"authentic.png": authentic, "manipulated.jpg": manipulated}
    if mask is not None:
        files |= {"mask.png": encode_png(mask), "probability.png": encode_png(mask)}
    return Finished(row, files)


def made_pair(
    key: str, authentic: np.ndarray, manipulated: np.ndarray, mask: np.ndarray | None, **more: Any
) -> Finished:
    """As `pair`, of pictures; the manipulated one is saved as JPEG 90, or as `quality` says."""
    quality = more.pop("quality", 90)
    size = (manipulated.shape[0], manipulated.shape[1])
    return pair(key, encode_png(authentic), encode_jpeg(manipulated, quality), mask, size, **more)


def write_dataset(path: Path, pairs: list[Finished], shape: Any = "folder") -> Path:
    """A finished dataset of these pairs."""
    with DatasetWriter.open(
        path, format=shape, shard_pairs=2, settings={"min_qes": 0.5}, settings_hash="0" * 16, package_version="1.2.3"
    ) as writer:
        for one in pairs:
            writer.add(one)
        writer.finish()
    return path


def no_steps(what: str, total: int) -> Callable[[], None]:
    """Progress that nobody sees."""
    return lambda: None
