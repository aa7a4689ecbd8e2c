"""Forged pairs: functions of their key, with masks and transforms that hold to the pixel."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from webiml.errors import SettingError
from webiml.forge import edits, forged_pair, pair
from webiml.forge.edits import settled
from webiml.forge.forged_pair import ForgedPair
from webiml.forge.pair import forge_pair, untouched_picture
from webiml.forge.pictures import SourcePicture, list_pictures
from webiml.forge.scene import open_scene
from webiml.settings import ForgeSettings
from webiml.types import Kind


@pytest.fixture(scope="module")
def pictures(pack) -> list[SourcePicture]:
    return list_pictures([pack])


def same(one: ForgedPair, two: ForgedPair) -> bool:
    arrays = all(np.array_equal(getattr(one, n), getattr(two, n)) for n in ("authentic", "manipulated", "mask"))
    transforms = all(np.array_equal(a, b) for a, b in zip(one.transforms, two.transforms, strict=True))
    return arrays and transforms and one.operations == two.operations and one.sources == two.sources


def test_same_key_same_pair_in_any_order(pictures):
    settings = ForgeSettings(seed=3, size=192)
    forward = {key: forge_pair(key, pictures, settings) for key in ("a", "b", "c", "d")}
    for key in ("d", "b", "a", "c"):
        assert same(forge_pair(key, pictures, settings), forward[key])
    assert not same(forge_pair("a", pictures, ForgeSettings(seed=4, size=192)), forward["a"])


def test_an_untouched_picture_mostly_shows_what_forgeries_are_made_of(pictures, monkeypatch):
    opened: list[SourcePicture] = []
    monkeypatch.setattr(pair, "open_scene", lambda picture, *rest: opened.append(picture) or open_scene(picture, *rest))
    settings = ForgeSettings(seed=2, size=128)
    made = [untouched_picture(f"k{index}", pictures, settings) for index in range(24)]
    assert all(one.dtype == np.uint8 and one.ndim == 3 and max(one.shape) <= 200 for one in made)
    with_labels = [picture for picture in pictures if picture.mask is not None]
    assert 0 < len(with_labels) < len(pictures)
    assert 14 <= sum(picture.mask is not None for picture in opened) <= 23
    assert np.array_equal(untouched_picture("k7", pictures, settings), made[7])


@pytest.mark.parametrize("kind", ["SPG", "SDG", "identical", "unrelated", "single"])
def test_kind_decides_what_a_pair_holds(pictures, kind):
    for index in range(6):
        made = forge_pair(f"k{index}", pictures, ForgeSettings(seed=1, size=160, kinds=kind))
        assert made.single == (kind == "single")
        assert made.kind == (Kind.SPG if kind == "single" else Kind(kind))
        assert made.mask.dtype == bool and made.mask.shape == made.manipulated.shape[:2]
        assert made.authentic.dtype == made.manipulated.dtype == np.uint8
        assert made.mask.any() == (kind in ("SPG", "SDG", "single"))
        assert (made.donor_mask is not None) == (kind == "SDG")
        wanted = {"SPG": {1}, "single": {1}, "identical": {1}, "SDG": {1, 2, 3}, "unrelated": {0}}[kind]
        assert len(made.transforms) in wanted
        scenes = [one.scene for one in made.sources if isinstance(one, SourcePicture)]
        assert len(set(scenes)) == len(scenes) and scenes
        if kind in ("SDG", "unrelated"):
            assert len(scenes) >= 2


def test_size_is_never_exceeded_and_nothing_enlarged(pictures):
    for index in range(10):
        scene = open_scene(pictures[index % 8], 200, None, np.random.default_rng(index))
        assert max(scene.shape) <= 200
        scene = open_scene(pictures[index % 8], 4000, None, np.random.default_rng(index))
        assert scene.shape[0] <= 240 and scene.shape[1] <= 320


def unsent(maker, pictures: Sequence[SourcePicture], seed: int):
    """A forgery before the web."""
    bench, rng = pair._Bench(pictures, 192, None, None), np.random.default_rng(seed)
    return next(made for made in (maker(bench, rng) for _ in range(40)) if made is not None)


@settings(max_examples=25)
@given(seed=st.integers(0, 9999))
def test_spg_changes_nothing_far_from_its_mask(pictures, seed):
    made = unsent(pair._spg, pictures, seed)
    near = cv2.dilate(made.mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0  # soft edges
    change = cv2.absdiff(made.authentic, made.manipulated).max(axis=2)
    assert (change[~near] < 3).all(), made.operations
    assert change[made.mask].mean() >= 3


@settings(max_examples=25)
@given(seed=st.integers(0, 9999))
def test_identical_pair_maps_onto_itself(pictures, seed):
    """Without colours, text and frames: what is left after the transform is interpolation and compression."""
    made = unsent(pair._identical, pictures, seed)
    sent = forged_pair.sent("k", Kind.IDENTICAL, made, np.random.default_rng(seed), pair.STRENGTHS, single=False)
    plain = {"recolour", "grey", "tint", "vignette", "noise", "sharpen", "blur", "text", "watermark", "frame"}
    if plain & set("+".join(sent.operations).replace(":", "+").split("+")):
        return
    (transform,) = sent.transforms
    height, width = sent.manipulated.shape[:2]
    warped = cv2.warpPerspective(sent.authentic, transform, (width, height), flags=cv2.INTER_CUBIC)
    inside = cv2.warpPerspective(np.ones(sent.authentic.shape[:2], np.float32), transform, (width, height)) > 0.999
    one, two = (cv2.GaussianBlur(a.astype(np.float32), (0, 0), 3) for a in (warped, sent.manipulated))
    inner = cv2.erode(inside.astype(np.uint8), np.ones((21, 21), np.uint8), borderValue=(0,)) > 0
    if inner.any():
        assert np.median(np.abs(one - two)[inner]) < 4  # 8-bit levels; half a pixel off is more than that


@settings(max_examples=25)
@given(seed=st.integers(0, 9999))
def test_sdg_points_lead_from_the_donor_mask_into_the_mask(pictures, seed):
    made = unsent(pair._sdg, pictures, seed)
    assume(not made.operations[0].startswith("bent"))  # the transform does not tell of the bend
    sent = forged_pair.sent("k", Kind.SDG, made, np.random.default_rng(seed), pair.STRENGTHS, single=False)
    assert sent.donor_mask is not None and sent.donor_mask.shape == sent.authentic.shape[:2]
    assert 0.004 < sent.mask.mean() < 0.95
    ys, xs = np.nonzero(cv2.erode(sent.donor_mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=(0,)))
    landed = np.zeros(len(xs), bool)
    wide = cv2.dilate(sent.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for transform in sent.transforms:
        x, y, w = transform @ np.stack([xs, ys, np.ones(len(xs))])
        x, y = np.rint(x / w).astype(int), np.rint(y / w).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < wide.shape[1]) & (y < wide.shape[0])
        landed[inside] |= wide[y[inside], x[inside]]
    assert landed.all()


def test_a_pasted_square_counts_whole_where_it_looks_like_the_ground():
    before = np.full((80, 80, 3), 100, np.uint8)
    after, claimed = before.copy(), np.zeros((80, 80), bool)
    claimed[20:60, 20:60] = True
    after[claimed] = 160
    after[35:42, 35:42] = 101  # a hole of likeness
    mask = settled(before, after, claimed)
    assert mask is not None and np.array_equal(mask, claimed)


def test_an_edit_that_nobody_sees_is_none():
    before = np.full((80, 80, 3), 100, np.uint8)
    claimed = np.zeros((80, 80), bool)
    claimed[20:60, 20:60] = True
    assert settled(before, before + np.uint8(2), claimed) is None
    assert settled(before, before, np.zeros((80, 80), bool)) is None


@pytest.mark.parametrize("name", list(pair._EDITS))
def test_every_edit_claims_what_it_changes(pictures, name):
    done = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scene, donor = (open_scene(pictures[i], 192, None, rng) for i in (0, 1))
        before = scene.rgb.copy()
        edit = pair._edited(name, scene.rgb, scene, donor, rng, None)
        assert np.array_equal(scene.rgb, before)  # the source is never written into
        if edit is None:
            continue
        after, claimed = edit
        assert after.shape == before.shape and after.dtype == np.uint8 and claimed.dtype == bool
        near = cv2.dilate(claimed.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        assert (cv2.absdiff(after, before).max(axis=2)[~near] < 3).all()
        done += settled(before, after, claimed) is not None
    assert done >= 3


def test_remover_fills_holes(pictures):
    def red(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
        rgb[hole] = (255, 0, 0)
        return rgb

    reds = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scene = open_scene(pictures[1], 192, None, rng)
        edit = edits.removal(scene.rgb, scene, rng, red)
        reds += edit is not None and bool(
            np.all(edit[0][edit[1]].mean(0) > (200, -1, -1)) and edit[0][edit[1]][:, 1].mean() < 60
        )
    assert 3 <= reds <= 9  # some removals stay those of OpenCV
    rng, odd = np.random.default_rng(0), lambda rgb, hole: rgb[:-1]
    scene = open_scene(pictures[1], 192, None, rng)
    with pytest.raises(ValueError, match="remover"):
        for _ in range(20):
            edits.removal(scene.rgb, scene, rng, odd)


def test_too_few_pictures_are_a_sentence(pictures):
    with pytest.raises(SettingError, match="Give more pictures"):
        forge_pair("k", pictures[2:4], ForgeSettings(kinds="SDG"))  # two crops of one scene
    with pytest.raises(SettingError, match="Give more pictures"):
        forge_pair("k", [], ForgeSettings())


@pytest.mark.parametrize(
    ("kinds", "want"),
    [("SPG", {"SPG": 1.0}), ("SDG=1, SPG=3", {"SPG": 0.75, "SDG": 0.25}), ("single=2,SPG=0", {"single": 1.0})],
)
def test_shares_of_kinds(kinds, want):
    assert ForgeSettings(kinds=kinds).shares == want


@pytest.mark.parametrize("kinds", ["", "SPG=0", "spg", "SPG=-1", "SPG=nan", "SPG,SPG", "SPG=a", "SPG=inf"])
def test_kinds_that_make_no_sense_are_refused(kinds):
    with pytest.raises(SettingError, match="--kinds"):
        ForgeSettings(kinds=kinds)
