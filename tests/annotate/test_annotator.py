"""One pair in, one annotation out: what is found, what is refused, and that the numbers belong to the stored map."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from webiml import Annotation, Annotator, AnnotatorSettings, BadMap, Kind, Reason, Status, annotate_pair
from webiml.evidence.evidence import Evidence
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes

Load = Callable[[str, int], np.ndarray]
Made = tuple[np.ndarray, np.ndarray, np.ndarray]  # authentic, manipulated, (H, W) bool truth


def resaved(picture: np.ndarray, quality: int = 85) -> np.ndarray:
    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert again is not None
    return again


def spliced(picture: Load) -> Made:
    """An ellipse of another picture in the canyon."""
    authentic = picture("canyon", 300)
    manipulated = authentic.copy()
    mask = np.zeros(authentic.shape[:2], np.uint8)
    cv2.ellipse(mask, (110, 90), (45, 30), 20, 0, 360, 1, -1)
    manipulated[mask > 0] = picture("coffee", 300)[mask > 0]
    return resaved(authentic), resaved(manipulated, 75), mask > 0


def donated(picture: Load) -> Made:
    """The cat's face over the boards."""
    authentic, manipulated = picture("cat", 240), picture("boards", 320)
    face = np.zeros(authentic.shape[:2], np.uint8)
    cv2.ellipse(face, (115, 80), (55, 60), 0, 0, 360, 255, -1)
    transform = np.array([[1.1, 0, 40], [0, 1.1, 15]])
    size = manipulated.shape[1::-1]
    mask = cv2.warpAffine(face, transform, size) > 127
    manipulated[mask] = cv2.warpAffine(authentic, transform, size, flags=cv2.INTER_CUBIC)[mask]
    return authentic, resaved(manipulated), mask


def mask_of(annotation: Annotation) -> np.ndarray:
    assert annotation.mask is not None
    return annotation.mask


def stored(annotation: Annotation) -> np.ndarray:
    """(H, W) uint8, the map as it lies on disk."""
    assert annotation.probability is not None
    return np.rint(annotation.probability * 255).astype(np.uint8)


# ---------------------------------------------------------------- what is found


def test_a_splice_is_kept_with_its_mask(picture):
    authentic, manipulated, truth = spliced(picture)
    found = annotate_pair(authentic, manipulated)
    assert (found.kind, found.status, found.reason) == (Kind.SPG, Status.KEPT, None)
    assert iou(mask_of(found), truth) > 0.8
    assert found.components == 1 and found.unknown_fraction == 0
    assert found.transform == pytest.approx(np.eye(3))


def test_a_donated_object_is_found(picture):
    authentic, manipulated, truth = donated(picture)
    found = annotate_pair(authentic, manipulated)
    assert found.kind is Kind.SDG
    assert iou(mask_of(found), truth) > 0.6
    assert found.transform is None and found.unknown_fraction is None


def test_the_same_picture_is_identical(picture):
    authentic = picture("dandelion", 300)
    found = annotate_pair(authentic, resaved(authentic, 95))
    assert (found.kind, found.status, found.reason) == (Kind.IDENTICAL, Status.REJECTED, Reason.IDENTICAL)


def test_the_same_picture_saved_badly_is_not_kept(picture):
    authentic = picture("dandelion", 300)
    assert annotate_pair(authentic, resaved(authentic, 50)).status is Status.REJECTED


def test_two_scenes_are_unrelated(picture):
    found = annotate_pair(picture("cat", 300), picture("rocket", 300))
    assert (found.kind, found.status) == (Kind.UNRELATED, Status.REJECTED)
    assert found.reason in (Reason.UNRELATED, Reason.KIND_UNCERTAIN)


@pytest.mark.parametrize(("one", "two"), [("canyon", "coffee"), ("cat", "pier"), ("rocket", "boards")])
def test_two_scenes_are_never_kept(picture, one, two):
    found = annotate_pair(picture(one, 300), picture(two, 300))
    assert found.status is Status.REJECTED and found.kind is not Kind.SPG


