"""Maps of any program: whose they are, and what their numbers say. All files are made here."""

import io
import os
import struct
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.items import Item, Member
from webiml.evaluate.predictions import fit_to, holds_zero_one, match_predictions, read_prediction
from webiml.types import Problem, Reason, Row

PIXELS = 1_000_000
RAMP = np.arange(24 * 32).reshape(24, 32) % 256
LEVELS = RAMP.astype(np.uint8)  # (24, 32), every level
SOFT = (LEVELS / 255).astype(np.float32)
HARD = RAMP >= 128


def item(name: str, key: str = "", problem: Problem | None = None) -> Item:
    return Item(key or Path(name).stem, name, Path("benchmark") / name, problem=problem)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found(items: list[Item], folder: Path) -> dict[str, str]:
    files = match_predictions(items, folder).files
    return {key: path.relative_to(folder).as_posix() for key, path in files.items()}


# ---------------------------------------------------------------- which file is whose


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("cat-1.png", item("Tp/cat.jpg", "cat-1")),
        ("deep/down/cat-1.NPY", item("Tp/cat.jpg", "cat-1")),
        ("Tp/cat.png", item("Tp/cat.jpg", "cat-1")),
        ("Tp/cat.jpg.npz", item("Tp/cat.jpg", "cat-1")),
        ("cat.jpg.npz", item("Tp/cat.jpg", "cat-1")),
        ("elsewhere/cat.tif", item("Tp/cat.jpg", "cat-1")),
        ("cat/output.npz", item("Tp/cat.jpg", "cat-1")),
        ("a.b.png", item("Tp/a.b.jpg", "a_b-2")),
        ("plate.7.png", Item("plate_7-3", "plate.7", Path("pictures/plate.7.webp"))),  # a table's own key
        ("one.png", Item("one", "one", Member(Path("ours"), Row("one", "one", "kept"), "manipulated"))),
    ],
    ids=["key", "key-deep", "path", "path-full-name", "full-name", "stem", "folder", "dots", "table", "dataset"],
)
def test_a_map_is_found_by_each_rule(tmp_path, file, wanted):
    assert found([wanted], touch(tmp_path, file)) == {wanted.key: file}


def test_an_earlier_rule_wins(tmp_path):
    touch(tmp_path, "cat-1.png", "Tp/cat.png", "cat.jpg.npz", "x/cat.png")
    cat = item("Tp/cat.jpg", "cat-1")
    for expected in ("cat-1.png", "Tp/cat.png", "cat.jpg.npz", "x/cat.png"):
        assert found([cat], tmp_path) == {"cat-1": expected}
        (tmp_path / expected).unlink()


def test_the_path_tells_two_pictures_of_one_name_apart(tmp_path):
    touch(tmp_path, "Tp/cat.png", "Au/cat.png")
    items = [item("Tp/cat.jpg", "cat"), item("Au/cat.jpg", "cat-1")]
    assert found(items, tmp_path) == {"cat": "Tp/cat.png", "cat-1": "Au/cat.png"}


def test_two_maps_of_one_picture_are_named(tmp_path):
    with pytest.raises(SettingError, match=r"Tp/cat\.jpg \(a/cat\.png and b/cat\.png\).*keep one"):
        match_predictions([item("Tp/cat.jpg")], touch(tmp_path, "a/cat.png", "b/cat.png"))


def test_a_key_of_a_table_is_no_path_that_could_decide_between_two_maps(tmp_path):
    with pytest.raises(SettingError, match=r"cat \(cat\.png and old/cat\.png\)"):
        found([item("cat", "cat")], touch(tmp_path, "cat.png", "old/cat.png"))


def test_two_endings_at_one_place_are_two_maps(tmp_path):
    with pytest.raises(SettingError, match=r"cat\.npz and cat\.png"):
        match_predictions([item("cat.jpg", "cat-1")], touch(tmp_path, "cat.png", "cat.npz"))


def test_one_map_for_two_pictures_is_named(tmp_path):
    items = [item("Tp/cat.jpg", "cat"), item("Au/cat.png", "cat-1")]
    with pytest.raises(SettingError, match=r"Tp/cat\.jpg and Au/cat\.png \(both cat\.png\)"):
        match_predictions(items, touch(tmp_path, "cat.png"))


def test_two_items_of_one_picture_share_its_map(tmp_path):
    items = [Item("a", "a", Path("cat.jpg")), Item("b", "b", Path("cat.jpg"))]
    assert found(items, touch(tmp_path, "cat.png")) == {"a": "cat.png", "b": "cat.png"}


