"""What the pair classifier sees of a pair: both pictures made small, what the priors say of each cell, and numbers."""

from __future__ import annotations

import cv2
import numpy as np

from webiml.align.alignment import Alignment
from webiml.evidence.evidence import Evidence
from webiml.evidence.kind import difference_features, object_features, scene_features
from webiml.geometry import fit
from webiml.geometry.frame import frame_strips
from webiml.geometry.maps import blur, grey, length
from webiml.images.codec import picture_to_8bit

SIDE = 256  # pixels: both pictures are stretched to this
GRID = 32  # cells a side, 8 pixels each
ENOUGH = 0.75  # explained by the alignment: then no object is searched for, which costs most of the time
SEEN = 0.01  # of the picture left uncovered: below that there is no seam worth looking at

MAPS = (
    "validity", "frame", "changed", "most_changed", "difference", "stands_out", "structure", "shared", "most_shared",
    "key_points", "aligned_points", "object_points",
)  # fmt: skip
FEATURES = (
    "aligned", "agreement", "structure", "cells", "inliers", "aligned_points", "covered", "explained", "outside",
    "open_side_1", "open_side_2", "open_side_3", "open_side_4", "seam", "seam_sharp",
    "strongest_change", "sure_change", "changed_area", "largest_change",
    "searched", "object_inliers", "second_object_inliers", "strongest_object", "object_area", "object_extent",
    "source_extent", "authentic_points", "manipulated_points",
)  # fmt: skip
FRAMING = ("aligned", "x0", "y0", "x1", "y1", "tilt", "mirrored")


def kind_input(evidence: Evidence) -> dict[str, np.ndarray]:
    """The inputs of the pair classifier for one pair; what is not known is 0.

    Returns float32 arrays:
        authentic, manipulated, aligned: (3, SIDE, SIDE) RGB in [0, 1]; the last is the authentic picture laid onto the
            manipulated one.
        maps: (len(MAPS), GRID, GRID), about [0, 1], in the manipulated frame.
        features: (len(FEATURES),), about [0, 1]. Nothing among maps and features says whether both frames are equal.
        framing: (len(FRAMING),): whether there is an alignment; the manipulated frame in the authentic one, in units of
            its size; how far the alignment is from shift and scale, and whether it mirrors. For the crop box alone.
    Source: method 2.1 and 9.
    """
    found = evidence.alignment
    frame = _frame(evidence, found)
    features = dict.fromkeys(FEATURES, 0.0)
    features |= _coverage(evidence, found, frame) | _change(evidence)
    searched = features["explained"] < ENOUGH
    if searched:
        features |= _objects(evidence)
    features |= {
        "authentic_points": np.log1p(len(evidence.features[0])) / 9,
        "manipulated_points": np.log1p(len(evidence.features[1])) / 9,
    }
    return {
        "authentic": _small(evidence.authentic),
        "manipulated": _small(evidence.manipulated),
        "aligned": np.zeros((3, SIDE, SIDE), np.float32) if found is None else _small(found.authentic),
        "maps": _maps(evidence, found, frame, searched),
        "features": np.array([features[name] for name in FEATURES], np.float32),
        "framing": _framing(evidence, found),
    }


def crop_box(transform: np.ndarray, authentic: tuple[int, int], manipulated: tuple[int, int]) -> np.ndarray:
    """The manipulated frame in the authentic one, (x0, y0, x1, y1) float64 in units of its size, y down.

    Args: transform: 3x3, authentic points to manipulated points. authentic, manipulated: sizes (H, W).
    A turned or tilted frame is replaced by the mean of its sides; (0, 0, 1, 1) is the same frame.
    """
    height, width = manipulated
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) - 0.5
    x, y = ((fit.apply(np.linalg.inv(transform), corners) + 0.5) / (authentic[1], authentic[0])).T
    across = np.sort([(x[0] + x[3]) / 2, (x[1] + x[2]) / 2])
    down = np.sort([(y[0] + y[1]) / 2, (y[2] + y[3]) / 2])
    return np.array([across[0], down[0], across[1], down[1]])


def tilt(transform: np.ndarray) -> float:
    """How far a 3x3 transform is from shift, scale and mirror: the larger sine of what it turns the axes by."""
    linear = transform[:2, :2] / np.maximum(np.linalg.norm(transform[:2, :2], axis=0), 1e-9)
    return float(max(abs(linear[1, 0]), abs(linear[0, 1])))


