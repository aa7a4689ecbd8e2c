"""What a picture goes through before it is scored again: JPEG, blur, noise, a smaller size, a platform's stand-in.

    jpeg:50..100:10     qualities 50, 60, ..., 100; 4:2:0
    blur:3..23          sides of a Gaussian kernel, pixels, odd: 3, 7, ..., 23; OpenCV's kernel of that side
    noise-sigma:3..23   standard deviations of Gaussian noise, levels of 255: 3, 7, ..., 23
    noise-variance:3..23    the same by its variance
    resize:0.5..1       shares of both sides: 0.5, 0.6, ..., 1; by area
    resave:social       longest side at most 1280 pixels, by area, then JPEG 4:2:0 of quality 75

`social` is our own stand-in for what a platform does to an upload; it has measured none.

Source: the levels of blur, noise and JPEG are those of scu-zjz/IMDLBenCo, training_scripts/test_robust.py. Its noise
levels go to `var_limit` of albumentations (transforms/robustness_wrapper.py), which are variances: the levels of its
tables are our noise-variance, and noise-sigma at the same numbers is stronger.
A blur there has no sigma of its own either, so that OpenCV's follows from the side: 0.3 (side / 2 - 1.5) + 0.8, but for
sides up to 9, which have fixed weights.
Departs: IMDL-BenCo draws each JPEG quality from q - 1 and q, here it is q.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.forge.web_degradation import saved_as_jpeg
from webiml.images.decode import MIN_SIDE
from webiml.types import Reason

Kind = Literal["jpeg", "blur", "noise-sigma", "noise-variance", "resize", "resave"]

SOCIAL_SIDE, SOCIAL_QUALITY = 1280, 75  # pixels, JPEG quality
MAX_LEVELS = 100  # of one range: a step that is too small is a slip
_JPEG_SIDE = 65_500  # pixels; no JPEG is larger
_BAND = 256  # rows that get their noise at a time, for the sake of memory


@dataclass(frozen=True, slots=True)
class Degradation:
    """One thing that is done to every picture, such as jpeg at 70."""

    kind: Kind
    level: float | str

    @property
    def name(self) -> str:
        """As it is written on the command line, such as jpeg:70."""
        return f"{self.kind}:{self.level if isinstance(self.level, str) else f'{self.level:g}'}"


@dataclass(frozen=True, slots=True)
class _Levels:
    """What levels a kind takes: low to high, in steps of `step` where none is given; whole, or also odd, numbers."""

    low: float
    high: float
    step: float
    whole: bool = False
    odd: bool = False
    example: str = ""


_KINDS: dict[str, _Levels] = {
    "jpeg": _Levels(1, 100, 10, whole=True, example="jpeg:50..100:10"),
    "blur": _Levels(3, 99, 4, whole=True, odd=True, example="blur:3..23"),
    "noise-sigma": _Levels(0.1, 128, 4, example="noise-sigma:3..23"),
    "noise-variance": _Levels(0.01, 16384, 4, example="noise-variance:3..23"),
    "resize": _Levels(0.05, 1, 0.1, example="resize:0.5..1"),
}
_RESAVES = ("social",)


def parse_degradations(specs: Sequence[str]) -> tuple[Degradation, ...]:
    """The degradations that texts such as `jpeg:50..100:10`, `blur:3,7` or `resave:social` ask for.

    Returns:
        Each once: kinds in the order in which they first come, the levels of a kind rising.
    Raises:
        SettingError: a text cannot be read, or a level lies outside of what its kind takes.
    """
    levels: dict[str, set[float | str]] = {}
    for spec in specs:
        kind, _, text = spec.strip().partition(":")
        levels.setdefault(kind, set()).update(_read(kind, text, spec))
    return tuple(
        Degradation(cast(Kind, kind), level)
        for kind, found in levels.items()
        for level in sorted(found)  # type: ignore[type-var]
    )


def degrade(
    rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture after one degradation, and its mask where it came to lie.

    Args:
        rgb: (H, W, 3) uint8. mask: (H, W) bool, True where manipulated, or None.
        key: the picture's own; noise follows from it, the kind and the level alone.
    Returns:
        (h, w, 3) uint8 and (h, w) bool or None; a smaller mask is True where at least half of a pixel was.
    Raises:
        BadImage: TOO_MANY_PIXELS, a side is too long for a JPEG.
    """
    return _DO[degradation.kind](rgb, mask, degradation, key)


def area_under(levels: Sequence[float | str], values: Sequence[float]) -> float:
    """Mean height of the curve through `values` at rising `levels`, in the values' unit; of one level, its value.

    Between two levels the curve is straight (the trapezoid rule), and its area is divided by the levels' span.

    Raises:
        ValueError: the levels do not rise, or there are not as many values.
    """
    if len(levels) != len(values) or not levels:
        raise ValueError(f"a curve has one value for each level, got {len(levels)} levels and {len(values)} values")
    if len(levels) == 1:
        return float(values[0])
    x, y = np.array(levels, float), np.array(values, float)
    if not np.all(np.diff(x) > 0):
        raise ValueError(f"the levels of a curve rise, got {list(levels)}")
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum() / (x[-1] - x[0]))


