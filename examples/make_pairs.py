"""Make the example pairs: pairs/<key>/0.jpg (authentic), 1.jpg (manipulated) and 1.png (mask), from pictures/.

    python examples/make_pairs.py

Objects are cut along outlines chosen by hand, edited into other pictures as a person would do it, and both sides then
take their own way through the web. The mask takes every step that moves pixels with its picture. Nothing is random.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
Picture = np.ndarray  # (H, W, 3) uint8 RGB
Soft = np.ndarray  # (H, W) float32 in [0, 1]
Outline = list[tuple[float, float]]  # x, y in pixels of the picture it was drawn on

CAT: Outline = [(0, 0), (400, 0), (388, 22), (372, 50), (357, 68), (361, 112), (361, 140), (344, 170), (326, 200)]
CAT += [(315, 226), (318, 250), (302, 272), (284, 300), (0, 300), (0, 150), (30, 118), (32, 60), (40, 0)]
CAPSULE: Outline = [(387.5, 298.5), (483, 300), (487, 296), (497, 293.5), (532, 294.5), (537, 297), (538, 302)]
CAPSULE += [(631, 303), (631, 335), (538, 333), (536.5, 341), (535, 352), (527, 380), (518, 386), (503, 385)]
CAPSULE += [(495, 379), (483, 343), (481, 332), (387.5, 330)]
ROCKET: Outline = [(322, 126), (318, 130), (315, 137), (311.5, 150), (311.5, 177), (314.5, 181), (313.5, 406)]
ROCKET += [(331, 406), (330.5, 181), (332.5, 177), (332.5, 150), (329.5, 137), (326, 130)]
SAUCER: Outline = [(77, 205), (92, 270), (125, 325), (180, 365), (250, 385), (300, 389), (360, 380), (420, 345)]
SAUCER += [(460, 295), (479, 225), (470, 170), (440, 120), (130, 105), (100, 135), (80, 180)]
RIM: Outline = [(173, 100), (180, 70), (205, 40), (240, 24), (285, 17), (330, 22), (370, 42), (398, 75), (408, 105)]
RIM += [(285, 207), (215, 180)]
SPOON: Outline = [(397, 70), (405, 66), (418, 67), (423, 75), (418, 92), (410, 120), (395, 125)]
PLATFORM: Outline = [(352, 329), (478, 328), (480, 333.5), (485, 336.5), (477, 342), (461, 353), (449, 362)]
PLATFORM += [(439, 368), (429, 376.5), (419, 386), (409, 398), (389, 416), (377, 428), (352, 428)]


# ---------------------------------------------------------------- cutting and pasting


def picture_of(name: str) -> Picture:
    return np.asarray(Image.open(HERE / "pictures" / f"{name}.jpg").convert("RGB"))


def fill(shape: tuple[int, ...], outline: Outline, feather: float = 0.7) -> Soft:
    """The inside of an outline, (H, W), with an edge blurred by `feather` pixels."""
    points = (np.array(outline) * 16).round().astype(np.int32)
    inside = cv2.fillPoly(np.zeros(shape[:2], np.float32), [points], (1.0,), cv2.LINE_8, 4)
    return cv2.GaussianBlur(inside, (0, 0), feather)


def ellipse(centre: tuple[float, float], half: tuple[float, float], turn: float = 0.0) -> Outline:
    """Half axes in pixels, turned clockwise by degrees."""
    angle, slope = np.linspace(0, 2 * np.pi, 180, endpoint=False), np.deg2rad(turn)
    x, y = half[0] * np.cos(angle), half[1] * np.sin(angle)
    return [(centre[0] + a * np.cos(slope) - b * np.sin(slope), centre[1] + a * np.sin(slope) + b * np.cos(slope))
            for a, b in zip(x, y, strict=True)]  # fmt: skip


def fitted_ellipse(outline: Outline) -> Outline:
    (x, y), (a, b), turn = cv2.fitEllipse(np.array(outline, np.float32))
    return ellipse((x, y), (a / 2, b / 2), turn)


def refine(picture: Picture, inside: Soft, reach: int, feather: float) -> Soft:
    """Let GrabCut place the edge within `reach` pixels of a rough outline."""
    cv2.setRNGSeed(0)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    rough = (inside > 0.5).astype(np.uint8)
    labels = np.where(rough, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(rough, kernel, borderValue=1) > 0] = cv2.GC_FGD
    labels[cv2.dilate(rough, kernel) == 0] = cv2.GC_BGD
    cv2.grabCut(picture, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    cut = cv2.morphologyEx(labels & 1, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.float32)
    return cv2.GaussianBlur(cut, (0, 0), feather)


def move(scale: float | tuple[float, float], at: tuple[float, float], of: tuple[float, float], turn: float = 0.0):
    """The 2x3 map that brings the point `of` to `at`, scaled (x, y) and turned clockwise by degrees."""
    slope = np.deg2rad(turn)
    matrix = np.array([[np.cos(slope), -np.sin(slope)], [np.sin(slope), np.cos(slope)]]) @ np.diag(
        np.broadcast_to(scale, 2)
    )
    return np.column_stack([matrix, np.array(at) - matrix @ np.array(of)])


def warp(array: np.ndarray, matrix: np.ndarray, like: Picture) -> np.ndarray:
    """Bring a picture or a soft mask into the frame of `like`; blurred first where it shrinks."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale < 0.9:
        array = cv2.GaussianBlur(array, (0, 0), 0.4 / scale)
    border = cv2.BORDER_REPLICATE if array.ndim == 3 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(array, matrix, like.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=border)


