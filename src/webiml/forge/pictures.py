"""The ordinary pictures that pairs are forged from: a pack, a folder or single files, listed and read."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.images.codec import decode_map
from webiml.images.decode import decode
from webiml.images.hashing import perceptual_hash
from webiml.images.read import MAX_BYTES, read_bytes, readable
from webiml.pairs.folder import EXTENSIONS
from webiml.pairs.keys import unique_keys
from webiml.types import Problem, Reason

INDEX = "index.parquet"  # makes a folder a pack
ATTRIBUTION = "pictures.csv"  # columns file, source, license, author: what a folder knows of its pictures
MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of one file: a file of its own (`length` None), or a part of a tar; `offset` and `length` in bytes."""

    path: Path
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """One ordinary picture, not yet read.

    Attributes:
        key: unique among the listed pictures and safe as a file name.
        scene: equal for two crops of one photograph, which must never meet as strangers.
        license, author, source: as the pack or `pictures.csv` says, else empty.
        sha256: of the file's bytes, hex. phash: 64-bit perceptual hash of the picture, 16 hex digits.
        width, height: pixels.
        place, mask: where its bytes lie, and those of its object labels, if it has any.
        labels: name of object 1, 2, ... as the pack says.
    """

    key: str
    scene: str
    license: str
    author: str
    source: str
    sha256: str
    phash: str
    width: int
    height: int
    place: Place
    mask: Place | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedPicture:
    """A picture that cannot be used, and why."""

    name: str
    problem: Problem


def list_pictures(
    folders: Sequence[Path], *, split: str | None = None, only_shippable: bool = False
) -> list[SourcePicture]:
    """All usable pictures of packs, folders and files, sorted by key; those that cannot be read are left out.

    A pack is a folder with `index.parquet` (columns key, tar, width, height; source, source_path, licence, author,
    sha256, phash, split, labels, may_ship_weights where known) and the tars it names, holding `<key>.jpg` and perhaps
    `<key>.mask.png`. In any other folder every picture counts, subfolders too; `<name>.mask.png` beside `<name>.jpg`
    holds its objects (0 background, 1..n objects) and `pictures.csv` (columns file, source, license, author) may say
    whose it is.

    Args:
        folders: packs, folders or picture files.
        split: of packs only the rows with this split; None takes all.
        only_shippable: of packs only the rows with `may_ship_weights`; folders and files are taken as they are.
    Raises:
        SettingError: a path is missing, a pack cannot be read, or no picture is left.
    """
    pictures, _ = survey_pictures(folders, split=split, only_shippable=only_shippable)
    if not pictures:
        raise SettingError(f"{', '.join(map(readable, folders))}: no usable picture; check the path and the filters.")
    return pictures


def survey_pictures(
    folders: Sequence[Path], *, split: str | None = None, only_shippable: bool = False
) -> tuple[list[SourcePicture], list[SkippedPicture]]:
    """As `list_pictures`, and what had to be left out, with the reason; nothing usable is no error here."""
    found: list[SourcePicture] = []
    skipped: list[SkippedPicture] = []
    for folder in folders:
        if (folder / INDEX).is_file():
            rows = _pack(folder, split, only_shippable)
        elif folder.exists():
            rows = _folder(folder)
        else:
            raise SettingError(f"{readable(folder)} does not exist; check the path.")
        for row in rows:
            (found if isinstance(row, SourcePicture) else skipped).append(row)  # type: ignore[arg-type]
    keys = unique_keys([picture.key for picture in found])
    keyed = [replace(picture, key=key) for picture, key in zip(found, keys, strict=True)]
    return sorted(keyed, key=lambda picture: picture.key), sorted(skipped, key=lambda one: one.name)


