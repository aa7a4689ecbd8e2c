"""Degradations: what is asked for, what is done to pictures and masks, and the area under a curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.errors import BadImage, SettingError
from webiml.evaluate.degrade import Degradation, area_under, degrade, parse_degradations


def names(*specs: str) -> list[str]:
    return [one.name for one in parse_degradations(specs)]


@pytest.fixture
def rgb() -> np.ndarray:
    """A smooth picture with an edge, (48, 64, 3) uint8."""
    ramp = np.linspace(20, 220, 64)[None, :, None] * np.ones((48, 1, 3))
    ramp[:, 32:, 0] = 40
    return ramp.astype(np.uint8)


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        ("jpeg:50..100:10", ["jpeg:50", "jpeg:60", "jpeg:70", "jpeg:80", "jpeg:90", "jpeg:100"]),
        ("jpeg:75", ["jpeg:75"]),
        ("jpeg:90,50,70", ["jpeg:50", "jpeg:70", "jpeg:90"]),
        ("blur:3..23", ["blur:3", "blur:7", "blur:11", "blur:15", "blur:19", "blur:23"]),
        ("noise-sigma:3..23", [f"noise-sigma:{sigma}" for sigma in (3, 7, 11, 15, 19, 23)]),
        ("noise-variance:2.5", ["noise-variance:2.5"]),
        ("resize:0.5..1", ["resize:0.5", "resize:0.6", "resize:0.7", "resize:0.8", "resize:0.9", "resize:1"]),
        ("resave:social", ["resave:social"]),
        ("jpeg:50..75:20", ["jpeg:50", "jpeg:70"]),
    ],
)
def test_a_text_names_its_levels(spec, want):
    assert names(spec) == want


def test_kinds_keep_their_order_and_a_level_that_comes_twice_is_one():
    assert names("blur:3", "jpeg:80", "jpeg:70..90:10") == ["blur:3", "jpeg:70", "jpeg:80", "jpeg:90"]
    assert parse_degradations([]) == ()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("jpg:50", "give a kind of jpeg, blur"),
        ("jpeg", "a level, several with commas, or a range"),
        ("jpeg:", "such as jpeg:50..100:10"),
        ("jpeg:50:10", "such as jpeg:50..100:10"),
        ("jpeg:100..50", "a range rises"),
        ("jpeg:50..100:-10", "a range rises"),
        ("jpeg:50..100:0", "a range rises"),
        ("jpeg:0", "between 1 and 100"),
        ("jpeg:70.5", "whole numbers"),
        ("jpeg:nan", "a level, several with commas"),
        ("blur:4", "odd numbers"),
        ("blur:1", "between 3 and 99"),
        ("noise-sigma:-1", "between 0.1 and 128"),
        ("noise-sigma:1..100:0.0001", "990,001 levels; 100 are the most"),
        ("resize:2", "between 0.05 and 1"),
        ("resave:75", "the only resave is resave:social"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(spec, says):
    with pytest.raises(SettingError) as error:
        parse_degradations([spec])
    assert says in str(error.value) and repr(spec) in str(error.value)


@given(st.integers(1, 100), st.integers(0, 99), st.integers(1, 100))
def test_a_range_holds_its_start_and_never_passes_its_end(low, span, step):
    high = min(100, low + span)
    levels = [one.level for one in parse_degradations([f"jpeg:{low}..{high}:{step}"])]
    assert levels == list(range(low, high + 1, step))


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("name", ["jpeg:50", "blur:7", "noise-sigma:7", "noise-variance:49"])
def test_size_and_mask_stay_where_nothing_moves(rgb, name):
    mask = rgb[..., 0] > 100
    (degradation,) = parse_degradations([name])
    degraded, kept = degrade(rgb, mask, degradation, "key")
    assert degraded.shape == rgb.shape and degraded.dtype == np.uint8 and not np.array_equal(degraded, rgb)
    assert kept is not None and np.array_equal(kept, mask)


def test_a_lower_quality_is_farther_from_the_picture():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    errors = []
    for one in parse_degradations(["jpeg:10,50,100"]):
        errors.append(np.abs(degrade(rgb, None, one, "key")[0].astype(int) - rgb).mean())
    assert errors[0] > errors[1] > errors[2] > 0


def test_blur_spreads_a_point_as_its_kernel_says():
    rgb = np.zeros((31, 31, 3), np.uint8)
    rgb[15, 15] = 255
    blurred, _ = degrade(rgb, None, Degradation("blur", 3), "key")
    assert blurred[15, 13:18, 0].tolist() == [0, 32, 64, 32, 0]  # fixed weights of 1/4, 1/2, 1/4 along each axis
    blurred, _ = degrade(rgb, None, Degradation("blur", 11), "key")
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 2.0**2))  # 0.3 x (5.5 - 1.5) + 0.8 = 2
    weights /= weights.sum()
    assert np.abs(blurred[15, 10:21, 0] - 255 * weights[5] * weights).max() <= 1
    assert blurred[15, 9, 0] == 0 == blurred[15, 21, 0]


def test_noise_is_that_of_its_key_kind_and_level_alone():
    rgb = np.full((300, 64, 3), 128, np.uint8)  # more rows than one band
    noisy, _ = degrade(rgb, None, Degradation("noise-sigma", 10), "one")
    assert np.array_equal(noisy, degrade(rgb, None, Degradation("noise-sigma", 10), "one")[0])
    assert not np.array_equal(noisy, degrade(rgb, None, Degradation("noise-sigma", 10), "other")[0])
    values = noisy.astype(float) - 128
    assert abs(values.mean()) < 0.2 and abs(values.std() - 10) < 0.2
    by_variance, _ = degrade(rgb, None, Degradation("noise-variance", 100), "one")
    assert abs((by_variance.astype(float) - 128).std() - 10) < 0.2


def test_noise_ends_at_black_and_white():
    white = np.full((32, 32, 3), 255, np.uint8)
    noisy, _ = degrade(white, None, Degradation("noise-sigma", 20), "key")
    assert noisy.max() == 255 and noisy.min() > 100


def test_a_smaller_mask_is_true_where_half_of_a_pixel_was():
    rgb = np.zeros((32, 32, 3), np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[0:2, 0] = True  # half of the 2x2 pixels that become one
    mask[4, 4] = True  # a quarter
    mask[8:10, 8:10] = True  # all
    rgb[mask] = 200
    smaller, found = degrade(rgb, mask, Degradation("resize", 0.5), "key")
    assert smaller.shape == (16, 16, 3)
    assert found is not None and found.dtype == bool and sorted(zip(*np.nonzero(found), strict=True)) == [
        (0, 0), (4, 4),
    ]  # fmt: skip
    assert (smaller[0, 0, 0], smaller[2, 2, 0], smaller[4, 4, 0]) == (100, 50, 200)


def test_resize_to_one_changes_nothing_and_none_makes_a_side_too_small(rgb):
    mask = rgb[..., 0] > 100
    same, kept = degrade(rgb, mask, Degradation("resize", 1), "key")
    assert np.array_equal(same, rgb) and np.array_equal(kept, mask)  # type: ignore[arg-type]
    assert degrade(rgb, mask, Degradation("resize", 0.1), "key")[0].shape == (16, 16, 3)
    assert degrade(rgb[:10], mask[:10], Degradation("resize", 0.5), "key")[0].shape == (10, 32, 3)


def test_social_makes_long_sides_1280_and_saves_in_any_case(rgb):
    mask = np.zeros((640, 2560), bool)
    mask[:, 1280:] = True
    large = np.where(mask[..., None], np.uint8(200), np.uint8(40)).repeat(3, axis=2)
    saved, smaller = degrade(large, mask, Degradation("resave", "social"), "key")
    assert saved.shape == (320, 1280, 3) and smaller is not None and smaller.sum() == 320 * 640
    same_size, _ = degrade(rgb, None, Degradation("resave", "social"), "key")
    assert np.array_equal(same_size, degrade(rgb, None, Degradation("jpeg", 75), "key")[0])


@given(st.integers(16, 70), st.integers(16, 70), st.sampled_from(["jpeg:30", "blur:23", "noise-sigma:5", "resize:0.7"]))
def test_a_picture_and_its_mask_keep_one_size_and_what_was_given_is_not_written_into(height, width, name):
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    mask = rgb[..., 0] > 127
    rgb.setflags(write=False)
    mask.setflags(write=False)
    (one,) = parse_degradations([name])
    degraded, moved = degrade(rgb, mask, one, "key")
    assert moved is not None and degraded.shape == (*moved.shape, 3)
    assert (degraded.dtype, moved.dtype) == (np.uint8, bool)
    assert max(abs(side - max(16, 0.7 * full)) for side, full in zip(moved.shape, mask.shape, strict=True)) <= 0.5 or (
        moved.shape == mask.shape and one.kind != "resize"
    )


def test_a_picture_that_no_jpeg_can_hold_is_a_bad_image():
    with pytest.raises(BadImage, match="65,500"):
        degrade(np.zeros((16, 65_501, 3), np.uint8), None, Degradation("jpeg", 75), "key")


# ---------------------------------------------------------------- curves


def test_area_under_a_curve_by_hand():
    assert area_under([50, 60, 80], [1.0, 0.5, 0.0]) == pytest.approx((10 * 0.75 + 20 * 0.25) / 30)
    assert area_under(["social"], [0.3]) == 0.3
    assert area_under([3, 7], [0.25, 0.75]) == 0.5
    with pytest.raises(ValueError, match="rise"):
        area_under([3, 3], [0, 1])
    with pytest.raises(ValueError, match="one value"):
        area_under([3, 7], [0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_area_lies_between_the_lowest_and_the_highest_value(values):
    area = area_under(list(range(len(values))), values)
    assert min(values) - 1e-9 <= area <= max(values) + 1e-9