def test_missing_maps_are_counted_and_ten_are_named(tmp_path):
    touch(tmp_path, "p0.png", "notes.txt")
    with pytest.raises(SettingError) as caught:
        match_predictions([item(f"Tp/p{n}.jpg") for n in range(13)], tmp_path)
    message = str(caught.value)
    assert "no map for 12 of 13 pictures" in message and "Tp/p10.jpg and 2 more" in message
    assert "Tp/p11.jpg" not in message and "1 files ending in jpg" in message and "npz" in message


def test_what_serves_nobody_is_told(tmp_path):
    touch(tmp_path, "cat.png", "dog.png", "x/old.npy", "notes.txt", ".hidden.png", ".hidden/cat.png")
    matched = match_predictions([item("cat.jpg")], tmp_path)
    assert matched.unused == (tmp_path / "dog.png", tmp_path / "x" / "old.npy")


def test_an_item_that_cannot_be_scored_needs_no_map(tmp_path):
    items = [item("cat.jpg"), item("gone.jpg", problem=Problem(Reason.NOT_FOUND))]
    assert found(items, touch(tmp_path, "cat.png")) == {"cat": "cat.png"}


def test_links_out_of_the_folder_are_left_out(tmp_path):
    maps, outside = touch(tmp_path / "maps", "dog.png"), touch(tmp_path / "outside", "cat.png")
    (maps / "cat.png").symlink_to(outside / "cat.png")
    (maps / "linked").symlink_to(outside)
    with pytest.raises(SettingError, match="no map for 1 of 1"):
        match_predictions([item("cat.jpg")], maps)
    (maps / "bird.png").symlink_to("dog.png")  # this one stays inside
    assert found([item("bird.jpg")], maps) == {"bird": "bird.png"}


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder_is_a_sentence(tmp_path, name):
    touch(tmp_path, "file")
    with pytest.raises(SettingError, match=f"{name} is no folder"):
        match_predictions([], tmp_path / name)


