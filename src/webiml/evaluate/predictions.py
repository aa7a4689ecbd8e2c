"""Maps that any program saved: which file belongs to which picture, and what its numbers say."""

from __future__ import annotations

import io
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.items import Item
from webiml.evaluate.saved_arrays import NPY, NPZ, Archive, first_of, read_npy
from webiml.images.codec import from_8bit, to_8bit
from webiml.images.decode import decode_published
from webiml.images.read import read_bytes, readable
from webiml.images.sniff import PNG, TIFF, sniff
from webiml.pairs.folder import EXTENSIONS
from webiml.types import Reason

ENDINGS = (*EXTENSIONS, "npy", "npz")
"""How the file of a prediction may end."""

MAP_NAMES = ("map", "pred", "prediction", "heatmap", "mask")
SCORE_NAMES = ("score", "score_sigmoid", "detection")
"""What the map and the score of a picture may be called in an .npz file; the first that is there counts."""

_NAMED = 10  # pictures that an error names
_SAMPLE = 500  # files that tell whether a folder holds masks of 0 and 1
_SLACK = 1e-4  # by which a float may leave [0, 1]: a softmax in half precision does


@dataclass(frozen=True, slots=True)
class Matched:
    """Which file is whose.

    Attributes:
        files: by the key of an item. unused: maps that belong to no item, sorted.
    """

    files: dict[str, Path]
    unused: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a file says of one picture.

    Attributes:
        levels: (H, W) uint8, 255 manipulated, at the size at which it was saved.
        score: P(the picture is manipulated), [0, 1]; None where the file holds none.
        exact: the levels are the file's own numbers; False when these were finer and had to be rounded to 8 bits.
        note: what was noticed while reading, words for a person; empty when nothing.
    """

    levels: np.ndarray
    score: float | None = None
    exact: bool = True
    note: str = ""


# ---------------------------------------------------------------- which file is whose


def match_predictions(items: Sequence[Item], folder: Path) -> Matched:
    """The file of each item in a folder of maps, subfolders and all. No file is opened.

    An item's map is the one file whose name without its ending is the item's key; else the one at the picture's own
    path in its benchmark (Tp/cat.png, or Tp/cat.jpg.npz, for Tp/cat.jpg); else the one with the picture's full name in
    front of the ending (cat.jpg.npz); else the one with the picture's name without its ending (cat.png). A file named
    output stands for the folder that holds it, too (cat/output.npz). Hidden files and links out of the folder are left
    out. An item with a problem needs no map.

    Raises:
        SettingError: the folder cannot be read, or an item has no map, two maps, or the map of another picture.
    """
    paths = list(_walk(folder))
    by_stem: dict[str, list[int]] = defaultdict(list)
    by_path: dict[str, list[int]] = defaultdict(list)
    for number, (relative, _) in enumerate(paths):
        place = os.path.splitext(relative)[0]
        for named in {place, place.removesuffix("/output")}:
            by_path[named].append(number)
            by_stem[named.rpartition("/")[2]].append(number)

    owners: dict[int, Item] = {}
    files: dict[str, Path] = {}
    missing: list[str] = []
    several: list[str] = []
    for item in items:
        found = _candidates(item, by_stem, by_path)
        if len(found) > 1:
            several.append(f"{item.name} ({' and '.join(paths[number][0] for number in found[:2])})")
        elif not found and item.problem is None:
            missing.append(item.name)
        elif found:
            owner = owners.setdefault(found[0], item)
            if owner is not item and owner.image != item.image:
                several.append(f"{owner.name} and {item.name} (both {paths[found[0]][0]})")
            files[item.key] = paths[found[0]][1]
    if missing or several:
        raise SettingError(_complaint(folder, len(items), len(paths), missing, several))
    return Matched(files, tuple(path for number, (_, path) in enumerate(paths) if number not in owners))


def _candidates(item: Item, by_stem: dict[str, list[int]], by_path: dict[str, list[int]]) -> Sequence[int]:
    """Numbers of the files that may be an item's: one where a rule decides."""
    picture = item.image.name if isinstance(item.image, Path) else PurePosixPath(item.name).name
    by_key = by_stem.get(item.key, ())
    if len(by_key) == 1:
        return by_key
    own_path = []
    if "/" in item.name:  # the path decides between Tp/cat.png and Au/cat.png; a bare name decides nothing
        own_path = sorted({*by_path.get(item.name, ()), *by_path.get(_bare(item.name), ())})
    if own_path or by_key:
        return own_path or by_key
    return by_stem.get(readable(picture)) or by_stem.get(_bare(readable(picture)), ())


