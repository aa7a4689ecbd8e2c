"""A small dataset of real pictures with exact maps, for tests of what is made of a dataset."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from webiml.images.codec import encode_png
from webiml.store.dataset_writer import DatasetWriter
from webiml.types import Finished, Row

SETTINGS: dict[str, Any] = {"method": "prior", "min_qes": 0.5, "weights": {}}
HEIGHT, WIDTH = 48, 64  # as the pictures of tests/collect/web_server.py
TURNED = 6  # EXIF: to be shown rotated


def picture(seed: int, format: str = "PNG", size: tuple[int, int] = (HEIGHT, WIDTH), orientation: int = 0) -> bytes:
    """File bytes of a picture that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **({"exif": exif} if orientation else {}))
    return file.getvalue()


def levels(number: int) -> np.ndarray:
    """(HEIGHT, WIDTH) uint8: a certain rectangle with a doubtful rim; every number has another one."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[3:14, 2 : 10 + number] = 100
    drawn[4:12, 3 : 9 + number] = 255
    return drawn


def finished(number: int, **changes: Any) -> Finished:
    """Pair `number`: kept, with addresses and licences; pairs 0 and 1 share their authentic picture."""
    authentic = changes.pop("authentic", None) or picture(1000 + max(number, 1), "JPEG")
    manipulated = changes.pop("manipulated", None) or picture(number, "PNG")
    drawn = levels(number)
    key = f"pair-{number}"
    row = Row(
        key=key,
        name=f"Pair {number}",
        status="kept",
        kind="SPG" if number % 2 else "SDG",
        kind_confidence=0.9,
        kind_probabilities=[0.9, 0.1, 0.0, 0.0],
        transform=[1.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        qes=float((drawn >= 240).sum() / (drawn >= 16).sum()),
        mask_area=float((drawn >= 128).mean()),
        components=1,
        height=HEIGHT,
        width=WIDTH,
        authentic_sha256=hashlib.sha256(authentic).hexdigest(),
        manipulated_sha256=hashlib.sha256(manipulated).hexdigest(),
        source="a forum",
        license="CC BY 4.0",
        author=f"Author {number}",
        authentic_url=f"https://example.org/authentic/{max(number, 1)}.jpg",
        manipulated_url=f"https://example.org/manipulated/{number}.png",
        weights="",
        extra={"authentic_author": "A Photographer", "authentic_license": "CC0", "score": str(number)},
    )
    files = {
        "authentic.jpg": authentic,
        "manipulated.png": manipulated,
        "mask.png": encode_png(np.where(drawn >= 128, 255, 0).astype(np.uint8)),
        "probability.png": encode_png(drawn),
    }
    if changes.pop("alternative", False):
        files["alternative.png"] = encode_png(drawn[::-1].copy())
        changes |= {"alternative_kind": "SDG", "alternative_unknown_fraction": 0.25}
    for name in changes.pop("without", ()):
        del files[name]
    return Finished(Row(**{**{n: getattr(row, n) for n in row.__slots__}, **changes}), files)


def usual() -> list[Finished]:
    """Three kept pairs, a rejected one with maps and another map, a rejected one without maps, a failed one."""
    nothing = {"qes": None, "mask_area": None, "components": None, "without": ("mask.png", "probability.png")}
    return [
        *(finished(number) for number in range(3)),
        finished(3, status="rejected", reason="low_qes", alternative=True),
        finished(4, status="rejected", reason="identical", kind="identical", **nothing),
        Finished(Row(key="pair-5", name="Pair 5", status="failed", reason="not_found", detail="gone")),
    ]


def write_pictured(path: Path, pairs: list[Finished] | None = None, format: str = "folder") -> Path:
    """The dataset of `pairs`, or the usual one."""
    with DatasetWriter.open(
        path,
        format=format,  # type: ignore[arg-type]
        shard_pairs=2,
        settings=SETTINGS,
        settings_hash="0" * 16,
        package_version="1.2.3",
    ) as writer:
        for one in usual() if pairs is None else pairs:
            writer.add(one)
        writer.finish()
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the working state, by relative name."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def pixels(data: bytes) -> np.ndarray:
    """A picture's numbers as they lie in the file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