def blend(onto: Picture, new: np.ndarray, alpha: Soft) -> Picture:
    alpha = alpha.clip(0, 1)[..., None]
    return (onto * (1 - alpha) + new * alpha).round().clip(0, 255).astype(np.uint8)


def graded(
    picture: Picture, gamma: float = 1.0, gains: tuple[float, float, float] = (1, 1, 1), colour: float = 1.0
) -> Picture:
    """Gamma, gain of red, green and blue, saturation."""
    x = (picture.astype(np.float32) / 255) ** gamma * np.array(gains, np.float32)
    grey = x.mean(axis=2, keepdims=True)
    return ((grey + (x - grey) * colour).clip(0, 1) * 255).round().astype(np.uint8)


# ---------------------------------------------------------------- objects


def cat() -> tuple[Picture, Soft]:
    picture = picture_of("cat")
    return picture, refine(picture, fill(picture.shape, CAT), 9, 1.6)


def dandelion(stem: bool) -> tuple[Picture, Soft]:
    picture = picture_of("dandelion")
    head = fill(picture.shape, ellipse((300, 181), (156, 139)))
    alpha = refine(picture, head, 14, 1.5)
    if stem:
        alpha = np.maximum(alpha, fill(picture.shape, [(289, 290), (312, 290), (311, 580), (287, 580)], 1.0))
    return picture, alpha


def capsule() -> tuple[Picture, Soft]:
    picture = picture_of("earth-orbit")
    return picture, fill(picture.shape, CAPSULE)


def rocket() -> tuple[Picture, Soft]:
    picture = picture_of("rocket")
    return picture, fill(picture.shape, ROCKET, 0.6)


def cup() -> tuple[Picture, Soft]:
    picture = picture_of("coffee")
    parts = [fitted_ellipse(SAUCER), fitted_ellipse(RIM), SPOON]
    return picture, np.maximum.reduce([fill(picture.shape, part) for part in parts])


# ---------------------------------------------------------------- forgeries: authentic, manipulated, soft mask

Forgery = tuple[Picture, Picture, Soft]