def test_a_name_that_is_no_utf8_matches_its_picture(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    try:
        touch(tmp_path, f"{name}.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    listed = Item("caf-1", r"caf\xe9.jpg", Path("benchmark") / f"{name}.jpg")
    assert match_predictions([listed], tmp_path).files == {"caf-1": tmp_path / f"{name}.png"}


# ---------------------------------------------------------------- what its numbers say


def read(path: Path, **options):
    return read_prediction(path, path.parent, PIXELS, **options)


def refused(path: Path, **options) -> BadImage:
    with pytest.raises(BadImage) as caught:
        read(path, **options)
    assert caught.value.detail.startswith(path.name)
    return caught.value


def saved(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_grey_picture_of_any_mode_is_its_levels(tmp_path, ending, mode):
    path = tmp_path / f"map.{ending}"
    Image.fromarray(LEVELS).convert(mode).save(path, lossless=True)
    prediction = read(path)
    assert np.array_equal(prediction.levels, LEVELS) and prediction.levels.dtype == np.uint8
    assert (prediction.score, prediction.exact, prediction.note) == (None, True, "")


def test_transparency_does_not_count(tmp_path):
    rgba = np.dstack([LEVELS] * 3 + [np.full_like(LEVELS, 10)])
    assert np.array_equal(read(saved(tmp_path / "map.png", rgba)).levels, LEVELS)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_a_mask_of_one_bit_or_a_palette_is_black_and_white(tmp_path, mode):
    path = saved(tmp_path / "mask.png", HARD.astype(np.uint8) * 255, mode)
    assert np.array_equal(read(path).levels, HARD * 255)


def test_sixteen_bits_are_brought_to_eight(tmp_path):
    for ending in ("png", "tif"):
        path = saved(tmp_path / f"map.{ending}", (RAMP * 257 + 3).clip(0, 65535).astype(np.uint16))
        prediction = read(path)
        assert np.array_equal(prediction.levels, LEVELS) and not prediction.exact
        assert prediction.note == "more than 8 bits brought to 8"


def test_sixteen_bits_that_are_nearly_black_are_no_mask_of_0_and_1(tmp_path):
    path = saved(tmp_path / "map.png", RAMP.astype(np.uint16))  # 0 to 255 of 65,535
    prediction = read(path, zero_one=True)
    assert prediction.levels.max() == 1 and "nearly black" in prediction.note
    assert not holds_zero_one([path], tmp_path, PIXELS)


def test_a_float_tiff_is_a_probability(tmp_path):
    prediction = read(saved(tmp_path / "map.tif", SOFT))
    assert np.array_equal(prediction.levels, LEVELS) and not prediction.exact


def test_a_coloured_picture_is_refused(tmp_path):
    jet = cv2.applyColorMap(LEVELS, cv2.COLORMAP_JET)
    cv2.imwrite(str(tmp_path / "map.png"), jet)
    error = refused(tmp_path / "map.png")
    assert error.reason is Reason.UNDECODABLE and "a coloured picture, no map: save the map itself" in error.detail


def test_a_text_named_png_is_refused(tmp_path):
    (tmp_path / "map.png").write_text("not a map")
    error = refused(tmp_path / "map.png")
    assert error.reason is Reason.NOT_AN_IMAGE and "plain text" in error.detail


def test_what_counts_are_the_bytes_not_the_ending(tmp_path):
    np.save(tmp_path / "map.npy", SOFT)
    (tmp_path / "map.npy").rename(tmp_path / "map.png")
    assert np.array_equal(read(tmp_path / "map.png").levels, LEVELS)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "map.png").symlink_to(saved(tmp_path / "map.png", LEVELS))
    assert refused(maps / "map.png").reason is Reason.OUTSIDE_FOLDER


def test_inverting_turns_the_map_and_not_the_score(tmp_path):
    np.savez(tmp_path / "map.npz", map=SOFT, score=0.25)
    prediction = read(tmp_path / "map.npz", invert=True)
    assert np.array_equal(prediction.levels, 255 - LEVELS) and prediction.score == 0.25


# ---------------------------------------------------------------- masks of 0 and 1


def test_a_folder_of_masks_of_0_and_1_is_known_as_a_whole(tmp_path):
    masks = [saved(tmp_path / "a.png", HARD.astype(np.uint8)), saved(tmp_path / "b.png", np.zeros_like(LEVELS))]
    np.save(tmp_path / "c.npy", HARD.astype(np.int64))
    assert holds_zero_one([*masks, tmp_path / "c.npy"], tmp_path, PIXELS)
    prediction = read(masks[0], zero_one=True)
    assert np.array_equal(prediction.levels, HARD * 255) and prediction.note == "0 and 1 taken as 0 and 255"
    assert np.array_equal(read(tmp_path / "c.npy", zero_one=True).levels, HARD * 255)
    assert read(masks[1], zero_one=True).levels.max() == 0
    assert read(masks[0]).levels.max() == 1  # a file by itself is taken at its word


def test_soft_maps_of_authentic_pictures_are_not_taken_for_masks(tmp_path):
    quiet = saved(tmp_path / "quiet.png", HARD.astype(np.uint8))  # 1 of 255: nothing found
    loud = saved(tmp_path / "loud.png", LEVELS)
    assert not holds_zero_one([quiet, loud], tmp_path, PIXELS)
    np.save(tmp_path / "floats.npy", HARD.astype(np.float32) / 255)
    np.save(tmp_path / "bools.npy", HARD & False)
    assert not holds_zero_one([quiet, tmp_path / "floats.npy"], tmp_path, PIXELS)
    assert not holds_zero_one([quiet, tmp_path / "bools.npy"], tmp_path, PIXELS)
    assert not holds_zero_one([saved(tmp_path / "black.png", np.zeros_like(LEVELS))], tmp_path, PIXELS)
    assert not holds_zero_one([], tmp_path, PIXELS)


def test_a_map_among_masks_of_0_and_1_is_refused(tmp_path):
    assert "levels up to 255" in refused(saved(tmp_path / "map.png", LEVELS), zero_one=True).detail


def test_unreadable_files_do_not_decide(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    assert holds_zero_one([tmp_path / "a.png", saved(tmp_path / "b.png", HARD.astype(np.uint8))], tmp_path, PIXELS)


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize(
    ("array", "levels", "exact"),
    [
        (SOFT, LEVELS, True),
        (SOFT.astype(np.float64), LEVELS, True),
        (SOFT.astype(">f4"), LEVELS, True),
        (np.asfortranarray(SOFT), LEVELS, True),
        (SOFT[None], LEVELS, True),
        (SOFT[..., None], LEVELS, True),
        (SOFT[None, None], LEVELS, True),
        (LEVELS, LEVELS, True),
        (LEVELS.astype(np.int64), LEVELS, True),
        (HARD, HARD * 255, True),
        (HARD.astype(np.float16), HARD * 255, True),
        (np.full((4, 4), 0.3, np.float32), np.full((4, 4), 76), False),
        (np.full((4, 4), 0.5), np.full((4, 4), 128), False),  # the threshold of 0.5 stays where it was
        (np.full((4, 4), np.nextafter(0.5, 0)), np.full((4, 4), 127), False),
        (np.full((4, 4), np.nextafter(np.float32(0.5), 0, dtype=np.float32)), np.full((4, 4), 127), False),
        (np.full((4, 4), 1.00005, np.float32), np.full((4, 4), 255), True),
        (np.full((4, 4), -1e-5, np.float32), np.full((4, 4), 0), True),
    ],
    ids=[
        "float32", "float64", "big-endian", "fortran", "1HW", "HW1", "11HW", "uint8", "int64", "bool", "float16",
        "rounded", "half", "below-half-64", "below-half-32", "just-above-1", "just-below-0",
    ],
)  # fmt: skip
def test_an_array_becomes_levels(tmp_path, array, levels, exact):
    np.save(tmp_path / "map.npy", array)
    prediction = read(tmp_path / "map.npy")
    assert prediction.levels.dtype == np.uint8 and np.array_equal(prediction.levels, levels)
    assert prediction.exact is exact


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (SOFT * 255, r"values from 0 to 255 in a map of floats, which lies in \[0, 1\]"),
        (SOFT - 0.5, r"values from -0\.5"),
        (np.where(HARD, np.nan, SOFT), "NaN"),
        (np.where(HARD, np.inf, SOFT), "to inf"),
        (RAMP - 5, "whole numbers from -5 to 250"),
        (RAMP + 5, "whole numbers from 5 to 260"),
        (np.dstack([SOFT] * 3), r"shape \(24, 32, 3\), a map is \(H, W\)"),
        (SOFT[0], r"shape \(32,\)"),
        (np.zeros((0, 5)), "is empty"),
        (SOFT.astype(np.complex64), "complex64, not plain numbers"),
        (np.zeros((4, 4), np.longdouble), "not plain numbers"),
        (np.array([["a", "b"]]), "not plain numbers"),
        (np.zeros((4, 4), [("x", "f4")]), "not plain numbers"),
    ],
    ids=[
        "to-255", "negative", "nan", "inf", "below-0", "above-255", "three-channels", "flat", "empty", "complex",
        "long", "text", "records",
    ],
)  # fmt: skip
def test_an_array_that_is_no_map_is_refused(tmp_path, array, words):
    np.save(tmp_path / "map.npy", array)
    error = refused(tmp_path / "map.npy")
    assert error.reason is Reason.UNDECODABLE
    with pytest.raises(BadImage, match=words):
        raise error


def npy(shape: str, descr: str = "'<f4'", payload: bytes = b"", length: int | None = None) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) if length is None else length) + header + payload


