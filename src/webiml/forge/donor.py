"""What an SDG pair shares: one to three copies of a thing of the authentic picture, or all of it as a poster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from webiml.forge.blending import paste, placement, recolour
from webiml.forge.objects import Rng
from webiml.forge.scene import Scene, pick_thing

LEAST, MOST = 0.01, 0.6  # share of the manipulated picture that the copies cover together
MOST_OF_BAND = 0.75
_STRUCTURED = 10  # 8-bit levels, standard deviation: less could not be found again


@dataclass(frozen=True, slots=True, eq=False)
class DonorPaste:
    """Pastes that have been drawn but not yet made.

    Attributes:
        source: (h, w, 3) uint8, the donor in the colours and the shape it is pasted with. thing: (h, w) bool, in it.
        transforms: 3x3 float64 each, points of it to points of the picture that receives them.
        blend, harmonise: as in `blending.paste`. seed: of the draws while pasting.
        bend: (h, w, 2) float32, how far (x, y) from each of its points the donor shows the same; None for nowhere.
    """

    source: np.ndarray
    thing: np.ndarray
    transforms: tuple[np.ndarray, ...]
    blend: str
    harmonise: float
    seed: int
    operation: str
    bend: np.ndarray | None = None

    def onto(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The picture with the copies, and the pixels that come from the donor, (H, W) bool."""
        rng, mask = np.random.default_rng(self.seed), np.zeros(rgb.shape[:2], bool)
        for transform in self.transforms:
            rgb, inside = paste(rgb, self.source, self.thing, transform, self.blend, rng, self.harmonise)
            mask |= inside
        return rgb, mask

    def donor_mask(self, shape: tuple[int, int]) -> np.ndarray:
        """The part of the thing that at least one copy shows inside a picture of `shape` (H, W), (h, w) bool."""
        seen, whole = np.zeros(self.thing.shape, bool), np.full(shape, 255, np.uint8)
        size = (self.thing.shape[1], self.thing.shape[0])
        for transform in self.transforms:
            flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
            seen |= cv2.warpPerspective(whole, transform, size, flags=flags) > 0
        seen &= self.thing
        return seen if self.bend is None else _unbent(seen, self.bend)


def paste_of(donor: Scene, scene: Scene, rng: Rng) -> DonorPaste | None:
    """Draw how a thing of `donor` gets into `scene`; None when it would be too small, too large or too plain."""
    draw = rng.random()
    if draw < 0.1:
        made = _poster(donor, scene, rng)
    elif draw < 0.22:
        made = _band(donor, scene, rng)
    elif draw < 0.34:
        made = _in_place(donor, scene, rng)
    else:
        made = _copies(donor, scene, rng)
    if made is None or donor.rgb[made.thing].std() < _STRUCTURED:
        return None
    share = made.onto(np.zeros_like(scene.rgb))[1].mean()
    return made if LEAST <= share <= (MOST_OF_BAND if made.operation == "band" else MOST) else None


def _copies(donor: Scene, scene: Scene, rng: Rng) -> DonorPaste:
    """One to three copies of a thing; alone it may cover up to 60 % of the picture."""
    thing = pick_thing(donor, 0.02, 0.55, rng)
    count = int(rng.choice([1, 2, 3], p=[0.7, 0.21, 0.09]))
    high = 0.2 if count > 1 else 0.58 if rng.random() < 0.35 else 0.3
    transforms = tuple(placement(thing, scene.shape, 0.014, high, rng) for _ in range(count))
    blend = str(rng.choice(["hard", "soft", "feathered", "poisson"], p=[0.3, 0.3, 0.32, 0.08]))
    recoloured = rng.random() < 0.5
    source = recolour(donor.rgb, rng) if recoloured else donor.rgb
    harmonise = rng.uniform(0.1, 0.4) if rng.random() < 0.25 else 0.0
    operation = f"recoloured_paste_{count}" if recoloured else f"paste_{count}"
    made = DonorPaste(source, thing, transforms, blend, harmonise, _seed(rng), operation)
    return _bent(made, rng) if rng.random() < 0.15 else made


