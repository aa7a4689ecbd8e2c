"""What a person sees of a pair: aligned, what differs, where the two do not look alike, and what is held meanwhile."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.app.review_client import small
from tests.datasets.small_dataset import HEIGHT, WIDTH, finished, levels, write_pictured

from webiml.app.review.cache import Cache
from webiml.app.review.compare import UNCOVERED, Aligned, align, correlation, difference, lay_pieces, likeness
from webiml.app.review.dataset_cases import DatasetCases
from webiml.app.review.pictures import Pictures, usable
from webiml.app.review.views import names_of
from webiml.errors import BadImage, SettingError
from webiml.images.codec import encode_png
from webiml.localize.localizer import to_rgb
from webiml.store.place import Place
from webiml.store.reviews import State
from webiml.types import Finished, Reason

EYE = [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]


def scene(height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth colours that tell one place from another, with some texture."""
    y, x = np.indices((height, width))
    noise = np.random.default_rng(0).integers(0, 24, (height, width, 3))
    return (np.stack([x * 2, y * 3, 120 + 40 * np.sin(x / 3)], axis=-1) + noise).clip(0, 255).astype(np.uint8)


def test_an_aligned_picture_lies_where_the_transform_says():
    moved = np.array([[1.0, 0, 5], [0, 1, 3], [0, 0, 1]])
    authentic = scene()
    found = align(authentic, (1, 1), moved, (1, 1), (60, 80))
    assert np.array_equal(found.rgb[3:, 5:], authentic[:-3, :-5])
    assert found.validity[3:, 5:].all()
    assert not found.validity[:3].any() and not found.validity[:, :5].any()


def test_a_grid_of_half_the_size_shows_the_same_places():
    authentic = np.zeros((80, 80, 3), np.uint8)
    authentic[20:40, 40:60] = 255
    # laid at half the size on both sides, as of pictures that are too large: the square's own edges at half its place
    half = authentic[::2, ::2].copy()
    found = align(half, (0.5, 0.5), np.array(EYE), (0.5, 0.5), (40, 40))
    assert np.array_equal(found.rgb[..., 0] > 127, half[..., 0] > 127)
    whole = align(authentic, (1, 1), np.array(EYE), (0.5, 0.5), (40, 40))
    inside = np.zeros((40, 40), bool)
    inside[10:20, 20:30] = True
    assert np.array_equal(whole.rgb[..., 0] > 127, inside)


def test_a_difference_of_brightness_alone_is_none_and_an_edit_is_seen():
    authentic = scene()
    manipulated = (authentic * 0.8 + 10).astype(np.uint8)
    manipulated[20:35, 30:50] = (0, 255, 0)
    validity = np.ones((60, 80), bool)
    validity[:, :6] = False
    drawn = difference(Aligned(authentic, validity), manipulated).astype(int).sum(axis=2)
    assert drawn[23:32, 33:47].min() > 3 * drawn[40:, 10:].max()
    assert np.all(difference(Aligned(authentic, validity), manipulated)[:, :6] == UNCOVERED)


def test_correlation_is_low_where_the_picture_was_replaced():
    authentic = scene()
    manipulated = (authentic * 0.9).astype(np.uint8)
    manipulated[20:35, 30:50] = authentic[::-1, ::-1][20:35, 30:50]
    validity = np.ones((60, 80), bool)
    validity[:3] = False
    drawn = correlation(Aligned(authentic, validity), manipulated)
    light = drawn.astype(int).sum(axis=2)
    assert np.median(light[23:32, 33:47]) > 200 > 60 > np.median(light[42:])
    assert np.all(drawn[:3] == UNCOVERED)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        (EYE, True),
        ([[2, 0, 1], [0, 2, 1], [0, 0.001, 1]], True),
        (None, False),
        ([1, 2, 3], False),
        ([[1, 0, 0], [0, 1, 0]], False),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1]], False),  # all on a line
        ([[1, 0, 0], [0, 1, 0], [0, 0, 0]], False),
        ([[float("nan"), 0, 0], [0, 1, 0], [0, 0, 1]], False),
        ([[1e300, 0, 0], [0, 1, 0], [0, 0, 1]], False),
        ([["1", 0, 0], [0, "x", 0], [0, 0, 1]], False),
    ],
    ids=str,
)
def test_only_a_transform_that_maps_points_both_ways_is_used(given, fits):
    assert (usable(given) is not None) == fits


def test_views_are_named_where_their_pictures_are():
    both = ("authentic", "manipulated", "probability")
    assert names_of(both, {"transform": EYE}, True) == [
        "manipulated", "authentic", "aligned", "difference", "correlation", "levels", "mask", "superpixels",
    ]  # fmt: skip
    assert names_of(both[:2], {"transform": None}, False) == ["manipulated", "authentic", "superpixels"]
    assert names_of(("manipulated", "probability", "confidence"), {}, True) == [
        "manipulated", "confidence", "levels", "mask", "superpixels",
    ]  # fmt: skip
    assert names_of(both[:2], {"transform": None, "kind": "SDG"}, False) == [
        "manipulated", "authentic", "aligned", "difference", "correlation", "superpixels",
    ]  # fmt: skip
    assert names_of((), {}, False) == []


