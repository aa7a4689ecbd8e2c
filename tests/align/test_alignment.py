"""The authentic picture laid onto the manipulated one: exact where a map exists, nothing where none does."""

import cv2
import numpy as np
import pytest

from webiml.align.alignment import Alignment, agree, align
from webiml.geometry import fit
from webiml.geometry.features import sift
from webiml.geometry.maps import grey

MIRROR = np.array([[-1, 0, 299], [0, 1, 0], [0, 0, 1.0]])  # of a picture 300 pixels wide


def moved(picture: np.ndarray, transform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warped by a 3x3 map of points to `size` (H, W), borders reflected, so that no edge gives the map away."""
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REFLECT
    return cv2.warpPerspective(picture, transform, size[::-1], flags=flags, borderMode=border)


def recoloured(picture: np.ndarray) -> np.ndarray:
    curve = 255 * (np.arange(256) / 255) ** 0.85
    return np.clip(curve[picture] * [0.95, 1.0, 0.9], 0, 255).round().astype(np.uint8)


def resaved(picture: np.ndarray, quality: int = 80) -> np.ndarray:
    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert again is not None
    return again


def laid(authentic: np.ndarray, manipulated: np.ndarray) -> Alignment | None:
    one, two = (image.astype(np.float32) / np.float32(255) for image in (authentic, manipulated))
    return align(one, two, sift(grey(authentic)), sift(grey(manipulated)))


def corner_error(found: np.ndarray, truth: np.ndarray, size: tuple[int, ...]) -> float:
    """Largest distance in pixels at the corners of the manipulated picture, whose size is given."""
    corners = np.array([[0, 0], [size[1] - 1, 0], [size[1] - 1, size[0] - 1], [0, size[0] - 1.0]])
    return float(fit.residuals(found, fit.apply(np.linalg.inv(truth), corners), corners).max())


@pytest.mark.parametrize(
    ("truth", "size"),
    [
        (np.eye(3), (200, 300)),
        (np.array([[1, 0, -30], [0, 1, -20], [0, 0, 1.0]]), (160, 240)),  # a crop
        (np.array([[1.3, 0, -25.5], [0, 1.25, -10.25], [0, 0, 1.0]]), (220, 330)),  # a crop, enlarged
        (fit.resize_map(0.8), (160, 240)),
        (np.array([[0.995, -0.05, 5], [0.05, 0.995, -7], [0, 0, 1.0]]), (200, 300)),  # turned by three degrees
        (np.array([[1, 0.02, -4], [0.01, 1.03, 2], [1e-4, 5e-5, 1.0]]), (200, 300)),  # another point of view
        (MIRROR, (200, 300)),
        (np.array([[1.2, 0, -20], [0, 1.2, -12], [0, 0, 1.0]]) @ MIRROR, (210, 310)),
    ],
    ids=["same", "crop", "enlarged-crop", "reduced", "turned", "perspective", "mirrored", "mirrored-enlarged-crop"],
)
@pytest.mark.parametrize("name", ["canyon", "coffee"])
def test_a_known_map_is_found_to_half_a_pixel(picture, name, truth, size):
    authentic = picture(name, 300)
    manipulated = resaved(recoloured(moved(authentic, truth, size)))
    found = laid(authentic, manipulated)
    assert found is not None
    assert corner_error(found.transform, truth, size) < 0.5
    assert found.agreement > 0.95
    assert found.authentic.shape == manipulated.shape and found.validity.shape == manipulated.shape[:2]
    inside = fit.apply(np.linalg.inv(truth), found.inliers)  # the points that obey lie where the authentic picture is
    assert len(found.inliers) >= 8
    assert (inside > -3).all() and (inside < np.array(authentic.shape[1::-1]) + 3).all()


def test_same_frame_is_found_exactly(picture):
    authentic = picture("pier", 240)
    found = laid(authentic, resaved(authentic, 70))
    assert found is not None and np.array_equal(found.transform, np.eye(3))


def test_what_lies_outside_of_the_authentic_picture_is_not_valid(picture):
    manipulated = picture("dandelion", 300)
    authentic = manipulated[:, 100:]
    found = laid(authentic, resaved(manipulated))
    assert found is not None
    assert not found.validity[:, :98].any() and found.validity[3:-3, 102:-3].all()


def test_an_edit_does_not_pull_the_frame_along(picture):
    authentic = picture("boards", 320)
    manipulated = authentic.copy()
    manipulated[60:160, 40:170] = authentic[40:140, 150:280]  # a copy-move with matches of its own
    found = laid(authentic, resaved(manipulated))
    assert found is not None
    assert corner_error(found.transform, np.eye(3), manipulated.shape) < 0.5
    assert 0.75 < found.agreement < 0.97


@pytest.mark.parametrize(("one", "two"), [("boards", "canyon"), ("rocket", "coffee"), ("pier", "cat")])
def test_two_scenes_cannot_be_laid_on_one_another(picture, one, two):
    found = laid(picture(one, 300), picture(two, 280))  # sizes differ: the same frame is no candidate
    assert found is None or found.agreement * found.validity.mean() < 0.5


def test_one_colour_has_no_key_points_and_the_same_frame_only():
    grey_wall = np.full((64, 80, 3), 120, np.uint8)
    found = laid(grey_wall, grey_wall)
    assert found is not None and found.agreement == 1 and len(found.inliers) == 0
    assert laid(grey_wall, np.full((60, 90, 3), 120, np.uint8)) is None


def test_agreement_counts_valid_pixels_only():
    a = np.zeros((40, 40, 3), np.float32)
    b = a.copy()
    b[:, :20, 1] = 0.5  # half differs, in one channel
    everywhere, left, right = (np.zeros((40, 40), bool) for _ in range(3))
    everywhere[:], left[:, :10], right[:, 30:] = True, True, True
    assert agree(a, b, everywhere) == pytest.approx(0.5, abs=0.1)
    assert agree(a, b, left) == 0
    assert agree(a, b, right) == 1


def framed(picture: np.ndarray, edge: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.stack(
        [np.pad(picture[..., channel], edge, constant_values=level) for channel, level in enumerate(colour)], axis=2
    )


def test_frames_on_both_sides_are_left_out_and_not_unknown(picture):
    scene = picture("canyon", 300)
    height, width = scene.shape[:2]
    found = laid(resaved(framed(scene, 24, (0, 160, 40))), resaved(framed(scene, 16, (90, 90, 200))))
    assert found is not None
    assert not found.validity[:14].any() and not found.validity[:, :14].any()
    assert found.validity[24 : height + 8, 24 : width + 8].all()
    assert found.unknown < 0.02 and found.agreement > 0.95


def test_frames_of_one_colour_that_cross_are_left_out(picture):
    scene, colour = picture("canyon", 300), (200, 30, 30)
    turn = np.vstack([cv2.getRotationMatrix2D((150, 100), 6, 1.2), [0, 0, 1]])
    found = laid(resaved(framed(moved(scene, turn, (200, 300)), 20, colour)), resaved(framed(scene, 20, colour)))
    assert found is not None
    assert not found.validity[:18].any() and not found.validity[:, :18].any()
    assert found.agreement > 0.95


def test_a_caption_bar_that_only_the_authentic_picture_has_is_unknown(picture):
    scene = picture("canyon", 300)
    barred = scene.copy()
    barred[:30] = 255
    found = laid(resaved(barred), resaved(scene))
    assert found is not None
    assert not found.validity[:30].any() and found.validity[40:].all()
    assert found.unknown == pytest.approx(34 / scene.shape[0], abs=0.01)


def test_a_plain_background_that_both_show_is_no_frame(picture):
    product = np.full((220, 300, 3), 250, np.uint8)
    product[50:170, 60:240] = picture("cat", 300)[40:160, 60:240]
    edited = product.copy()
    edited[10:40, 20:60] = 30  # pasted onto the background
    found = laid(resaved(product), resaved(edited))
    assert found is not None
    assert found.validity.all() and found.unknown == 0
