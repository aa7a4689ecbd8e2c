"""Regions of like colour, which a person marks with one click."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.app.review.pictures import scaled

REGIONS = 1_200  # about as many as a picture is cut into
MIN_STEP = 6  # pixels between the seeds of a small picture
WORKING_PIXELS = 500_000  # a larger picture is cut at this size and the regions are enlarged
COMPACT = 12.0  # CIELAB units of colour that weigh as much as one step between seeds
ROUNDS = 4


def superpixels(rgb: np.ndarray) -> np.ndarray:
    """(H, W) int32: the number of the region of each pixel, from 0; every region is connected (4 neighbours).

    Args: rgb: (H, W, 3) uint8.
    Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", TPAMI 34(11), 2012.
    Departs: seeds stay on their grid at the start, and what is cut off from its region goes to the nearest one.
    """
    height, width = rgb.shape[:2]
    share = min(1.0, (WORKING_PIXELS / (height * width)) ** 0.5)
    small = scaled(rgb, (max(1, int(height * share)), max(1, int(width * share))))
    labels = _connected(_clustered(small))
    if labels.shape != (height, width):
        rows, columns = (np.arange(n) * have // n for n, have in zip((height, width), labels.shape, strict=True))
        labels = labels[rows[:, None], columns[None, :]]
    return labels


def as_colours(labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: numbers of regions as r + 256 g + 65536 b."""
    return np.stack([labels & 255, labels >> 8 & 255, labels >> 16 & 255], axis=-1).astype(np.uint8)


def _clustered(rgb: np.ndarray) -> np.ndarray:
    """(H, W) int32: for each pixel that of the nine seeds around it which is nearest in colour and place."""
    height, width = rgb.shape[:2]
    step = max(MIN_STEP, round((height * width / REGIONS) ** 0.5))
    down, across = -(-height // step), -(-width // step)
    padded = cv2.copyMakeBorder(
        cv2.GaussianBlur(rgb, (3, 3), 0), 0, down * step - height, 0, across * step - width, cv2.BORDER_REPLICATE
    )
    lab = cv2.cvtColor(padded.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB) / np.float32(COMPACT)
    y, x = np.indices(padded.shape[:2], np.float32) / np.float32(step)
    planes = [*(np.ascontiguousarray(lab[..., i]) for i in range(3)), y, x]
    own = (np.arange(down)[:, None] * across + np.arange(across)).astype(np.int32)
    cells = [plane.reshape(down, step, across, step) for plane in planes]
    centres = [cell.mean(axis=(1, 3)) for cell in cells]
    labels = np.empty((down, step, across, step), np.int32)
    for _ in range(ROUNDS):
        nearest = np.full(labels.shape, np.inf, np.float32)
        for dy, dx in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            seed = _neighbour(own, dy, dx)
            distance = np.zeros(labels.shape, np.float32)
            for cell, centre in zip(cells, centres, strict=True):
                apart = cell - centre.reshape(-1)[seed][:, None, :, None]
                apart *= apart
                distance += apart
            closer = distance < nearest
            np.copyto(nearest, distance, where=closer)
            np.copyto(labels, seed[:, None, :, None], where=closer)
        flat = labels.reshape(-1)
        count = np.maximum(np.bincount(flat, minlength=own.size), 1)
        centres = [
            (np.bincount(flat, weights=cell.reshape(-1), minlength=own.size) / count).astype(np.float32)
            for cell in cells
        ]
    return labels.reshape(padded.shape[:2])[:height, :width]


def _neighbour(own: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """The number of the seed beside each seed; at the border its own."""
    down, across = own.shape
    rows, columns = (np.clip(np.arange(n) + d, 0, n - 1) for n, d in ((down, dy), (across, dx)))
    return own[rows[:, None], columns]


def _connected(labels: np.ndarray) -> np.ndarray:
    """Regions of which each is one piece: the largest piece of a region stays, others go to the nearest that stays."""
    pieces = _pieces(labels)
    sizes = np.bincount(pieces.reshape(-1))
    of = np.zeros(len(sizes), labels.dtype)
    of[pieces.reshape(-1)] = labels.reshape(-1)
    largest = np.zeros(int(labels.max()) + 1, np.intp)
    order = np.argsort(sizes, kind="stable")
    largest[of[order]] = order  # the last one written is the largest
    stays = np.zeros(len(sizes), bool)
    stays[largest] = True
    kept = stays[pieces]
    if not kept.all():
        far = (~kept).astype(np.uint8)
        place = np.asarray(
            cv2.distanceTransformWithLabels(far, cv2.DIST_L1, 3, labelType=cv2.DIST_LABEL_PIXEL)[1], np.intp
        )
        owner = np.zeros(int(place.max()) + 1, labels.dtype)
        owner[place[kept]] = labels[kept]
        labels = owner[place]
    return np.unique(_pieces(labels), return_inverse=True)[1].reshape(labels.shape).astype(np.int32)


def _pieces(labels: np.ndarray) -> np.ndarray:
    """(H, W) int32: the number of the connected piece of equal labels of each pixel, from 1.

    Every second pixel of a picture twice as large is a pixel of the first; those between say which two are equal.
    """
    height, width = labels.shape
    bridges = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    bridges[::2, ::2] = 1
    bridges[1::2, ::2] = labels[:-1] == labels[1:]
    bridges[::2, 1::2] = labels[:, :-1] == labels[:, 1:]
    return cv2.connectedComponents(bridges, connectivity=4)[1][::2, ::2]
