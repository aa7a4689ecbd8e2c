"""The pictures of a case as files for the browser, all on one grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from webiml.app.review.cases import Role
from webiml.app.review.pictures import Pictures
from webiml.errors import BadImage
from webiml.types import Kind, Reason

JPEG_QUALITY = 95
PNG_PIXELS = 1_500_000  # up to which a picture goes to the browser as it is, and not as a JPEG
COMPARED = ("aligned", "difference", "correlation")
"""Views that need both pictures, and the transform between them or a piece that they share."""


def names_of(roles: tuple[Role, ...], facts: dict[str, Any], has_mask: bool) -> list[str]:
    """The views that a case should have, in the order in which a person is offered them; opens no file.

    Args: roles: pictures that the case has. facts: of `pictures.facts_of`. has_mask: whether there is any mask.
    """
    names = [name for name in ("manipulated", "authentic") if name in roles]
    if len(names) == 2 and (facts.get("transform") is not None or facts.get("kind") == Kind.SDG):
        names += COMPARED
    names += [name for name in ("confidence", "truth") if name in roles]
    names += ["levels"] if "probability" in roles else []
    names += ["mask"] if has_mask else []
    return [*names, "superpixels"] if "manipulated" in roles else names


def view(pictures: Pictures, key: str, name: str, facts: dict[str, Any]) -> tuple[bytes, str]:
    """The file of a view, and its media type; held for a while.

    Args: name: one of `names_of`, but not mask. facts: of `pictures.facts_of`.
    Raises:
        BadImage: the case has no such view, or what it is made of cannot be read.
    """
    return pictures.cache.get(
        (key, "file", name), lambda: _encoded(_drawn(pictures, key, name, facts), name), lambda file: len(file[0])
    )


def png(levels: np.ndarray) -> bytes:
    """(H, W) or (H, W, 3) uint8 as a PNG that is quickly written; numbers stay as they are."""
    from webiml.images.codec import encode_png

    return encode_png(levels, 1)


def _encoded(array: np.ndarray, name: str) -> tuple[bytes, str]:
    from webiml.images.codec import encode_jpeg

    exact = name in ("levels", "superpixels") or array.shape[0] * array.shape[1] <= PNG_PIXELS
    return (png(array), "image/png") if exact else (encode_jpeg(array, JPEG_QUALITY), "image/jpeg")


def _drawn(pictures: Pictures, key: str, name: str, facts: dict[str, Any]) -> np.ndarray:
    if name in ("manipulated", "authentic"):
        return pictures.on_grid(key, name)
    if name == "levels":
        return pictures.on_grid(key, "probability")
    if name == "truth":
        return np.repeat(pictures.on_grid(key, "truth")[..., None], 3, axis=2)
    if name == "confidence":
        from webiml.images.codec import from_8bit
        from webiml.images.draw import heat

        return heat(from_8bit(pictures.on_grid(key, "confidence")))
    if name == "superpixels":
        from webiml.app.review.superpixels import as_colours, superpixels

        return as_colours(superpixels(pictures.on_grid(key, "manipulated")))
    if name in COMPARED:
        return _compared(pictures, key, name, facts)
    raise BadImage(Reason.NOT_FOUND, f"there is no view {name!r:.60}")


def _compared(pictures: Pictures, key: str, name: str, facts: dict[str, Any]) -> np.ndarray:
    from webiml.app.review import compare

    if facts.get("transform") is None:
        return _shared(pictures, key, name, facts)
    aligned = pictures.aligned(key, facts["transform"])
    if name == "aligned":
        return aligned.rgb
    manipulated = pictures.on_grid(key, "manipulated")
    if name == "correlation":
        return compare.correlation(aligned, manipulated)
    where = None
    if facts.get("kind") == Kind.SDG:  # they share nothing but what was pasted: only there can colours be compared
        where = pictures.on_grid(key, "probability") >= pictures.cases.level(key)
    return compare.difference(aligned, manipulated, where)


def _shared(pictures: Pictures, key: str, name: str, facts: dict[str, Any]) -> np.ndarray:
    """The same of a pair that shares no more than a pasted piece."""
    from webiml.app.review import compare

    if facts.get("kind") != Kind.SDG:
        raise BadImage(Reason.NOT_FOUND, "the two pictures of this case were not aligned")
    aligned, probability = pictures.pieces(key)
    if name == "aligned":
        return aligned.rgb
    if name == "correlation":
        return compare.likeness(probability, aligned.validity)
    return compare.difference(aligned, pictures.on_grid(key, "manipulated"), probability >= 0.5)
