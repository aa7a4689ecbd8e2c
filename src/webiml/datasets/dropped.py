"""What was found twice, as a table and as a sheet: of each pair, which picture, why, and what it is alike to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from webiml.datasets.compare import Likeness
from webiml.datasets.hashes import Source
from webiml.datasets.sheet import Shown, draw_sheet
from webiml.errors import BadImage
from webiml.images.codec import encode_jpeg
from webiml.images.decode import decode
from webiml.images.draw import thumbnail
from webiml.store.atomic import write_bytes

Steps = Callable[[str, int], Callable[[], None]]
"""(what begins now, how many there are to do) to a function that is called when one of them is done."""

SHOWN = 48  # pairs of pictures on a sheet
_WHOLE = 0.99  # of each side
_SHEET_QUALITY = 85  # of a sheet's JPEG


class Why(StrEnum):
    """How one picture is another one. Closed."""

    AUTHENTIC_ELSEWHERE = (
        "authentic_elsewhere"  # the manipulated picture is, byte for byte, another pair's authentic one
    )
    CROPPED_MIRRORED = "cropped_mirrored"
    CROPPED = "cropped"
    MIRRORED = "mirrored"
    NEAR = "near"
    SAME_BYTES = "same_bytes"


@dataclass(frozen=True, slots=True)
class Found:
    """A picture of a pair that is another picture.

    Attributes:
        key, name, picture: of the pair; which of its two pictures.
        why: how the two are alike. other: the dataset or the folder that holds the other picture.
        other_name: the other picture's key, or its path below the folder. other_picture: its role; empty for a file.
        distance: bits of 64 between the hashes; None where only bytes were compared.
        likeness: what the pixels say, where they were looked at. sources: both pictures, for a sheet.
    """

    key: str
    name: str
    picture: str
    why: Why
    other: str
    other_name: str
    other_picture: str
    distance: int | None = None
    likeness: Likeness | None = None
    sources: tuple[Source, Source] | None = None


def why_of(window: int, mirrored: bool, likeness: Likeness | None = None) -> Why:
    """How a picture is alike; a crop that leaves nothing out is none."""
    if window >= 0 and (likeness is None or min(likeness.box[2:]) < _WHOLE):
        return Why.CROPPED_MIRRORED if mirrored else Why.CROPPED
    return Why.MIRRORED if mirrored else Why.NEAR


def counts(found: Sequence[Found]) -> dict[str, int]:
    """How many of each kind there are, the most frequent first."""
    return dict(Counter(one.why.value for one in found).most_common())


def write_table(path: Path, found: Sequence[Found]) -> None:
    """Write `found` as Parquet, sorted by key; equal findings give equal bytes.

    Raises:
        OutputError: it cannot be written.
    """
    import pyarrow as pa

    from webiml.store.parquet import write_records

    text, real = pa.string(), pa.float64()
    columns = [(name, text) for name in ("key", "name", "reason", "picture", "other", "other_name", "other_picture")]
    columns += [("distance", pa.int64()), ("similarity", real), ("difference", real), ("mask_iou", real)]
    columns += [("box", pa.list_(real))]
    write_records(path, map(_record, sorted(found, key=_order)), pa.schema(columns), {})


def write_sheet(path: Path, found: Sequence[Found], max_pixels: int) -> None:
    """Draw the SHOWN most telling of `found` as JPEG, the picture left and the one that it is right.

    First come those that a person should look at: contradictions, crops, mirror images, then the least alike.

    Raises:
        OutputError: it cannot be written.
    """
    first = sorted(found, key=lambda one: (list(Why).index(one.why), -(one.distance or 0), one.key, one.picture))
    write_bytes(path, encode_jpeg(draw_sheet(_shown(one, max_pixels) for one in first[:SHOWN]), _SHEET_QUALITY))


def _order(one: Found) -> tuple[str, str, str, str]:
    return one.key, one.picture, one.other, one.other_name


def _record(one: Found) -> dict[str, object]:
    seen = one.likeness
    return {
        "key": one.key,
        "name": one.name,
        "reason": one.why.value,
        "picture": one.picture,
        "other": one.other,
        "other_name": one.other_name,
        "other_picture": one.other_picture or None,
        "distance": one.distance,
        "similarity": seen and round(seen.similarity, 4),
        "difference": seen and round(seen.difference, 2),
        "mask_iou": None if seen is None or seen.iou is None else round(seen.iou, 4),
        "box": None if seen is None else [round(side, 4) for side in seen.box],
    }


def _shown(one: Found, max_pixels: int) -> Shown:
    left, right = (None, None) if one.sources is None else (_picture(source, max_pixels) for source in one.sources)
    words = one.why.value.replace("_", " ")
    if one.distance is not None:
        words += f", {one.distance} bits apart"
    if one.likeness is not None and one.likeness.iou is not None:
        words += f", masks {one.likeness.iou:.2f}"
    role = f" ({one.other_picture})" if one.other_picture else ""
    box = one.likeness.box if one.likeness is not None and one.why in (Why.CROPPED, Why.CROPPED_MIRRORED) else None
    return Shown(left, right, (words, f"{one.key} ({one.picture})", f"is {one.other_name}{role}"), box)


def _picture(source: Source, max_pixels: int) -> np.ndarray | None:
    try:
        return thumbnail(decode(source.read(), max_pixels).rgb, 256)
    except BadImage:
        return None
