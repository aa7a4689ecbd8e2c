"""One forged pair: what is known of it, the chance it is drawn by, and the way of both sides through the web."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from webiml.forge.objects import Rng
from webiml.forge.pictures import SourcePicture
from webiml.forge.web_degradation import Strength, drawn_strength, through_the_web
from webiml.types import Kind


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """What a page that was drawn here is called in the tables, where a pair of photographs has its pictures.

    Attributes:
        key: its layout.
    """

    key: str
    license: str = "CC0-1.0"
    source: str = "rendered page (webiml forge)"
    author: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ForgedPair:
    """A pair of which everything is known.

    Attributes:
        key, kind: `single` pairs are SPG pairs whose authentic side is not meant to be shown.
        authentic, manipulated: (H, W, 3) uint8, sizes may differ, after the web.
        mask: (H, W) bool, of the manipulated picture; all False for identical and unrelated pairs.
        donor_mask: (h, w) bool, of the authentic picture: what of it is seen in the manipulated one; SDG only.
        transforms: 3x3 float64, authentic points (x, y) to manipulated points, after the web: one for SPG and
            identical, one a pasted copy for SDG, none for unrelated. Of a thing that was bent, without the bend.
        operations: what was done, in order; `web:` and `web authentic:` come last.
        sources: every picture that went into it, each once.
    """

    key: str
    kind: Kind
    authentic: np.ndarray
    manipulated: np.ndarray
    mask: np.ndarray
    donor_mask: np.ndarray | None
    transforms: tuple[np.ndarray, ...]
    operations: tuple[str, ...]
    sources: tuple[SourcePicture | RenderedPage, ...]
    single: bool = False


@dataclass(slots=True, eq=False)
class Forgery:
    """A pair before the web; `transforms` as in ForgedPair, mask and donor_mask (H, W) bool."""

    authentic: np.ndarray
    manipulated: np.ndarray
    mask: np.ndarray
    donor_mask: np.ndarray | None
    transforms: list[np.ndarray]
    operations: list[str]
    sources: Sequence[SourcePicture | RenderedPage]


def chance(key: str, seed: int) -> Rng:
    """The draws of one pair, whatever else is drawn."""
    return np.random.default_rng(np.frombuffer(hashlib.sha256(f"{seed}/{key}".encode()).digest(), np.uint64))


def sent(
    key: str,
    kind: Kind,
    forgery: Forgery,
    rng: Rng,
    shares: dict[Strength, float],
    single: bool,
    *,
    mirror: float = 0.08,
    captions: bool = True,
) -> ForgedPair:
    """Both sides through the web, each on its own way, and the truth with them.

    Args:
        shares: how much of the web they meet. mirror: probability that the authentic side comes back mirrored.
        captions: now and then text, watermarks and frames are laid over a side.
    """
    strength = drawn_strength(rng, shares)
    nothing = np.zeros(forgery.authentic.shape[:2], bool)
    given = forgery.donor_mask if forgery.donor_mask is not None else nothing
    authentic, donor_mask, from_authentic, web_authentic = through_the_web(
        forgery.authentic, given, strength, rng, mirror=mirror, captions=captions
    )
    manipulated, mask, to_manipulated, web = through_the_web(
        forgery.manipulated, forgery.mask, strength, rng, captions=captions
    )
    back = np.linalg.inv(from_authentic)
    transforms = tuple(_normal(to_manipulated @ one @ back) for one in forgery.transforms)
    if kind is Kind.SDG:
        donor_mask &= _in_sight(transforms, mask, donor_mask.shape)
    operations = [*forgery.operations, "web:" + "+".join(web), "web authentic:" + "+".join(web_authentic)]
    return ForgedPair(
        key=key,
        kind=kind,
        authentic=np.ascontiguousarray(authentic),
        manipulated=np.ascontiguousarray(manipulated),
        mask=np.ascontiguousarray(mask),
        donor_mask=donor_mask if kind is Kind.SDG else None,
        transforms=transforms,
        operations=tuple(operations),
        sources=tuple(dict.fromkeys(forgery.sources)),
        single=single,
    )


def _in_sight(transforms: Sequence[np.ndarray], mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where the authentic picture's points land on the mask of the manipulated one, (h, w) bool."""
    seen = np.zeros(shape[:2], bool)
    wide = cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)) * np.uint8(255)
    for one in transforms:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen |= cv2.warpPerspective(wide, one, (shape[1], shape[0]), flags=flags) >= 128
    return seen


def _normal(matrix: np.ndarray) -> np.ndarray:
    return matrix / matrix[2, 2]