def _bare(name: str) -> str:
    """A picture's name without its ending; a key such as `plate.7` has none and stays."""
    stem, ending = os.path.splitext(name)
    return stem if ending[1:].lower() in EXTENSIONS else name


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Path relative to the folder, valid UTF-8 and with / between its parts, and path of each map below a folder."""
    if not folder.is_dir():
        raise SettingError(f"{readable(folder)} is no folder: give the folder of the maps.")

    def refuse(error: OSError) -> None:
        raise SettingError(f"The folder {readable(error.filename)} cannot be read: {error.strerror}.") from None

    root = os.path.realpath(folder)
    for parent, folders, names in os.walk(folder, onerror=refuse):  # follows no link to a folder
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = PurePosixPath(Path(parent).relative_to(folder))
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or os.path.splitext(name)[1][1:].lower() not in ENDINGS:
                continue
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                continue
            yield readable(below / name), path


def _complaint(folder: Path, items: int, maps: int, missing: list[str], several: list[str]) -> str:
    sentences = []
    if several:
        sentences.append(
            f"In {readable(folder)} it is not clear which map belongs to {_first(several)}: keep one for each, named "
            "like the key."
        )
    if missing:
        sentences.append(
            f"{readable(folder)} has no map for {len(missing):,} of {items:,} pictures, such as {_first(missing)}. "
            f"It holds {maps:,} files ending in {', '.join(ENDINGS)}; looked for were the item's key, the picture's "
            "path and the picture's name, each with such an ending."
        )
    return " ".join(sentences)


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


# ---------------------------------------------------------------- what its numbers say


def holds_zero_one(files: Collection[Path], root: Path, max_pixels: int) -> bool:
    """Whether the files are hard masks of 0 and 1: some level is 1, and none in up to 500 files is above 1.

    One file alone cannot tell: the soft map of an authentic picture may hold nothing but 0 and 1 of 255, too. Files
    that cannot be read are left to `read_prediction`. Most folders are done with after the first file.
    """
    ones = False
    chosen = sorted(set(files))
    for path in chosen[:: -(-len(chosen) // _SAMPLE) or 1]:
        try:
            found = _read(path, root, max_pixels)
        except BadImage:
            continue
        highest = int(found.prediction.levels.max())
        if highest > 1 or not found.as_saved:
            return False
        ones |= highest == 1
    return ones


def read_prediction(
    path: Path, root: Path, max_pixels: int, *, invert: bool = False, zero_one: bool = False
) -> Prediction:
    """The map of one picture: a grey picture of any format and depth, an .npy or an .npz file.

    Arrays are (H, W), sides of 1 aside: bool, floats in [0, 1] or whole numbers in 0 to 255. In an .npz file the map is
    the array named map, pred, prediction, heatmap or mask, or the only one with two sides.

    Args:
        root: a file whose real path leaves this folder is refused.
        max_pixels: refuse a larger map, before its values are read.
        invert: the map says what is authentic: 255 - levels; the score stays.
        zero_one: 8-bit levels are 0 and 1, not 0 and 255; see `holds_zero_one`.
    Raises:
        BadImage: it cannot be read, or is no map; its detail names the file below `root`.
    """
    found = _read(path, root, max_pixels)
    prediction = found.prediction
    if zero_one and found.as_saved:
        if prediction.levels.max() > 1:
            words = f"{_name(path, root)}: levels up to {prediction.levels.max()} in a folder of masks of 0 and 1"
            raise BadImage(Reason.UNDECODABLE, words)
        prediction = replace(prediction, levels=prediction.levels * np.uint8(255), note="0 and 1 taken as 0 and 255")
    return replace(prediction, levels=255 - prediction.levels) if invert else prediction


def fit_to(levels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map stretched to another size, as the field does it: bilinear, without regard to its proportions.

    Args:
        levels: (H, W) uint8.
        shape: the size (H, W) that is wanted.
    Returns:
        (H, W) uint8; `levels` itself where it fits.
    """
    if levels.shape == tuple(shape):
        return levels
    return cv2.resize(levels, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


class _Found(NamedTuple):
    prediction: Prediction
    as_saved: bool  # the levels are 8-bit numbers of the file, of which 1 may mean 255


def _read(path: Path, root: Path, max_pixels: int) -> _Found:
    data = read_bytes(path, root)
    try:
        if data.startswith(NPY):
            return _from_array(read_npy(data, max_pixels))
        if data.startswith(NPZ):
            return _from_archive(Archive(data), max_pixels)
        return _from_picture(data, max_pixels)
    except BadImage as error:
        raise BadImage(error.reason, f"{_name(path, root)}: {error.detail}") from None


def _name(path: Path, root: Path) -> str:
    return readable(path.relative_to(root) if path.is_relative_to(root) else path)


def _from_picture(data: bytes, max_pixels: int) -> _Found:
    rgb = decode_published(data, max_pixels)
    levels = np.ascontiguousarray(rgb[..., 0])
    if not (np.array_equal(levels, rgb[..., 1]) and np.array_equal(levels, rgb[..., 2])):
        raise BadImage(Reason.UNDECODABLE, "a coloured picture, no map: save the map itself")
    if not _is_deep(data):
        return _Found(Prediction(levels), True)
    note = "more than 8 bits brought to 8"
    if levels.max() <= 1:  # levels of 0 and 1, or of 0 to 255, in a file that holds up to 65,535: not to be guessed
        note += "; nearly black, so save it with 8 bits if its levels were not meant as 0 to 65,535"
    return _Found(Prediction(levels, exact=False, note=note), False)


def _is_deep(data: bytes) -> bool:
    """Whether a picture that could be decoded holds more than 8 bits a channel."""
    found = sniff(data)
    if found is PNG:
        return data[24] == 16
    if found is TIFF:
        with warnings.catch_warnings():  # of other tags
            warnings.simplefilter("ignore")
            with TIFF.open(io.BytesIO(data)) as image:
                return max(image.tag_v2.get(258, (1,))) > 8  # type: ignore[attr-defined]
    return False


def _from_archive(archive: Archive, max_pixels: int) -> _Found:
    name = first_of(archive, MAP_NAMES)
    if name is None:
        flat = [each for each in archive.names if len(archive.sides(each)) == 2]
        if len(flat) != 1:
            there = ", ".join(map(repr, archive.names))[:120] or "nothing"
            words = f"no array is named {', '.join(MAP_NAMES)}, and {len(flat)} have two sides; there is {there}"
            raise BadImage(Reason.UNDECODABLE, words)
        name = flat[0]
    found = _from_array(archive.read(name, max_pixels))
    score_name = first_of(archive, SCORE_NAMES)
    if score_name is None:
        return found
    scores = archive.read(score_name, max_pixels)
    if scores.size != 1:
        raise BadImage(Reason.UNDECODABLE, f"the array {score_name!r} has {scores.size:,} values, one score is needed")
    score = float(scores.reshape(()))
    if not 0 <= score <= 1:  # NaN, too
        raise BadImage(Reason.UNDECODABLE, f"the score {score:g} does not lie in [0, 1]")
    return found._replace(prediction=replace(found.prediction, score=score))


def _from_array(array: np.ndarray) -> _Found:
    if array.ndim != 2:
        array = array.reshape([side for side in array.shape if side != 1])
    if array.ndim != 2:
        raise BadImage(Reason.UNDECODABLE, f"an array of shape {array.shape!s:.60}, a map is (H, W)")
    if array.dtype.kind == "b":
        return _Found(Prediction(array.astype(np.uint8) * np.uint8(255)), False)
    low, high = float(array.min()), float(array.max())  # NaN makes both NaN
    if array.dtype.kind in "iu":
        if low < 0 or high > 255:
            words = f"whole numbers from {low:g} to {high:g}, levels of 0 to 255 are needed"
            raise BadImage(Reason.UNDECODABLE, words)
        return _Found(Prediction(array.astype(np.uint8)), True)
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        what = "NaN" if np.isnan(low) else f"values from {low:g} to {high:g}"
        raise BadImage(Reason.UNDECODABLE, f"{what} in a map of floats, which lies in [0, 1]: save probabilities")
    probability = array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64).clip(0, 1)
    levels = to_8bit(probability)
    exact = bool(np.array_equal(probability.astype(np.float32), from_8bit(levels)))
    return _Found(Prediction(levels, exact=exact), False)