def _frame(evidence: Evidence, found: Alignment | None) -> np.ndarray:
    """(h, w) bool: strips of one colour along the edges, less what the authentic picture confirms."""
    strips = frame_strips(picture_to_8bit(evidence.manipulated))
    frame = np.any(strips, axis=0) if strips else np.zeros(evidence.manipulated.shape[:2], bool)
    return frame if found is None else frame & ~found.validity


def _coverage(evidence: Evidence, found: Alignment | None, frame: np.ndarray) -> dict[str, float]:
    """How much of the manipulated picture the alignment explains, and what is left open on which sides."""
    if found is None:
        return {}
    covered = float(found.validity[~frame].mean())
    height, width = frame.shape
    top, bottom = np.flatnonzero(~frame.all(axis=1))[[0, -1]]
    left, right = np.flatnonzero(~frame.all(axis=0))[[0, -1]]
    content = found.validity[top : bottom + 1, left : right + 1]
    rows, columns = np.flatnonzero(content.mean(axis=1) > 0.5), np.flatnonzero(content.mean(axis=0) > 0.5)
    gaps = [0.0] * 4
    if len(rows) and len(columns):
        gaps = sorted(
            (
                rows[0] / height, (len(content) - 1 - rows[-1]) / height,
                columns[0] / width, (content.shape[1] - 1 - columns[-1]) / width,
            ),
            reverse=True,
        )  # fmt: skip
    source = evidence.authentic.shape[:2]
    x, y = np.meshgrid((np.arange(GRID) + 0.5) / GRID * source[1], (np.arange(GRID) + 0.5) / GRID * source[0])
    landed = fit.apply(found.transform, np.column_stack([x.ravel(), y.ravel()]))
    seam, sharp = _seam(evidence.manipulated, found.validity, frame) if covered < 1 - SEEN else (0.0, 0.0)
    scene = scene_features(evidence)
    return (
        {name: float(scene[name]) for name in ("agreement", "structure", "cells", "inliers")}
        | {
            "aligned": 1.0,
            "aligned_points": float(np.log1p(len(found.inliers)) / 7),
            "covered": covered,
            "explained": found.agreement * covered,
            "outside": float(((landed < 0) | (landed >= (width, height))).any(axis=1).mean()),
            "seam": seam,
            "seam_sharp": sharp,
        }
        | {f"open_side_{number}": float(gap) for number, gap in enumerate(gaps, start=1)}
    )