# ---------------------------------------------------------------- what is asked for


def _read(kind: str, text: str, spec: str) -> list[float | str]:
    if kind == "resave":
        names = [name.strip() for name in text.split(",")]
        if not set(names) <= set(_RESAVES):
            raise SettingError(f"--degrade {spec!r} cannot be read: the only resave is resave:social.")
        return list(names)
    known = _KINDS.get(kind)
    if known is None:
        raise SettingError(
            f"--degrade {spec!r} cannot be read: give a kind of {', '.join([*_KINDS, 'resave'])} and its levels, such "
            f"as jpeg:50..100:10, jpeg:50,75 or resave:social."
        )
    found = [level for part in text.split(",") for level in _part(part.strip(), known, spec)]
    for level in found:
        if known.whole and level != round(level):
            raise SettingError(f"--degrade {spec!r}: the levels of {kind} are whole numbers, got {level:g}.")
        if not known.low <= level <= known.high:
            raise SettingError(
                f"--degrade {spec!r}: the levels of {kind} lie between {known.low:g} and {known.high:g}, got {level:g}."
            )
        if known.odd and level % 2 != 1:
            raise SettingError(f"--degrade {spec!r}: the levels of {kind} are odd numbers of pixels, got {level:g}.")
    return list(found)


def _part(text: str, known: _Levels, spec: str) -> list[float]:
    """One level, or those of a range such as 50..100:10; its end is a level only where the steps meet it."""
    ends, _, step_text = text.partition(":")
    low_text, dots, high_text = ends.partition("..")
    try:
        low = float(low_text)
        high = float(high_text) if dots else low
        step = float(step_text) if step_text else known.step
        if not all(map(math.isfinite, (low, high, step))) or (step_text and not dots):
            raise ValueError
    except ValueError:
        raise SettingError(
            f"--degrade {spec!r} cannot be read: after the colon comes a level, several with commas, or a range, such "
            f"as {known.example}."
        ) from None
    if high < low or step <= 0:
        raise SettingError(f"--degrade {spec!r}: a range rises, and so does its step, such as {known.example}.")
    count = math.floor((high - low) / step + 1e-6) + 1
    if count > MAX_LEVELS:
        raise SettingError(f"--degrade {spec!r} asks for {count:,} levels; {MAX_LEVELS} are the most. Widen the step.")
    return [round(low + index * step, 9) for index in range(count)]


# ---------------------------------------------------------------- what is done

Result = tuple[np.ndarray, np.ndarray | None]


def _jpeg(rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str) -> Result:
    return _as_jpeg(rgb, round(float(degradation.level))), mask


def _blur(rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str) -> Result:
    side = round(float(degradation.level))
    return cv2.GaussianBlur(np.ascontiguousarray(rgb), (side, side), 0), mask  # 0: the sigma follows from the side


def _noise(rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str) -> Result:
    level = float(degradation.level)
    sigma = np.float32(level if degradation.kind == "noise-sigma" else math.sqrt(level))
    seed = hashlib.sha256(f"{degradation.name}\0{key}".encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    noisy = np.empty_like(rgb)
    for start in range(0, len(rgb), _BAND):
        band = rgb[start : start + _BAND]
        values = band + sigma * rng.standard_normal(band.shape, np.float32)
        noisy[start : start + _BAND] = np.rint(values).clip(0, 255)
    return noisy, mask


def _resize(rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str) -> Result:
    return _smaller(rgb, mask, float(degradation.level))


def _resave(rgb: np.ndarray, mask: np.ndarray | None, degradation: Degradation, key: str) -> Result:
    smaller, mask = _smaller(rgb, mask, min(1.0, SOCIAL_SIDE / max(rgb.shape[:2])))
    return _as_jpeg(smaller, SOCIAL_QUALITY), mask


_DO: dict[Kind, Callable[[np.ndarray, np.ndarray | None, Degradation, str], Result]] = {
    "jpeg": _jpeg,
    "blur": _blur,
    "noise-sigma": _noise,
    "noise-variance": _noise,
    "resize": _resize,
    "resave": _resave,
}


def _as_jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    if max(height, width) > _JPEG_SIDE:
        raise BadImage(Reason.TOO_MANY_PIXELS, f"{width}x{height}, the sides of a JPEG have at most {_JPEG_SIDE:,}")
    return saved_as_jpeg(rgb, quality, halved_colour=True)


def _smaller(rgb: np.ndarray, mask: np.ndarray | None, share: float) -> Result:
    """Both sides times `share` by area, none below MIN_SIDE unless it was before."""
    height, width = (max(min(side, MIN_SIDE), round(side * share)) for side in rgb.shape[:2])
    if (height, width) == rgb.shape[:2]:
        return rgb, mask
    smaller = cv2.resize(np.ascontiguousarray(rgb), (width, height), interpolation=cv2.INTER_AREA)
    if mask is None:
        return smaller, None
    covered = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return smaller, covered >= 0.5 - 1e-6  # of sums that are rounded