def cat_in_the_canyon() -> Forgery:
    canyon = picture_of("canyon")
    donor, alpha = cat()
    place = move(1.08, at=(566, 203), of=(245, 125))
    hue, saturation, value = cv2.split(cv2.cvtColor(canyon, cv2.COLOR_RGB2HSV))
    sky = ((hue > 80) & (hue < 105) & (saturation > 60) & (value > 130)).astype(np.uint8)
    sky = cv2.morphologyEx(sky, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, parts = cv2.connectedComponents(sky)
    hole = cv2.GaussianBlur((parts == parts[180, 600]).astype(np.float32), (0, 0), 0.8)
    alpha = warp(alpha, place, canyon) * hole
    return canyon, blend(canyon, graded(warp(donor, place, canyon), 1.05, (1.05, 0.97, 0.95), 1.15), alpha), alpha


def cat_over_the_lake() -> Forgery:
    pier = picture_of("pier")
    donor, alpha = cat()
    place = move(1.03, at=(0, 0), of=(0, 0))
    trees = (pier.max(axis=2) < 75).astype(np.float32)
    trees[:262] = 0
    trees[305:] = 1  # the water
    alpha = warp(alpha, place, pier) * (1 - cv2.GaussianBlur(trees, (0, 0), 0.7))
    return donor, blend(pier, graded(warp(donor, place, pier), 1.1, (0.98, 0.84, 0.98)), alpha), alpha


def rocket_on_the_pier() -> Forgery:
    pier = picture_of("pier")
    donor, alpha = rocket()
    place = move(1.05, at=(514, 343), of=(322, 405))
    alpha = warp(alpha, place, pier)
    return pier, blend(pier, graded(warp(donor, place, pier), 1.05, (1.0, 0.9, 0.95)), alpha), alpha


def coffee_by_the_sea() -> Forgery:
    boards = picture_of("boards")
    donor, alpha = cup()
    place = move((0.82, 0.66), at=(420, 470), of=(278, 230), turn=-4)
    shadow = fill(boards.shape, ellipse((448, 512), (172, 84), -4), 14) * 0.6
    alpha = warp(alpha, place, boards)
    shaded = blend(boards, boards * 0.25, shadow)
    return donor, blend(shaded, graded(warp(donor, place, boards), 0.9, (0.95, 1, 1.1), 0.9), alpha), alpha


def dandelion_in_orbit() -> Forgery:
    orbit = picture_of("earth-orbit")
    donor, alpha = dandelion(stem=False)
    place = move(0.8, at=(800, 150), of=(300, 180), turn=20)
    alpha = warp(alpha, place, orbit)
    return donor, blend(orbit, graded(warp(donor, place, orbit), 0.95, (0.95, 0.97, 1.05), 0.75), alpha), alpha


def capsule_above_the_pad() -> Forgery:
    pad = picture_of("rocket")
    donor, alpha = capsule()
    place = move(0.85, at=(446, 70), of=(509, 325), turn=-14)
    alpha = warp(alpha, place, pad)
    return donor, blend(pad, graded(warp(donor, place, pad), 1.25, (0.9, 0.92, 1)), alpha), alpha


def side_boosters() -> Forgery:
    picture, alpha = rocket()
    out, mask = picture, np.zeros(picture.shape[:2], np.float32)
    for shift in (-21.0, 21.0):
        place = move(1.0, at=(shift, 0), of=(0, 0))
        moved = warp(alpha, place, picture) * (1 - alpha)  # the middle one stays in front
        out, mask = blend(out, warp(picture, place, picture), moved), np.maximum(mask, moved)
    return picture, out, mask


def more_dandelions() -> Forgery:
    picture, alpha = dandelion(stem=True)
    out, mask = picture, np.zeros(picture.shape[:2], np.float32)
    for scale, x, blur in ((0.36, 560, 1.3), (0.58, 745, 0.5)):
        place = move((-scale if x > 700 else scale, scale), at=(x, 580), of=(300, 580))
        moved = warp(alpha, place, picture)
        out = blend(out, cv2.GaussianBlur(warp(picture, place, picture), (0, 0), blur), moved)
        mask = np.maximum(mask, moved)
    return picture, out, mask


def empty_pier() -> Forgery:
    pier = picture_of("pier")
    where = fill(pier.shape, PLATFORM)
    water = warp(pier, move(1.0, at=(150, 0), of=(0, 0)), pier).astype(np.float32)
    edge = fill(pier.shape, [(330, 325), (350, 325), (350, 432), (330, 432)]) > 0.5
    for row in range(320, 436):  # each row of water takes the brightness of the one it joins
        if edge[row].any():
            water[row] += pier[row, edge[row]].mean(0) - water[row, edge[row]].mean(0)
    return pier, blend(pier, water, where), where


def blue_cup() -> Forgery:
    coffee = picture_of("coffee")
    china = np.maximum(fill(coffee.shape, fitted_ellipse(SAUCER)), 0) * (1 - fill(coffee.shape, fitted_ellipse(RIM)))
    hsv = cv2.cvtColor(coffee, cv2.COLOR_RGB2HSV)
    red = ((hsv[..., 0] < 12) | (hsv[..., 0] > 168)) & (hsv[..., 1] > 95)
    alpha = china * cv2.GaussianBlur(red.astype(np.float32), (0, 0), 0.8)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 104) % 180
    return coffee, blend(coffee, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), alpha), alpha


