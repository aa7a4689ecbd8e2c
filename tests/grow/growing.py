"""A small growing dataset: links in a JSON file that a reader of our own reads, and pictures of noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.datasets.stub_annotator import SIZE, RandomAnnotator

from webiml.grow.run import Grown, grow
from webiml.settings import AnnotateRun, AnnotatorSettings, CollectRun, CollectSettings
from webiml.settings.grow import GrowSettings
from webiml.types import Link

READER = f"{__name__}:links"


def links(path: Path) -> Iterator[Link]:
    """The links of links.json: group, role, name, file and author of each."""
    for group, role, name, file, author in json.loads(path.read_text()):
        yield Link(name, group, role, path=path.parent / file, author=author, license="CC0-1.0")


class Folder:
    """A folder with a source, to which pairs are added, and what grows of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures = folder / "pictures"
        self.pictures.mkdir(parents=True)
        self.rows: list[tuple[str, str, str, str, str]] = []

    def picture(self, seed: int) -> str:
        """A picture that no other seed gives; its name below the folder."""
        name = f"pictures/{seed}.png"
        if not (self.folder / name).exists():
            coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(self.folder / name)
        return name

    def add(self, group: str, name: str, authentic: int, manipulated: int, author: str = "Ann") -> None:
        """One more pair in the source; equal numbers are equal pictures."""
        self.rows.append((group, "authentic", f"{group} original", self.picture(authentic), author))
        self.rows.append((group, "manipulated", name, self.picture(manipulated), author))
        (self.folder / "links.json").write_text(json.dumps(self.rows))

    def settings(self, **changes: Any) -> GrowSettings:
        values: dict[str, Any] = {
            "source": str(self.folder / "links.json"),
            "store": str(self.folder / "store"),
            "generations": self.generations,
            "collect": CollectSettings(contact="tests@example.org"),
            "collect_run": CollectRun(reader=READER),
            "annotate": AnnotatorSettings(method="prior"),
            "annotate_run": AnnotateRun(workers=1, pictures=False),
        }
        return GrowSettings(**{**values, **changes})

    @property
    def generations(self) -> Path:
        return self.folder / "generations"

    def grow(self, **changes: Any) -> Grown:
        return grow(self.settings(**changes), annotator=RandomAnnotator)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder: bytes and time of the last change."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