class Boom:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "map.npy", np.array([[Boom()]], object), allow_pickle=True)
    np.savez(tmp_path / "map.npz", map=np.array([[Boom()]], object))
    for name in ("map.npy", "map.npz"):
        assert "object, not plain numbers" in refused(tmp_path / name).detail
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (npy("(100000, 100000)"), Reason.TOO_MANY_PIXELS),
        (npy("(1 << 70, 1)"), Reason.UNDECODABLE),
        (npy(f"({1 << 70}, 1)"), Reason.TOO_MANY_PIXELS),
        (npy("(-4, -4)", payload=bytes(64)), Reason.UNDECODABLE),
        (npy("(4, 4)", payload=bytes(63)), Reason.TRUNCATED),
        (npy("(4, 4)", length=65535, payload=bytes(64)), Reason.UNDECODABLE),
        (npy("(4, 4)", length=3), Reason.UNDECODABLE),
        (npy("(4, 4" + ", 1" * 4000 + ")"), Reason.UNDECODABLE),
        (npy("(" * 3000), Reason.UNDECODABLE),
        (npy("(4, 4)", "__import__('os')"), Reason.UNDECODABLE),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(500), Reason.UNDECODABLE),
        (b"\x93NUMPY\x09\x00" + bytes(500), Reason.UNDECODABLE),
        (b"\x93NUMPY", Reason.UNDECODABLE),
    ],
    ids=[
        "huge", "expression", "astronomic", "negative", "short", "header-too-long", "header-too-short", "long-tuple",
        "deep", "code", "header-of-4-GB", "version", "magic-only",
    ],
)  # fmt: skip
def test_a_header_is_not_believed(tmp_path, data, reason):
    (tmp_path / "map.npy").write_bytes(data)
    assert refused(tmp_path / "map.npy").reason is reason


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize("name", ["map", "pred", "prediction", "heatmap", "mask", "Map", "anything"])
def test_the_map_of_an_archive_is_found_by_its_name_or_alone(tmp_path, name):
    np.savez_compressed(tmp_path / "map.npz", **{name: SOFT, "imgsize": np.array([24, 32])})
    assert np.array_equal(read(tmp_path / "map.npz").levels, LEVELS)