@pytest.mark.parametrize(
    ("name", "width", "kind", "least"),
    [
        ("cat-in-the-canyon", 320, Kind.SPG, 0.9),
        ("blue-cup", 320, Kind.SPG, 0.85),
        ("cat-over-the-lake", 320, Kind.SDG, 0.85),
        ("dandelion-in-orbit", 320, Kind.SDG, 0.8),
    ],
)
def test_example_pairs_after_the_webs_treatment(repository: Path, name, width, kind, least):
    folder = repository / "examples" / "pairs" / name

    def small(file: str) -> np.ndarray:
        read = cv2.imread(str(folder / file))
        assert read is not None
        return cv2.resize(read, (width, round(read.shape[0] * width / read.shape[1])), interpolation=cv2.INTER_AREA)

    authentic, manipulated, truth = (
        np.ascontiguousarray(small(file)[..., ::-1]) for file in ("0.jpg", "1.jpg", "1.png")
    )
    found = annotate_pair(authentic, manipulated)
    assert (found.kind, found.status) == (kind, Status.KEPT)
    assert iou(mask_of(found), truth[..., 0] > 127) > least


# ---------------------------------------------------------------- what the result may depend on


def test_the_same_pixels_give_the_same_bytes(picture):
    for authentic, manipulated, _ in (spliced(picture), donated(picture)):
        first, second = (dataclasses.asdict(annotate_pair(authentic, manipulated)) for _ in range(2))
        for name in ("probability", "thumbnail"):
            assert first.pop(name).tobytes() == second.pop(name).tobytes()
        if first["transform"] is not None:
            assert first.pop("transform").tobytes() == second.pop("transform").tobytes()
        assert first == second


def test_the_input_is_not_written_to(picture):
    authentic, manipulated, _ = spliced(picture)
    before = authentic.tobytes(), manipulated.tobytes()
    authentic.flags.writeable = manipulated.flags.writeable = False
    annotate_pair(authentic, manipulated)
    assert (authentic.tobytes(), manipulated.tobytes()) == before


@pytest.mark.parametrize(("make", "least"), [(spliced, 0.95), (donated, 0.85)], ids=["SPG", "SDG"])
def test_a_flipped_pair_gives_the_flipped_map(picture, make, least):
    authentic, manipulated, _ = make(picture)
    straight = annotate_pair(authentic, manipulated)
    flipped = annotate_pair(np.ascontiguousarray(authentic[:, ::-1]), np.ascontiguousarray(manipulated[:, ::-1]))
    assert straight.kind is flipped.kind
    assert iou(mask_of(straight), mask_of(flipped)[:, ::-1]) > least
    assert straight.probability is not None and flipped.probability is not None
    assert np.abs(straight.probability - flipped.probability[:, ::-1]).mean() < 0.02


@pytest.mark.parametrize("factor", [0.4, 3.0], ids=["authentic-much-smaller", "authentic-much-larger"])
def test_sizes_of_the_two_may_differ(picture, factor):
    authentic, manipulated, truth = spliced(picture)
    resized = cv2.resize(authentic, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    found = annotate_pair(resized, manipulated)
    assert found.kind is Kind.SPG
    assert stored(found).shape == truth.shape
    assert iou(mask_of(found), truth) > 0.7
    assert found.transform is not None  # authentic points to manipulated points, at the sizes that were given
    assert found.transform[:2, :2] == pytest.approx(np.eye(2) / factor, abs=0.01 / factor)


# ---------------------------------------------------------------- odd pictures


def picture_of(what: str, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height)
    if what == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if what == "grey":
        return rng.integers(0, 256, (height, width, 1), np.uint8).repeat(3, axis=2)
    return np.full((height, width, 3), {"black": 0, "white": 255}[what], np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (16, 2000), (2000, 16), (64, 48)], ids=str)
@pytest.mark.parametrize(
    ("one", "two"), [("noise", "noise"), ("grey", "noise"), ("black", "black"), ("black", "white"), ("white", "grey")]
)
def test_any_picture_gets_an_annotation_that_is_whole(one, two, size):
    found = annotate_pair(picture_of(one, *size), picture_of(two, *size))
    assert found.probability is not None and found.probability.shape == size
    assert np.isfinite(found.probability).all()
    assert 0 <= found.kind_confidence <= 1
    if found.status is Status.REJECTED:
        assert found.reason is not None and found.detail


