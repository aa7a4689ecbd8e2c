"""Small places that pictures are taken out of: a dataset in both shapes, a store of two generations, exports.

Bob asks that his picture goes. It is in pair `a` and in the failed row `F` under his name, and in pair `c` under
Dora's: the same bytes. Pair `b` shares its authentic picture with `a`; pair `d` has nothing to do with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from webiml.images.codec import encode_png
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import Place, open_place
from webiml.types import Finished, Link, LinkRow, Row

SETTINGS: dict[str, Any] = {"method": "prior", "min_qes": 0.5, "max_megapixels": 200.0}
SIZE = 16


def picture(number: int) -> bytes:
    """A PNG that no other number has."""
    noise = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3))
    return encode_png(noise.astype(np.uint8))


def sha256(number: int) -> str:
    return hashlib.sha256(picture(number)).hexdigest()


BOBS = 1  # the number of Bob's picture
URL, PAGE = "https://example.org/bobs-picture.png", "https://example.org/bobs-page"
TRACES = [picture(BOBS), sha256(BOBS).encode(), b"bob", b"dora", b"bobs-picture", b"bobs-page"]
"""What must not be found in any file afterwards, upper and lower case aside."""

PAIRS: dict[str, tuple[int, int, str, str]] = {  # key: numbers of the pictures, author, manipulated_url
    "a": (0, BOBS, "Bob", URL),
    "b": (0, 2, "Carol", "https://example.org/2.png"),
    "c": (3, BOBS, "Dora", "https://example.org/bobs-picture-again.png"),
    "d": (4, 5, "Erin", "https://example.org/5.png"),
}


def finished(key: str) -> Finished:
    """A pair of the table above; F is one that failed."""
    if key == "F":
        extra = {"group": "gF", "manipulated_page": PAGE}
        row = Row(key=key, name="bobs-picture no. 2", status="failed", reason="not_found", author=" bob ", extra=extra)
        return Finished(row)
    authentic, manipulated, author, url = PAIRS[key]
    level = np.zeros((SIZE, SIZE), np.uint8)
    level[2:6, 2 : 3 + ord(key) % 7] = 255
    row = Row(
        key=key,
        name=f"{author}'s {key}",
        status="kept",
        kind="SPG",
        kind_confidence=0.9,
        qes=1.0,
        mask_area=float((level > 0).mean()),
        components=1,
        height=SIZE,
        width=SIZE,
        authentic_sha256=sha256(authentic),
        manipulated_sha256=sha256(manipulated),
        source="tests",
        license="CC0-1.0",
        author=author,
        authentic_url=f"https://example.org/{authentic}.png",
        manipulated_url=url,
        extra={"group": f"g{authentic}", "manipulated_page": PAGE if key == "a" else "https://example.org/page"},
    )
    files = {"authentic.png": picture(authentic), "manipulated.png": picture(manipulated)}
    return Finished(row, {**files, "mask.png": encode_png(level), "probability.png": encode_png(level)})


def open_dataset(path: Path, shape: str) -> Any:
    return DatasetWriter.open(
        path,
        format=shape,  # type: ignore[arg-type]
        shard_pairs=2,
        settings=SETTINGS,
        settings_hash="0" * 16,
        package_version="1",
    )


def make_dataset(path: Path, shape: str, keys: str = "abcdF", *, finish: bool = True) -> None:
    """A dataset of these pairs; two pairs a tar. With shards `a` and `b` share one, and `c` and `d`."""
    with open_dataset(path, shape) as writer:
        for key in keys:
            writer.add(finished(key))
        if finish:
            writer.finish()


LINKS: list[tuple[Link, int | None]] = [  # and the number of the picture that it brought
    (Link("0", "g0", "authentic", "https://example.org/0.png", author="Ann"), 0),
    (Link("bobs-picture", "g0", "manipulated", URL, author="Bob", page=PAGE), BOBS),
    (Link("2", "g0", "manipulated", "https://example.org/2.png", author="Carol"), 2),
    (Link("3", "g3", "authentic", "https://example.org/3.png"), 3),
    (Link("doras", "g3", "manipulated", "https://example.org/bobs-picture-again.png", author="Dora"), BOBS),
    (Link("bobs-gone", "g3", "manipulated", "https://example.org/bobs-picture-gone.png", author="BOB"), None),
]


def link_row(link: Link, number: int | None, status: str = "fetched") -> LinkRow:
    """What became of a link that brought a picture, or none."""
    row = LinkRow(
        *(link_id(link), link.name, link.group, link.role, link.url),
        status=status if number is not None else "failed",
        reason=None if number is not None else "gone",
        attempts=1,
        author=link.author or None,
        page=link.page or None,
        fetched_at="2026-01-02T03:04:05Z",
        extra={"score": "7"},
    )
    if number is None:
        return row
    known = {"sha256": sha256(number), "bytes": len(picture(number)), "path": picture_name(sha256(number), ".png")}
    return LinkRow(**{**{name: getattr(row, name) for name in row.__slots__}, **known})


def make_store(where: Path | Place) -> None:
    """A store of two generations, and a third that is under way; Bob's picture is in all of them."""
    place = open_place(where)
    with LinkWriter.open(place) as writer:
        for at, (link, number) in enumerate(LINKS):
            writer.add(at, link_row(link, number), None if number is None else picture(number))
        writer.finish()
    with LinkWriter.open(place) as writer:
        writer.add(0, link_row(LINKS[1][0], BOBS, "unchanged"))
        writer.add(1, link_row(LINKS[4][0], None))  # Dora's was gone
        other = Link("8", "g0", "manipulated", "https://example.org/8.png")
        writer.add(2, link_row(other, 8), picture(8))
        writer.finish()
    with LinkWriter.open(place) as writer:
        new = Link("bobs-new", "g8", "manipulated", "https://example.org/bobs-picture-new.png", author="Bob")
        writer.add(0, link_row(new, 6), picture(6))
        writer.add(1, link_row(Link("9", "g8", "authentic", "https://example.org/9.png"), 9), picture(9))
        writer.checkpoint()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks, by its name."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != "lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def traces(folder: Path, sought: list[bytes] = TRACES) -> list[str]:
    """Where anything of these is still found: in the bytes of any file, also in the cells of tables."""
    found = []
    for name, data in contents(folder).items():
        if name.endswith(".parquet"):
            table = pq.read_table(folder / name)
            data += repr([record for record in table.to_pylist()]).encode()
        found += [f"{name}: {trace[:40]!r}" for trace in sought if trace.lower() in data.lower()]
    return found