def test_a_pasted_piece_is_laid_where_it_lies(repository):
    authentic, manipulated = (to_rgb(repository / f"examples/pairs/coffee-by-the-sea/{n}.jpg") for n in (0, 1))
    aligned, probability = lay_pieces(authentic, manipulated)
    assert aligned.rgb.shape == manipulated.shape and probability.shape == aligned.validity.shape == (425, 680)
    cup, sea = np.s_[270:330, 280:360], np.s_[40:120, 100:600]
    assert probability[cup].mean() > 0.9 and np.abs(aligned.rgb[cup].astype(int) - manipulated[cup]).mean() < 25
    assert not aligned.validity[sea].any() and np.all(aligned.rgb[sea] == UNCOVERED)
    assert np.all(likeness(probability, aligned.validity)[cup].mean(axis=(0, 1)) > 150)


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_a_dataset_tells_of_its_pairs(tmp_path, shape):
    cases = DatasetCases.open(small(tmp_path / "d", shape))
    columns = cases.table.columns
    assert (cases.title, len(cases.table), cases.min_qes) == ("d", 6, 0.5)
    assert columns["key"] == [f"pair-{number}" for number in range(6)]
    qes = [(levels(n) >= 240).sum() / (levels(n) >= 16).sum() for n in range(4)]
    assert columns["doubt"] == pytest.approx([*(abs(q - 0.5) for q in qes), None, None])
    assert cases.orders[:3] == ("doubt", "qes", "mask_area") and "transform" not in cases.orders
    for order in cases.orders:
        assert len(cases.column(order)) == 6
    assert cases.column("author") == [*(f"Author {number}" for number in range(5)), None]
    assert all(isinstance(at, int) for at in cases.column("annotated_at"))
    assert cases.machine("pair-3") == State("rejected", "low_qes")
    assert cases.size("pair-0") == (HEIGHT, WIDTH)
    assert cases.size("pair-5") is None
    assert cases.roles_of("pair-0") == ("authentic", "manipulated", "probability")
    assert cases.roles_of("pair-4") == ("authentic", "manipulated")
    assert cases.roles_of("pair-5") == ()
    assert np.array_equal(cases.picture("pair-1", "probability"), levels(1))
    assert cases.picture("pair-1", "manipulated").shape == (HEIGHT, WIDTH, 3)
    facts = cases.facts("pair-2")
    assert (facts["name"], facts["author"], facts["license"]) == ("Pair 2", "Author 2", "CC BY 4.0")
    assert facts["transform"] == [[1, 0, 0.5], [0, 1, 0], [0, 0, 1]]
    for unknown in ("pair-6", "../pair-1", ""):
        with pytest.raises(KeyError):
            cases.facts(unknown)
    with pytest.raises(BadImage, match="no truth"):
        cases.picture("pair-1", "truth")
    with pytest.raises(BadImage):
        cases.picture("pair-4", "probability")


def test_rows_are_found_in_every_group_of_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr("webiml.store.parquet.ROWS_A_GROUP", 10)
    there = (3, 9, 10, 11, 24)
    row = finished(0).row
    pairs = [finished(0, key=f"pair-{n:02}", name=f"n{n}") for n in there] + [
        Finished(replace(row, key=f"pair-{n:02}", name=f"n{n}", status="failed", reason="not_found"))
        for n in range(25)
        if n not in there
    ]
    cases = DatasetCases.open(write_pictured(tmp_path / "d", pairs))
    assert [cases.facts(f"pair-{n:02}")["name"] for n in range(25)] == [f"n{n}" for n in range(25)]
    assert cases.picture("pair-10", "probability").shape == (HEIGHT, WIDTH)


def test_what_is_no_dataset_here_is_told_in_words(tmp_path):
    with pytest.raises(SettingError, match="not a dataset"):
        DatasetCases.open(tmp_path)
    with pytest.raises(SettingError, match="copy it first"):
        DatasetCases.open(Place("s3://bucket/dataset"))
    (tmp_path / "annotations.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(SettingError, match="cannot be read"):
        DatasetCases.open(tmp_path)


def test_a_map_of_another_size_than_its_picture_is_not_shown(tmp_path):
    folder = small(tmp_path / "d")
    (folder / "probability" / "pair-1.png").write_bytes(encode_png(np.zeros((HEIGHT, WIDTH + 1), np.uint8)))
    pictures = Pictures(DatasetCases.open(folder), Cache(1 << 20))
    assert pictures.on_grid("pair-0", "probability").shape == (HEIGHT, WIDTH)
    with pytest.raises(BadImage, match="65x48"):
        pictures.on_grid("pair-1", "probability")


def test_the_cache_holds_what_fits_and_what_was_used_last():
    cache, made = Cache(10), []

    def get(name: str, size: int = 4) -> str:
        return cache.get(name, lambda: made.append(name) or name.upper(), lambda _: size)

    assert [get("a"), get("b"), get("a"), get("c"), get("a"), get("b")] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]  # b went when c came
    get("large", 11)
    assert cache.bytes == 8
    get("large", 11)
    assert made[-2:] == ["large", "large"]


def test_what_two_threads_want_is_made_once_and_a_fault_goes_to_both():
    cache, go = Cache(10), threading.Event()
    made, found, faults = [], [], []

    def make() -> str:
        made.append(1)
        if len(made) > 1:
            return "A"
        assert go.wait(10)
        raise BadImage(Reason.TRUNCATED, "gone")

    def ask() -> None:
        try:
            found.append(cache.get("a", make, len))
        except BadImage as error:
            faults.append(error)

    def until(does: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not does():
            assert time.monotonic() < end
            time.sleep(0.001)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    until(lambda: bool(made))
    threads[1].start()
    until(lambda: sys._current_frames()[threads[1].ident or 0].f_code.co_name == "wait")
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(faults) == 2 and not found and len(made) == 1
    ask()  # a fault is not held
    assert found == ["A"]