def test_the_soft_map_goes_before_the_mask(tmp_path):
    np.savez(tmp_path / "map.npz", mask=HARD, heatmap=SOFT, conf=1 - SOFT)
    assert np.array_equal(read(tmp_path / "map.npz").levels, LEVELS)


def test_two_maps_without_a_known_name_are_refused(tmp_path):
    np.savez(tmp_path / "map.npz", left=SOFT, right=SOFT)
    assert "2 have two sides; there is 'left', 'right'" in refused(tmp_path / "map.npz").detail


@pytest.mark.parametrize("name", ["score", "score_sigmoid", "detection"])
@pytest.mark.parametrize("value", [0.75, np.float32(0.75), np.array([0.75]), np.array([[0.75]])])
def test_the_score_of_an_archive_is_read(tmp_path, name, value):
    np.savez(tmp_path / "map.npz", **{"map": SOFT, name: value})
    assert read(tmp_path / "map.npz").score == 0.75


@pytest.mark.parametrize(("value", "words"), [(1.5, "1.5"), (np.nan, "nan"), (np.array([0.1, 0.2]), "2 values")])
def test_a_score_that_is_none_is_refused(tmp_path, value, words):
    np.savez(tmp_path / "map.npz", map=SOFT, score=value)
    assert words in refused(tmp_path / "map.npz").detail


def archive(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in entries.items():
            file.writestr(name, data)
        file.comment = comment
    return path


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = archive(tmp_path / "map.npz", {"map.npy": npy("(2000, 1000)", payload=bytes(8_000_000))})
    assert path.stat().st_size < 20_000
    unpacked = 0
    original = zipfile.ZipExtFile.read

    def counting(self, n=-1):
        nonlocal unpacked
        data = original(self, n)
        unpacked += len(data)
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    assert refused(path).reason is Reason.TOO_MANY_PIXELS
    assert unpacked < 100_000


def test_no_more_is_unpacked_than_the_header_asks_for(tmp_path):
    path = archive(tmp_path / "map.npz", {"map.npy": npy("(4, 4)", payload=bytes(5_000_000))})
    assert read(path).levels.shape == (4, 4)


@pytest.mark.parametrize(
    ("entries", "options", "words"),
    [
        ({"map.npy": npy("(4, 4)", payload=bytes(64))}, {"method": zipfile.ZIP_BZIP2}, "numpy never uses"),
        ({"map.npy": npy("(4, 4)", payload=bytes(64))}, {"comment": b"hello"}, "no archive as numpy writes"),
        ({f"a{n}.npy": b"" for n in range(2000)}, {}, "too many arrays"),
        ({"map.npy": npy("(4, 4)", payload=bytes(10))}, {}, "ends early"),
        ({"map.npy": b"text"}, {}, "no header"),
        ({"readme.txt": b"text"}, {}, "there is nothing"),
        ({}, {}, "there is nothing"),
    ],
    ids=["bzip2", "comment", "many", "short", "no-array", "no-arrays", "empty"],
)
def test_an_odd_archive_is_refused(tmp_path, entries, options, words):
    assert words in refused(archive(tmp_path / "map.npz", entries, **options)).detail


def test_two_arrays_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "map.npz", "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            file.writestr("map.npy", npy("(4, 4)", payload=bytes(64)))
    assert "two arrays named 'map'" in refused(tmp_path / "map.npz").detail


def test_a_cut_or_damaged_archive_is_refused(tmp_path):
    stream = io.BytesIO()
    np.savez_compressed(stream, map=np.random.default_rng(1).random((24, 32)), score=0.5)
    data = stream.getvalue()
    path = tmp_path / "map.npz"
    for cut in (2, 30, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        assert refused(path).reason in (Reason.TRUNCATED, Reason.UNDECODABLE)
    caught = 0
    for at in range(0, len(data), 7):  # any byte may be wrong; nothing but BadImage may come of it
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            read(path)
        except BadImage:
            caught += 1
    assert caught > len(data) // 14


# ---------------------------------------------------------------- another size


def test_a_map_is_stretched_bilinearly():
    levels = np.array([[0, 200], [0, 200]], np.uint8)
    # Each pixel of four across lies a quarter of a source pixel off: 0, 1/4, 3/4 and 1 of the way
    assert fit_to(levels, (2, 4)).tolist() == [[0, 50, 150, 200]] * 2
    assert fit_to(LEVELS, (48, 64)).shape == (48, 64) and fit_to(LEVELS, (48, 64)).dtype == np.uint8


def test_a_map_that_fits_stays_itself():
    assert fit_to(LEVELS, (24, 32)) is LEVELS
