"""Key points and their descriptors: where two pictures show the same thing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from webiml.geometry.fit import mirrored_points

MAX_KEYPOINTS = 6000  # the strongest are kept; bounds memory and matching time on large pictures


@dataclass(frozen=True, slots=True)
class Features:
    """Key points of one picture.

    Attributes:
        points: (N, 2) float32, (x, y) in pixels of the picture that was given.
        sizes: (N,) float32, diameter of the described neighbourhood, pixels.
        angles: (N,) float32, orientation, radians.
        descriptors: (N, 128) float32 RootSIFT, unit length, so an inner product is a similarity.
    """

    points: np.ndarray
    sizes: np.ndarray
    angles: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


def sift(grey: np.ndarray, *, scale: float = 1.0, contrast: float = 0.01, most: int = MAX_KEYPOINTS) -> Features:
    """Find SIFT key points, described as RootSIFT.

    Args:
        grey: (H, W) uint8.
        scale: search from so many times the size: 2 finds the small objects of a web picture at four times the cost.
        contrast: SIFT's contrast threshold; lower finds points on smooth objects. most: the strongest are kept.
    Source: Lowe 2004; Arandjelovic and Zisserman, "Three things everyone should know", CVPR 2012 (RootSIFT).
    """
    height, width = grey.shape
    if scale != 1:
        grey = cv2.resize(grey, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_CUBIC)
    # Without the precise upscale every point lies a quarter of a pixel too far right and down, which a mirror doubles.
    finder = cv2.SIFT_create(  # type: ignore[attr-defined]
        nfeatures=most, contrastThreshold=contrast, edgeThreshold=15, enable_precise_upscale=True
    )
    keypoints, descriptors = finder.detectAndCompute(grey, None)
    if descriptors is None or not keypoints:
        empty = np.zeros(0, np.float32)
        return Features(np.zeros((0, 2), np.float32), empty, empty, np.zeros((0, 128), np.float32))
    # A pixel's centre at (x, y) lies at (2x + 0.5, 2y + 0.5) in a doubled picture. Sides are rounded to whole pixels.
    sides = np.array([grey.shape[1] / width, grey.shape[0] / height], np.float32)
    points = (np.array([k.pt for k in keypoints], np.float32) + 0.5) / sides - 0.5
    sizes = np.array([k.size for k in keypoints], np.float32) / scale
    angles = np.deg2rad(np.array([k.angle for k in keypoints], np.float32))
    descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return Features(points, sizes, angles, descriptors.astype(np.float32))


def mirrored(features: Features, width: int) -> Features:
    """The features of the left-right mirrored picture, without computing them again.

    A mirror reverses the cells across the key point's orientation and the sense of the descriptor's eight directions.
    """
    # Rows, columns, directions, in the key point's own frame, which turns with it: across its orientation are the rows.
    cells = features.descriptors.reshape(-1, 4, 4, 8)
    turned = cells[:, ::-1, :, [0, 7, 6, 5, 4, 3, 2, 1]].reshape(-1, 128)
    points = mirrored_points(features.points, width)
    return Features(points, features.sizes, np.pi - features.angles, np.ascontiguousarray(turned))


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of key points that look alike.

    Attributes:
        source, target: (K,) indices into the two sets of features. similarity: (K,) float32, inner product, [0, 1].
    """

    source: np.ndarray
    target: np.ndarray
    similarity: np.ndarray

    def __len__(self) -> int:
        return len(self.source)


def match(source: Features, target: Features, *, ratio: float = 0.85, block: int = 2048) -> Matches:
    """For every target point the most similar source point, if it is clearly better than the second.

    Ratios are of Euclidean distances, as in Lowe's test. Works in blocks: memory is block x len(source) floats.
    """
    none = Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    if len(source) < 2 or not len(target):
        return none
    best, first, second = [], [], []
    for start in range(0, len(target), block):
        similarity = target.descriptors[start : start + block] @ source.descriptors.T
        top = similarity.argmax(axis=1)
        rows = np.arange(len(top))
        first.append(similarity[rows, top].copy())
        similarity[rows, top] = -1
        second.append(similarity.max(axis=1))
        best.append(top)
    index, similar, runner_up = np.concatenate(best), np.concatenate(first), np.concatenate(second)
    # Descriptors have unit length: distance^2 = 2 - 2 s.
    clear = np.sqrt(np.maximum(2 - 2 * similar, 0)) < ratio * np.sqrt(np.maximum(2 - 2 * runner_up, 0))
    chosen = np.flatnonzero(clear)
    return Matches(index[chosen], chosen, similar[chosen])