def read_picture(picture: SourcePicture) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture, (H, W, 3) uint8 RGB, and its object labels (0 background, 1..n), (H, W) uint8, or None.

    Raises:
        BadImage: the bytes are no usable picture, or are not those that were listed.
    """
    rgb = decode(_bytes(picture.place), MAX_PIXELS).rgb
    if rgb.shape[:2] != (picture.height, picture.width):
        raise BadImage(Reason.UNDECODABLE, f"{picture.key} has changed since it was listed")
    labels = _labels(_bytes(picture.mask), rgb.shape[:2]) if picture.mask else None
    return rgb, labels


# ---------------------------------------------------------------- packs


def _pack(pack: Path, split: str | None, only_shippable: bool) -> Iterator[SourcePicture | SkippedPicture]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(pack / INDEX).to_pylist()
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"{readable(pack / INDEX)} cannot be read: {words}") from None
    for column in ("key", "tar", "width", "height"):
        if rows and column not in rows[0]:
            raise SettingError(f"{readable(pack / INDEX)} has no column {column}; is it the index of a pack?")
    rows = [row for row in rows if split is None or row.get("split") == split]
    rows = [row for row in rows if not only_shippable or row.get("may_ship_weights") is True]
    members = {name: _members(pack, name) for name in sorted({str(row["tar"]) for row in rows})}
    for row in rows:
        key, inside = str(row["key"]), members[str(row["tar"])]
        place = inside.get(f"{key}.jpg")
        if place is None:
            yield SkippedPicture(key, Problem(Reason.NOT_FOUND, f"{readable(pack)}: the tar does not hold it"))
            continue
        yield SourcePicture(
            key=key,
            scene=f"{row.get('source') or pack.name}/{row.get('source_path') or key}",
            license=row.get("licence") or row.get("license") or "",
            author=row.get("author") or "",
            source=row.get("attribution_url") or f"{row.get('source') or pack.name}/{row.get('source_path') or key}",
            sha256=row.get("sha256") or hashlib.sha256(_bytes(place)).hexdigest(),
            phash=row.get("phash") or "",
            width=int(row["width"]),
            height=int(row["height"]),
            place=place,
            mask=inside.get(f"{key}.mask.png"),
            labels=tuple(str(label) for label in row.get("labels") or ()),
        )


def _members(pack: Path, name: str) -> dict[str, Place]:
    """Files of one tar of a pack, by name. The tar's name comes from the index: it must lie in the pack itself."""
    if Path(name).name != name:
        raise SettingError(f"{readable(pack / INDEX)} names {name!r}, which lies outside of the pack.")
    try:
        with tarfile.open(pack / name, "r:") as tar:
            return {m.name: Place(pack / name, m.offset_data, m.size) for m in tar if m.isreg()}
    except (tarfile.TarError, OSError) as error:
        raise SettingError(f"{readable(pack / name)} cannot be read ({error}); is the pack complete?") from None


# ---------------------------------------------------------------- folders and files


def _folder(root: Path) -> Iterator[SourcePicture | SkippedPicture]:
    """Every picture below a folder, or the one file; each is read once to know that it can be."""
    if root.is_file():
        yield _file(root, root.parent, {})
        return
    told = _attribution(root / ATTRIBUTION)
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            is_picture = name.rpartition(".")[2].lower() in EXTENSIONS
            if is_picture and not name.startswith(".") and not name.lower().endswith(".mask.png"):
                yield _file(Path(folder) / name, root, told)


def _file(path: Path, root: Path, told: dict[str, dict[str, str]]) -> SourcePicture | SkippedPicture:
    name = readable(path.relative_to(root))
    try:
        data = read_bytes(path, root)
        rgb = decode(data, MAX_PIXELS).rgb
        beside = path.with_name(f"{path.stem}.mask.png")
        mask = Place(beside) if beside.is_file() else None
        if mask:
            _labels(read_bytes(beside, root), rgb.shape[:2])
    except BadImage as error:
        return SkippedPicture(name, Problem(error.reason, error.detail))
    known, digest = told.get(name, {}), hashlib.sha256(data).hexdigest()
    return SourcePicture(
        key=os.path.splitext(name)[0],
        scene=digest,
        license=known.get("license") or known.get("licence") or "",
        author=known.get("author") or "",
        source=known.get("source") or name,
        sha256=digest,
        phash=perceptual_hash(rgb),
        width=rgb.shape[1],
        height=rgb.shape[0],
        place=Place(path),
        mask=mask,
    )


def _attribution(table: Path) -> dict[str, dict[str, str]]:
    """Rows of `pictures.csv` by file; empty when there is none."""
    if not table.is_file():
        return {}
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingError(f"{readable(table)} cannot be read: {error}.") from None
    if rows and "file" not in rows[0]:
        raise SettingError(f"{readable(table)} has no column file; it needs file, source, license, author.")
    return {row["file"]: {k: v for k, v in row.items() if k and isinstance(v, str)} for row in rows}


# ---------------------------------------------------------------- bytes


def _bytes(place: Place) -> bytes:
    if place.length is None:
        return read_bytes(place.path, None)
    if place.length > MAX_BYTES:
        raise BadImage(Reason.TOO_MANY_BYTES, f"{place.path.name}: a member of {place.length:,} bytes")
    try:
        with open(place.path, "rb") as file:
            file.seek(place.offset)
            return file.read(place.length)
    except OSError as error:
        raise BadImage(Reason.UNREADABLE, f"{place.path.name}: {error.strerror}") from None


def _labels(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Object labels of a mask file, which is an 8-bit grey PNG."""
    labels = decode_map(data, MAX_PIXELS)
    if labels.shape != shape:
        raise BadImage(Reason.UNDECODABLE, f"the mask is {labels.shape[1]}x{labels.shape[0]}, the picture is not")
    return labels


@functools.lru_cache(maxsize=64)
def read_reduced(picture: SourcePicture, longest: int) -> tuple[np.ndarray, np.ndarray | None]:
    """As `read_picture`, reduced to at most `longest` pixels a side; the last 64 are kept. Not to be written into."""
    rgb, labels = read_picture(picture)
    height, width = reduced_size(rgb.shape[0], rgb.shape[1], longest)
    if (height, width) != rgb.shape[:2]:
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        if labels is not None:
            labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    rgb.setflags(write=False)
    return rgb, labels


def reduced_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(H, W) in pixels after reducing to at most `longest` a side."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