def _seam(manipulated: np.ndarray, validity: np.ndarray, frame: np.ndarray) -> tuple[float, float]:
    """Is there an edge in the manipulated picture where the authentic one ends?

    A picture that was pasted ends there; one that was cropped does not. Returns the logarithm of the contrast across
    the border over that beside it, about [-1, 1], and the share of the border where it is more than twice as strong.
    """
    padded = [cv2.copyMakeBorder(x.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE) for x in (validity, ~validity)]
    within, without = (cv2.distanceTransform(x, cv2.DIST_L2, 5)[1:-1, 1:-1] for x in padded)
    signed = np.clip(np.where(validity, within - 0.5, 0.5 - without), -40, 40).astype(np.float32)
    light = grey(blur(manipulated, 0.8))
    across = np.abs(
        cv2.Scharr(light, cv2.CV_32F, 1, 0) * cv2.Scharr(signed, cv2.CV_32F, 1, 0)
        + cv2.Scharr(light, cv2.CV_32F, 0, 1) * cv2.Scharr(signed, cv2.CV_32F, 0, 1)
    ) / np.float32(16 * 16)
    usable = ~cv2.dilate(frame.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    usable[:4] = usable[-4:] = usable[:, :4] = usable[:, -4:] = False
    far = np.abs(signed)
    border, beside = usable & (far < 1), usable & (far > 5) & (far < 14)
    if border.sum() < 20 or beside.sum() < 20:
        return 0.0, 0.0
    strongest = cv2.dilate(np.where(far < 3.5, across, 0), np.ones((5, 5), np.uint8))  # a border may be a pixel off
    usual = float(across[beside].mean()) + 0.005
    edge = strongest[border]
    return float(np.clip(np.log((edge.mean() + 0.005) / usual) / 3, -1, 1)), float((edge > 2 * usual + 0.02).mean())


def _change(evidence: Evidence) -> dict[str, float]:
    """How strong, how sure and how large the strongest difference is."""
    numbers = difference_features(evidence)
    changed = (evidence.difference.probability >= 0.5).astype(np.uint8)
    largest = max(cv2.connectedComponentsWithStats(changed)[2][1:, cv2.CC_STAT_AREA], default=0)
    return {
        "strongest_change": float(numbers["strongest"]) / 6,
        "sure_change": float(numbers["sure"]),
        "changed_area": float(np.sqrt(changed.mean())),
        "largest_change": float(np.sqrt(largest / changed.size)),
    }


def _objects(evidence: Evidence) -> dict[str, float]:
    """How strong the best trace of a shared object is, and how far it reaches in both pictures."""
    numbers = object_features(evidence)
    inliers = sorted((len(hypothesis.points) for hypothesis in evidence.hypotheses), reverse=True)
    best = max(evidence.hypotheses, key=lambda hypothesis: len(hypothesis.points), default=None)
    extents = (0.0, 0.0)
    if best is not None:
        extents = tuple(
            float(np.sqrt(np.prod(np.ptp(points, axis=0) / picture.shape[1::-1])))
            for points, picture in ((best.points, evidence.manipulated), (best.sources, evidence.authentic))
        )
    return {
        "searched": 1.0,
        "object_inliers": float(numbers["inliers"]) / 6,
        "second_object_inliers": float(np.log1p(inliers[1])) / 6 if len(inliers) > 1 else 0.0,
        "strongest_object": float(numbers["strongest"]),
        "object_area": float(numbers["area"]),
        "object_extent": extents[0],
        "source_extent": extents[1],
    }


def _maps(evidence: Evidence, found: Alignment | None, frame: np.ndarray, searched: bool) -> np.ndarray:
    maps: dict[str, np.ndarray] = dict.fromkeys(MAPS, np.zeros((GRID, GRID), np.float32))
    maps["frame"] = _cell_means(frame)
    maps["key_points"] = _density(evidence.features[1].points, frame.shape)
    if found is not None:
        difference = evidence.difference
        validity = found.validity
        unlike = length(blur(found.authentic, 1.5) - blur(evidence.manipulated, 1.5))
        maps |= {
            "validity": _cell_means(validity),
            "changed": _cell_means(difference.probability),
            "most_changed": _cell_most(difference.probability),
            "difference": 4 * _cell_means(validity * unlike),
            "aligned_points": _density(found.inliers, frame.shape),
        }  # fmt: skip
        if difference.look:
            for name, source in (("stands_out", "signed_middle"), ("structure", "structure")):
                maps[name] = _cell_means(np.clip((difference.look[source] + 3) / 8, 0, 1) * validity)
    if searched and evidence.hypotheses:
        points = np.concatenate([hypothesis.points for hypothesis in evidence.hypotheses])
        maps |= {
            "shared": _cell_means(evidence.correlation.probability),
            "most_shared": _cell_most(evidence.correlation.probability),
            "object_points": _density(points, frame.shape),
        }
    return np.minimum(np.stack([maps[name] for name in MAPS]), 2).astype(np.float32)


def _framing(evidence: Evidence, found: Alignment | None) -> np.ndarray:
    if found is None:
        return np.zeros(len(FRAMING), np.float32)
    box = crop_box(found.transform, evidence.authentic.shape[:2], evidence.manipulated.shape[:2])
    mirror = float(np.linalg.det(found.transform[:2, :2]) < 0)
    return np.array([1, *np.clip(box, -1, 2), tilt(found.transform), mirror], np.float32)


def _small(picture: np.ndarray) -> np.ndarray:
    shrinks = min(picture.shape[:2]) >= SIDE
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.clip(small, 0, 1).transpose(2, 0, 1), np.float32)


def _cell_means(values: np.ndarray) -> np.ndarray:
    return cv2.resize(np.asarray(values, np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)


def _cell_most(values: np.ndarray) -> np.ndarray:
    """The highest value in each cell; a picture of fewer pixels than cells repeats them."""
    starts = [np.arange(GRID) * side // GRID for side in values.shape]
    if min(values.shape) < GRID:
        return cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_NEAREST)
    return np.maximum.reduceat(np.maximum.reduceat(values, starts[0], axis=0), starts[1], axis=1).astype(np.float32)


def _density(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Points in each cell, as a logarithm."""
    counted = np.zeros((GRID, GRID), np.float32)
    if len(points):
        column, row = (np.clip((points[:, axis] / shape[1 - axis] * GRID).astype(int), 0, GRID - 1) for axis in (0, 1))
        np.add.at(counted, (row, column), 1)
    return np.log1p(counted) / 3