def violet_eyes() -> Forgery:
    picture = picture_of("cat")
    eyes = [ellipse((171, 115), (33, 28.5), 8), ellipse((321, 136), (20, 25.5), 10)]
    alpha = np.maximum.reduce([fill(picture.shape, eye, 1.2) for eye in eyes])
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 112) % 180
    hsv[..., 1] = (hsv[..., 1] * 0.95).astype(np.uint8)
    iris = cv2.GaussianBlur((picture.max(axis=2) > 62).astype(np.float32), (0, 0), 0.8)  # the pupil stays
    return picture, blend(picture, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), alpha * iris), alpha * iris


def no_diving() -> Forgery:
    boards = picture_of("boards")
    sign = Image.new("L", (900, 200))
    ImageDraw.Draw(sign).text(
        (450, 100), "NO DIVING", 255, font=ImageFont.load_default(170), anchor="mm", stroke_width=4
    )
    corners = np.array([(0, 0), (900, 0), (900, 200), (0, 200)], np.float32)
    plank = np.array([(190, 372), (700, 385), (730, 480), (120, 520)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, plank)
    ink = cv2.warpPerspective(np.asarray(sign, np.float32) / 255, matrix, boards.shape[1::-1], flags=cv2.INTER_AREA)
    wood = boards.astype(np.float32)
    worn = ((wood.mean(axis=2) - 60) / 60).clip(0, 1)  # no paint in the gaps
    paint = wood * np.array([0.9, 0.28, 0.22]) + np.array([20, 5, 5])
    return boards, blend(boards, paint, ink * (0.55 + 0.4 * worn)), ink


def dandelion_again() -> Forgery:
    picture = picture_of("dandelion")
    return picture, picture, np.zeros(picture.shape[:2], np.float32)


def two_strangers() -> Forgery:
    canyon = picture_of("canyon")
    return picture_of("boards"), canyon, np.zeros(canyon.shape[:2], np.float32)


# ---------------------------------------------------------------- the web


@dataclass(frozen=True)
class Web:
    """What one picture went through: cropped (shares of top, bottom, left, right), resized, graded, saved as JPEG."""

    width: int
    crop: tuple[float, float, float, float] = (0, 0, 0, 0)
    gamma: float = 1.0
    gains: tuple[float, float, float] = (1, 1, 1)
    colour: float = 1.0
    earlier: tuple[int, ...] = ()
    """Qualities of the JPEGs it was saved as before."""
    quality: int = 82

    def frame(self, array: np.ndarray) -> np.ndarray:
        """Crop and resize a picture or a soft mask."""
        height, width = array.shape[:2]
        top, bottom, left, right = (
            round(s * n) for s, n in zip(self.crop, (height, height, width, width), strict=True)
        )
        array = array[top : height - bottom, left : width - right]
        size = (self.width, round(array.shape[0] * self.width / array.shape[1]))
        return cv2.resize(array, size, interpolation=cv2.INTER_AREA if self.width < array.shape[1] else cv2.INTER_CUBIC)

    def post(self, picture: Picture, path: Path) -> None:
        """Write the picture as it comes out."""
        picture = graded(self.frame(picture), self.gamma, self.gains, self.colour)
        for quality in self.earlier:
            saved = io.BytesIO()
            Image.fromarray(picture).save(saved, "JPEG", quality=quality)
            picture = np.asarray(Image.open(saved))
        Image.fromarray(picture).save(path, "JPEG", quality=self.quality, optimize=True)


PAIRS: dict[str, tuple[Callable[[], Forgery], Web, Web]] = {
    "cat-in-the-canyon": (
        cat_in_the_canyon,
        Web(720),
        Web(640, (0.04, 0.1, 0.06, 0.03), 0.95, colour=1.1, earlier=(85,)),
    ),
    "cat-over-the-lake": (cat_over_the_lake, Web(451, quality=90), Web(640, (0, 0.12, 0, 0.1), 0.97, earlier=(90,))),
    "rocket-on-the-pier": (rocket_on_the_pier, Web(700, gamma=0.95), Web(600, (0.01, 0.15, 0.12, 0.14), quality=78)),
    "coffee-by-the-sea": (coffee_by_the_sea, Web(540), Web(680, (0.12, 0, 0, 0.12), 0.96, (1.02, 1, 0.96))),
    "dandelion-in-orbit": (dandelion_in_orbit, Web(720, quality=80), Web(640, (0, 0.05, 0.1, 0), earlier=(75,))),
    "capsule-above-the-pad": (capsule_above_the_pad, Web(760), Web(600, (0, 0.03, 0.02, 0.02), colour=0.9)),
    "side-boosters": (side_boosters, Web(640), Web(640)),
    "more-dandelions": (more_dandelions, Web(760, quality=76), Web(640, (0.03, 0, 0.02, 0.05), 1.08, earlier=(80,))),
    "empty-pier": (empty_pier, Web(720), Web(720, (0.1, 0.08, 0.08, 0.08), 0.93, (1.03, 1, 0.97), 1.1)),
    "blue-cup": (blue_cup, Web(600, quality=88), Web(560, (0, 0, 0.03, 0.05), 1.05, quality=80)),
    "violet-eyes": (violet_eyes, Web(451, quality=90), Web(440, (0.02, 0.02, 0.02, 0.06), 0.96, quality=88)),
    "no-diving": (no_diving, Web(680), Web(640, (0.1, 0.04, 0.02, 0.06), gains=(1.04, 1, 0.95))),
    "dandelion-again": (
        dandelion_again,
        Web(680),
        Web(560, (0.06, 0.02, 0.04, 0.08), 0.92, colour=0.85, earlier=(70,)),
    ),
    "two-strangers": (two_strangers, Web(600), Web(640, (0, 0.1, 0.05, 0.05))),
}


def main() -> None:
    for key, (forge, web_authentic, web_manipulated) in PAIRS.items():
        folder = HERE / "pairs" / key
        folder.mkdir(parents=True, exist_ok=True)
        authentic, manipulated, alpha = forge()
        web_authentic.post(authentic, folder / "0.jpg")
        web_manipulated.post(manipulated, folder / "1.jpg")
        mask = web_manipulated.frame(np.ascontiguousarray(alpha)) >= 0.5
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "1.png", optimize=True)
        print(f"{key:24} {mask.shape[1]}x{mask.shape[0]}, mask {mask.mean():.1%}")


if __name__ == "__main__":
    main()
