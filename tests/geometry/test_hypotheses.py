"""Several copies of one object, each found as a transform of its own."""

import cv2
import numpy as np
import pytest

from webiml.geometry import fit
from webiml.geometry.features import Features, Matches, match, mirrored, sift
from webiml.geometry.hypotheses import Hypothesis, find_hypotheses, refine, vote
from webiml.geometry.maps import grey

QUARTER_TURN = np.array([[0, -2, 100], [2, 0, 10], [0, 0, 1.0]])  # twice as large, a quarter turn


def features(points: np.ndarray, size: float, angle: float) -> Features:
    count = len(points)
    rest = np.full(count, size, np.float32), np.full(count, angle, np.float32)
    return Features(points.astype(np.float32), *rest, np.zeros((count, 128), np.float32))


def in_order(count: int) -> Matches:
    return Matches(np.arange(count), np.arange(count), np.ones(count, np.float32))


def test_votes_on_paper():
    points = np.array([[10, 10], [30, 10], [10, 40], [45, 45], [20, 25.0]])
    goals = fit.apply(QUARTER_TURN, points)
    goals[4] += [50, -20]  # the last match is false
    votes, parameters = vote(features(points, 4, 0.3), features(goals, 8, 0.3 + np.pi / 2), in_order(5))
    assert votes.tolist() == [4, 4, 4, 4, 1]
    assert parameters[:4] == pytest.approx(np.tile([0, 2, 100, 10], (4, 1)), abs=1e-4)  # a, b, tx, ty


def test_points_in_one_place_count_as_one():
    points = np.array([[10, 10], [30, 10], [10, 40], [10, 40], [10, 40.0]])
    votes, _ = vote(features(points, 4, 0), features(points, 4, 0), in_order(5))
    assert votes == pytest.approx([3] * 5)


def test_votes_do_not_depend_on_the_block():
    rng = np.random.default_rng(0)
    points, goals = rng.uniform(0, 60, (2, 50, 2))
    source, target = features(points, 4, 0), features(goals, 5, 0.2)
    assert np.array_equal(vote(source, target, in_order(50), block=7)[0], vote(source, target, in_order(50))[0])


def test_absurd_scales_get_no_votes():
    points = np.array([[10, 10], [30, 10], [10, 40], [45, 45.0]])
    for factor in (0.1, 7):
        votes, _ = vote(features(points, 10, 0), features(points * factor, 10 * factor, 0), in_order(4))
        assert not votes.any()


def test_refine_drops_false_matches_and_finds_the_affine_map():
    rng = np.random.default_rng(1)
    truth = np.array([[1.2, 0.1, 5], [-0.08, 0.9, 30], [0, 0, 1.0]])
    source = rng.uniform(0, 120, (40, 2))
    target = fit.apply(truth, source)
    target[30:] += 40
    start = np.array([[1.15, 0, 10], [0, 0.95, 22], [0, 0, 1.0]])
    found, inliers = refine(start, source, target, tolerance=12, threshold=3)
    assert inliers.tolist() == [True] * 30 + [False] * 10
    assert np.abs(fit.apply(found, source) - fit.apply(truth, source)).max() < 1


def test_points_on_a_line_keep_the_shape_of_the_similarity():
    source = np.column_stack([np.linspace(0, 100, 8), np.full(8, 20.0)])
    found, inliers = refine(np.eye(3), source, source + np.array([3, 1]), tolerance=6, threshold=3)
    assert inliers.all()
    assert found == pytest.approx(np.array([[1, 0, 3], [0, 1, 1], [0, 0, 1.0]]), abs=1e-6)


def find(authentic: np.ndarray, manipulated: np.ndarray) -> list[Hypothesis]:
    """Straight and mirrored hypotheses, as the annotator looks for them."""
    source, target = (sift(grey(image), scale=2.0, contrast=0.004) for image in (authentic, manipulated))
    width = authentic.shape[1]
    turned = mirrored(source, width)
    return find_hypotheses(source, target, match(source, target, ratio=0.87)) + find_hypotheses(
        turned, target, match(turned, target, ratio=0.87), mirrored_width=width
    )


def placed(scale: float, degrees: float, x: float, y: float, mirror: bool = False) -> np.ndarray:
    """A 3x3 map that puts the object's centre, (90, 90) of the authentic picture, at (x, y)."""
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        turn = turn @ np.diag([-1, 1])
    transform = np.eye(3)
    transform[:2, :2] = turn
    transform[:2, 2] = [x, y] - turn @ [90, 90]
    return transform


@pytest.mark.parametrize(
    "copies",
    [
        [placed(1, 0, 80, 80), placed(0.7, 10, 250, 90)],
        [placed(1, 0, 80, 80), placed(0.8, -20, 240, 150, mirror=True)],
        [placed(0.9, 0, 70, 70), placed(0.7, 15, 200, 150), placed(0.8, 0, 290, 70, mirror=True)],
    ],
    ids=["two-one-smaller", "two-one-mirrored", "three"],
)
def test_every_pasted_copy_has_its_hypothesis(picture, copies):
    authentic, manipulated = picture("rocket", 240), picture("boards", 360)
    authentic = np.ascontiguousarray(np.roll(authentic, (30, -30), axis=(0, 1))[:180, :180])  # the object, made central
    disc = np.zeros((180, 180), np.uint8)
    cv2.circle(disc, (90, 90), 55, 255, -1)
    for transform in copies:
        size = manipulated.shape[1::-1]
        warped = cv2.warpPerspective(authentic, transform, size, flags=cv2.INTER_CUBIC)
        inside = cv2.warpPerspective(disc, transform, size) > 127
        manipulated[inside] = warped[inside]
    found = find(authentic, manipulated)
    around = np.array([[60, 60], [120, 60], [120, 120], [60, 120.0]])
    for transform in copies:
        error = [np.abs(fit.apply(one.transform, around) - fit.apply(transform, around)).max() for one in found]
        nearest = found[int(np.argmin(error))]
        assert min(error) < 2, transform
        assert nearest.mirrored == (np.linalg.det(transform) < 0)
        # The inliers are given in both unmirrored pictures.
        assert fit.residuals(nearest.transform, nearest.sources, nearest.points).max() < 3.1


def test_two_strangers_share_next_to_nothing(picture):
    found = find(picture("boards", 240), picture("canyon", 240))
    assert max((len(one.points) for one in found), default=0) < 12


def test_no_matches_give_no_hypotheses():
    none = features(np.zeros((0, 2)), 1, 0)
    assert find_hypotheses(none, none, match(none, none)) == []
