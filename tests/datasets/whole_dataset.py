"""A small dataset in which everything fits: pictures, maps, hashes and numbers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from webiml import __version__
from webiml.evidence.judge import Drawn, annotated, judge
from webiml.images.codec import encode_png
from webiml.settings import AnnotatorSettings
from webiml.store.dataset import settings_digest
from webiml.store.dataset_writer import DatasetWriter
from webiml.types import Finished, Kind, Row

SETTINGS: dict[str, Any] = {"method": "prior", "min_qes": 0.5}
HEIGHT, WIDTH = 20, 28


def picture(number: int) -> bytes:
    """A PNG that no other number has."""
    return encode_png(np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))


def levels(number: int) -> np.ndarray:
    """(HEIGHT, WIDTH) uint8: a sure square with a doubtful rim; every number up to 27 has another one."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[1:12, : 2 + number % 27] = 100
    drawn[2:11, : 1 + number % 27] = 255
    return drawn


def kept(number: int, authentic: int | None = None, **changes: Any) -> Finished:
    """Pair `number`, kept; `authentic` is the number of its authentic picture, its own by default."""
    pictures = picture(1000 + (number if authentic is None else authentic)), picture(number)
    found = judge(Kind.SPG, 0.9, Drawn(levels(number), np.eye(3), 0.0), AnnotatorSettings(min_qes=0.5))
    row = Row(
        key=f"pair-{number}",
        name=f"Pair {number}",
        status="failed",
        height=HEIGHT,
        width=WIDTH,
        authentic_sha256=hashlib.sha256(pictures[0]).hexdigest(),
        manipulated_sha256=hashlib.sha256(pictures[1]).hexdigest(),
        license="CC0",
        author=f"Author {number}",
        weights="",
    )
    files = {
        "authentic.png": pictures[0],
        "manipulated.png": pictures[1],
        "mask.png": encode_png(np.where(levels(number) >= 128, 255, 0).astype(np.uint8)),
        "probability.png": encode_png(levels(number)),
    }
    return Finished(replace(annotated(row, found, ""), **changes), files)


def rejected(number: int, **changes: Any) -> Finished:
    """Pair `number`, of an uncertain kind, with what the other segmenter drew."""
    one = kept(number, status="rejected", reason="low_qes", alternative_kind="SDG", **changes)
    return replace(one, files=one.files | {"alternative.png": encode_png(levels(number)[::-1].copy())})


def failed(number: int, **changes: Any) -> Finished:
    """Pair `number`, which was not found."""
    row = Row(key=f"pair-{number}", name=f"Pair {number}", status="failed", reason="not_found", detail="gone")
    return Finished(replace(row, **changes))


def write_whole(
    path: Path, pairs: list[Finished], format: str = "folder", settings: dict[str, Any] = SETTINGS, **more: Any
) -> Path:
    """The dataset of these pairs."""
    with DatasetWriter.open(
        path,
        format=format,  # type: ignore[arg-type]
        shard_pairs=2,
        settings=settings,
        settings_hash=settings_digest(settings),
        package_version=__version__,
    ) as writer:
        for one in pairs:
            writer.add(one, **more)
        writer.finish()
    return path