def test_the_same_flat_picture_is_identical():
    assert annotate_pair(picture_of("white", 40, 60), picture_of("white", 40, 60)).kind is Kind.IDENTICAL


RIGHT = picture_of("noise", 20, 30)


@pytest.mark.parametrize(
    "wrong",
    [
        RIGHT[..., 0],
        RIGHT[..., :2],
        RIGHT.astype(np.float32),
        RIGHT[:15],
        RIGHT[:, :15],
        np.dstack([RIGHT, RIGHT[..., :1]]),
        "authentic.jpg",
        None,
    ],
    ids=["one-channel", "two-channels", "floats", "too-low", "too-narrow", "alpha", "a-path", "nothing"],
)
def test_another_array_is_refused_by_name(wrong):
    with pytest.raises(BadMap, match="authentic"):
        annotate_pair(wrong, RIGHT)
    with pytest.raises(BadMap, match="manipulated"):
        annotate_pair(RIGHT, wrong)


# ---------------------------------------------------------------- the numbers and the stored map


@pytest.mark.parametrize("make", [spliced, donated])
def test_everything_can_be_recomputed_from_the_stored_map(picture, make):
    authentic, manipulated, _ = make(picture)
    found = annotate_pair(authentic, manipulated)
    assert found.probability is not None and found.probability.dtype == np.float32
    levels = stored(found)
    assert np.array_equal(found.probability, levels.astype(np.float32) / np.float32(255))
    mask = mask_of(found)
    assert np.array_equal(mask, levels >= 128)
    assert found.qes == qes(levels)
    assert found.mask_area == mask.mean()
    assert found.components == cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


# ---------------------------------------------------------------- what is covered, and what a doubtful kind leaves


@pytest.fixture(scope="module")
def half_covered(picture) -> Evidence:
    """The authentic picture covers about two thirds of the manipulated one."""
    manipulated = picture("canyon", 300)
    return Evidence(np.ascontiguousarray(manipulated[:, 100:]), manipulated)


def test_what_is_not_covered_is_counted_where_the_scene_is_shared(half_covered):
    annotator = Annotator(AnnotatorSettings(method="prior"))
    assert annotator.draw(half_covered, Kind.SPG).unknown == pytest.approx(1 / 3, abs=0.03)
    assert annotator.draw(half_covered, Kind.SDG).unknown is None


@pytest.mark.parametrize(("least", "status"), [(0.5, Status.KEPT), (1.0, Status.REJECTED)])
def test_a_kind_in_doubt_leaves_both_maps_whatever_becomes_of_them(picture, least, status):
    authentic, manipulated, _ = spliced(picture)
    annotator = Annotator(AnnotatorSettings(method="prior", min_qes=least))
    drawn = []

    def told(level: float):
        def segment(evidence: Evidence) -> np.ndarray:
            drawn.append(level)
            return np.full(evidence.manipulated.shape[:2], level, np.float32) * np.eye(*evidence.manipulated.shape[:2])

        return segment

    likely = {Kind.SPG: 0.3, Kind.SDG: 0.2, Kind.IDENTICAL: 0.05, Kind.UNRELATED: 0.45}
    annotator.method = dataclasses.replace(
        annotator.method, classify=lambda _: likely, sure=0.6, segment={Kind.SPG: told(1.0), Kind.SDG: told(0.5)}
    )
    found = annotator(authentic, manipulated)
    assert (found.status, found.kind_probabilities, sorted(drawn)) == (status, likely, [0.5, 1.0])
    assert found.alternative is not None and found.probability is not None
    assert found.alternative.probability is not None
    levels = {found.kind: found.probability.max(), found.alternative.kind: found.alternative.probability.max()}
    if status is Status.KEPT:
        assert levels == pytest.approx({Kind.SPG: 1.0, Kind.SDG: 128 / 255})
        assert found.transform is not None and found.alternative.transform is None
    else:
        assert levels == pytest.approx({Kind.UNRELATED: 128 / 255, Kind.SPG: 1.0})
        assert found.transform is None and found.alternative.transform is not None