def _poster(donor: Scene, scene: Scene, rng: Rng) -> DonorPaste:
    """The whole authentic picture as a picture in the picture: on a screen, as a poster, or upright in a corner."""
    height, width = scene.shape
    h, w = donor.shape
    flat = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]], np.float32)
    share = float(np.exp(rng.uniform(np.log(0.06), np.log(0.55))))
    scale = min(np.sqrt(share * height * width / (h * w)), 0.97 * width / w, 0.97 * height / h)
    corners = (flat - [w / 2, h / 2]) * scale
    if rng.random() < 0.65:  # seen from the side
        angle = np.deg2rad(rng.uniform(-12, 12))
        corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners += rng.uniform(-0.13, 0.13, (4, 2)) * min(h, w) * scale
    reach = np.minimum(np.abs(corners).max(0), [width / 2, height / 2])
    corners += rng.uniform(reach, [width - reach[0], height - reach[1]])
    transform = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    source = recolour(donor.rgb, rng) if rng.random() < 0.4 else donor.rgb
    whole = np.ones(donor.shape, bool)
    return DonorPaste(source, whole, (transform,), str(rng.choice(["hard", "soft"])), 0.0, _seed(rng), "poster")


def _band(donor: Scene, scene: Scene, rng: Rng) -> DonorPaste:
    """A large rectangle of the authentic picture fills a band of the manipulated one, or most of it, shifted."""
    height, width = scene.shape
    h, w = donor.shape
    upright = rng.random() < 0.5
    deep = rng.uniform(0.25, 0.74)
    box_h, box_w = (height, deep * width) if upright else (deep * height, width)
    scale = max(box_h / h, box_w / w) * rng.uniform(1.0, 1.25)
    x = rng.choice([0.0, width - box_w]) if upright and rng.random() < 0.8 else rng.uniform(0, width - box_w + 1e-6)
    at_edge = not upright and rng.random() < 0.8
    y = rng.choice([0.0, height - box_h]) if at_edge else rng.uniform(0, height - box_h + 1e-6)
    room_x, room_y = w - box_w / scale, h - box_h / scale
    from_x, from_y = rng.uniform(0, max(room_x, 1e-6)), rng.uniform(0, max(room_y, 1e-6))
    thing = np.zeros(donor.shape, bool)
    thing[round(from_y) : round(from_y + box_h / scale), round(from_x) : round(from_x + box_w / scale)] = True
    transform = np.array([[scale, 0, x - scale * round(from_x)], [0, scale, y - scale * round(from_y)], [0, 0, 1.0]])
    blend = "feathered" if rng.random() < 0.3 else "hard"
    return DonorPaste(donor.rgb, thing, (transform,), blend, 0.0, _seed(rng), "band")


def _in_place(donor: Scene, scene: Scene, rng: Rng) -> DonorPaste:
    """A thing stays where it was, as when one picture is laid over another and the rest is cut away."""
    (height, width), (h, w) = scene.shape, donor.shape
    scale = min(width / w, height / h)
    x, y = (width - scale * w) / 2, (height - scale * h) * rng.choice([0.5, 1.0])
    if rng.random() < 0.5:  # and was then moved a little
        scale *= rng.uniform(0.93, 1.07)
        x, y = rng.normal([x, y], 0.02 * min(width, height))
    transform = np.array([[scale, 0, x], [0, scale, y], [0, 0, 1.0]])
    blend = str(rng.choice(["hard", "soft", "feathered"]))
    return DonorPaste(donor.rgb, pick_thing(donor, 0.04, 0.5, rng), (transform,), blend, 0.0, _seed(rng), "in_place")


def _bent(made: DonorPaste, rng: Rng) -> DonorPaste:
    """The same with its thing bent smoothly, as no perspective could: a warped arm, a stretched face."""
    height, width = made.thing.shape
    amount = rng.uniform(0.05, 0.12) * np.sqrt(np.count_nonzero(made.thing))
    coarse = rng.normal(0, 1, (4, 4, 2)).astype(np.float32)  # some two waves over a picture
    bend = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(amount)
    where = _grid(made.thing.shape) + bend
    source = cv2.remap(made.source, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)  # type: ignore[call-overload]
    thing = cv2.remap(made.thing.astype(np.uint8), where, None, cv2.INTER_NEAREST) > 0  # type: ignore[call-overload]
    return replace(made, source=source, thing=thing, bend=bend, operation=f"bent_{made.operation}")


def _unbent(mask: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """A mask (h, w) bool of a bent thing, as it lies in the donor."""
    grid = _grid(mask.shape)
    where = grid - bend
    for _ in range(8):  # the inverse of a smooth, small bend: each turn halves what is wrong, at least
        where = grid - cv2.remap(bend, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return cv2.remap(mask.astype(np.uint8), where, None, cv2.INTER_NEAREST) > 0  # type: ignore[call-overload]


def _grid(shape: tuple[int, ...]) -> np.ndarray:
    """(h, w, 2) float32: the place (x, y) of each pixel."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.dstack([x, y]).astype(np.float32)


def _seed(rng: Rng) -> int:
    return int(rng.integers(1 << 62))
