"""What the pair classifier sees: shapes, coverage and seams of pairs that are known, and nothing of equal frames."""

import numpy as np
import pytest

from webiml.evidence.evidence import Evidence
from webiml.evidence.kind_input import FEATURES, FRAMING, GRID, MAPS, SIDE, crop_box, kind_input, tilt
from webiml.geometry import fit


@pytest.fixture(scope="module")
def pier(picture) -> np.ndarray:
    return picture("pier", 360)


def numbers(inputs: dict[str, np.ndarray]) -> dict[str, float]:
    return dict(zip(FEATURES, map(float, inputs["features"]), strict=True))


@pytest.mark.parametrize("size", [(16, 16), (20, 400), (300, 24)], ids=["tiny", "long", "tall"])
def test_every_size_gives_finite_inputs_of_one_shape(size):
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    found = kind_input(Evidence(one, other))
    shapes = {"authentic": (3, SIDE, SIDE), "manipulated": (3, SIDE, SIDE), "aligned": (3, SIDE, SIDE)}
    shapes |= {"maps": (len(MAPS), GRID, GRID), "features": (len(FEATURES),), "framing": (len(FRAMING),)}
    assert {name: value.shape for name, value in found.items()} == shapes
    for name, value in found.items():
        assert value.dtype == np.float32 and np.isfinite(value).all() and np.abs(value).max() <= 3, name


def test_a_picture_pasted_whole_has_a_seam_and_a_crop_has_none(pier, picture):
    """Both leave the same part uncovered: 60 of 360 columns at the left and a quarter of the height below."""
    height, width = pier.shape[:2]
    part = np.ascontiguousarray(pier[: height * 3 // 4, 60:])
    cut = numbers(kind_input(Evidence(part, pier)))  # the manipulated picture shows more than the authentic one
    collage = picture("coffee", 600)[:height, :width].copy()
    collage[: height * 3 // 4, 60:] = part
    pasted = numbers(kind_input(Evidence(part, collage)))
    for found in (cut, pasted):
        assert found["covered"] == pytest.approx(0.75 * 300 / 360, abs=0.02)
        assert found["open_side_1"] == pytest.approx(0.25, abs=0.02)
        assert found["open_side_2"] == pytest.approx(60 / 360, abs=0.02)
        assert found["open_side_3"] < 0.02
    assert pasted["seam"] > cut["seam"] + 0.15
    assert pasted["seam_sharp"] > cut["seam_sharp"] + 0.3


def test_a_frame_is_not_what_is_left_open(pier):
    framed = np.zeros((pier.shape[0] + 60, pier.shape[1] + 60, 3), np.uint8)
    framed[30:-30, 30:-30] = pier
    found = kind_input(Evidence(pier, framed))
    assert numbers(found)["covered"] > 0.97
    assert numbers(found)["open_side_1"] < 0.03
    assert found["maps"][MAPS.index("frame")][0].min() > 0.9


def test_objects_are_searched_only_where_the_scene_is_not_the_same(pier, picture):
    same = numbers(kind_input(Evidence(pier, pier)))
    other = numbers(kind_input(Evidence(pier, picture("coffee", 360))))
    assert (same["searched"], other["searched"]) == (0, 1)
    assert same["object_inliers"] == 0


def test_equal_frames_leave_no_trace_but_in_framing(pier):
    """The frame of both, or both cut out of one scene with two pixels between: only `framing` may tell."""
    same = kind_input(Evidence(pier[2:, 2:], pier[2:, 2:]))
    shifted = kind_input(Evidence(pier[:-2, :-2], pier[2:, 2:]))
    np.testing.assert_allclose(same["framing"][1:5], [0, 0, 1, 1], atol=1e-6)
    assert np.abs(shifted["framing"][1:5] - [0, 0, 1, 1]).max() == pytest.approx(2 / (len(pier) - 2), rel=0.1)
    gap = np.abs(same["features"] - shifted["features"])
    assert {name for name, value in zip(FEATURES, gap, strict=True) if value > 0.12} <= {
        "seam", "seam_sharp", "strongest_change", "sure_change",
    }  # fmt: skip


def test_crop_box_and_tilt():
    half = fit.resize_map(2.0) @ np.array([[1, 0, -50], [0, 1, -10], [0, 0, 1.0]])
    np.testing.assert_allclose(crop_box(half, (100, 200), (60, 100)), [0.25, 0.1, 0.5, 0.4], atol=1e-9)
    np.testing.assert_allclose(crop_box(fit.mirror_map(200), (100, 200), (100, 200)), [0, 0, 1, 1], atol=1e-9)
    turn = np.array([[np.cos(0.1), -np.sin(0.1), 3], [np.sin(0.1), np.cos(0.1), 4], [0, 0, 1]])
    assert tilt(turn) == pytest.approx(np.sin(0.1))
    assert tilt(half) == 0
