"""What the web does to a picture on its way: the second half of synthetic_pairs.py."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from synthetic_edits import Picture, Rng, Soft, recolour


def cropped(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    height, width = mask.shape
    top, bottom, left, right = (rng.uniform(0, 0.15, 4) * [height, height, width, width]).astype(int)
    window = np.s_[top : height - bottom, left : width - right]
    if mask[window].sum() < 0.5 * mask.sum():  # the forgery is what the picture was posted for
        return picture, mask
    return picture[window], mask[window]


def turned(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    """A small rotation, zoomed so that no corner is empty."""
    height, width = mask.shape
    angle = rng.uniform(0.5, 4) * rng.choice([-1, 1])
    slope = np.deg2rad(abs(angle))
    zoom = np.cos(slope) + np.sin(slope) * max(width / height, height / width)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
    picture = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return picture, cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)


def resized(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    height, width = mask.shape
    scale = max(np.exp(rng.uniform(np.log(0.5), np.log(1.5))), 128 / min(height, width))
    size = (round(width * scale), round(height * scale))
    kernels = [cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST]
    kernel = kernels[int(rng.choice(5, p=[0.35, 0.25, 0.2, 0.17, 0.03]))]
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=kernel), cv2.resize(mask, size, interpolation=smooth)


def framed(picture: Picture, mask: Soft, rng: Rng) -> tuple[Picture, Soft]:
    """A border all round, or a strip with a caption above or below; never part of the mask."""
    height, width = mask.shape
    caption = rng.random() < 0.5
    strip = int(rng.uniform(0.08, 0.16) * height)
    edge = int(rng.uniform(0.01, 0.06) * max(height, width))
    sides = ([strip, 0, 0, 0] if rng.random() < 0.5 else [0, strip, 0, 0]) if caption else [edge] * 4
    white = bool(rng.random() < 0.5)
    around = ((sides[0], sides[1]), (sides[2], sides[3]))
    out = np.pad(picture, (*around, (0, 0)), constant_values=255 if white else 0)
    if caption:
        canvas = Image.fromarray(out)
        y = strip // 5 if sides[0] else height + strip // 5
        font = ImageFont.load_default(strip * 0.55)
        ink = (0 if white else 255,) * 3
        ImageDraw.Draw(canvas).text((width // 20, y), "you will not believe this", ink, font=font)
        out = np.asarray(canvas)
    return out, np.pad(mask, around)


def filtered(picture: Picture, rng: Rng) -> Picture:
    """Mild blur, sharpening and noise."""
    draw = rng.random()
    if draw < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0))
    elif draw < 0.32:
        amount = rng.uniform(0.2, 0.9)
        picture = cv2.addWeighted(picture, 1 + amount, cv2.GaussianBlur(picture, (0, 0), 1.0), -amount, 0)
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(1, 5), picture.shape)
        picture = (picture + noise).round().clip(0, 255).astype(np.uint8)
    return picture


def resaved(picture: Picture, rng: Rng) -> Picture:
    """JPEG (quality 40 to 95) or WebP, once to three times."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))):
        quality = round(rng.uniform(40, 95))
        if rng.random() < 0.15:
            _, code = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
        else:
            sampling = 0x221111 if rng.random() < 0.75 else 0x111111  # 4:2:0, 4:4:4
            options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
            _, code = cv2.imencode(".jpg", bgr, options)
        bgr = cast(np.ndarray, cv2.imdecode(code, cv2.IMREAD_COLOR))  # None only for bytes that are no picture
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def through_the_web(picture: Picture, mask: np.ndarray, rng: Rng, mirror: float) -> tuple[Picture, np.ndarray]:
    """One side as it comes back from the web. `mirror` is the probability of a mirrored picture; mask (H, W) bool."""
    soft = mask.astype(np.float32)
    for share, step in ((0.6, cropped), (0.15, turned), (0.75, resized)):
        if rng.random() < share:
            picture, soft = step(picture, soft, rng)
    if rng.random() < mirror:
        picture, soft = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(soft[:, ::-1])
    if rng.random() < 0.7:
        picture = recolour(picture, rng, 1.0)
    picture = filtered(picture, rng)
    if rng.random() < 0.1:
        picture, soft = framed(picture, soft, rng)
    return resaved(picture, rng), soft >= 0.5
