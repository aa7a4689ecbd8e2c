"""What is scored: one picture and its truth, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from webiml.errors import BadImage
from webiml.evaluate.benchmarks.databases import Entry, read_entry
from webiml.images.decode import decode_published
from webiml.images.read import read_bytes
from webiml.store.dataset import Role, read_member
from webiml.types import Problem, Reason, Row


@dataclass(frozen=True, slots=True)
class Member:
    """A picture or a mask inside one of our own datasets, of either shape."""

    dataset: Path
    row: Row
    role: Role


_CHANNEL = {"red": 0, "green": 1}

Source = Path | Member | Entry
"""Where bytes come from."""


@dataclass(frozen=True, slots=True)
class MaskRule:
    """How a published mask file becomes (H, W) bool.

    Attributes:
        above: levels above it, 0 to 254, count as bright.
        inverted: what is manipulated is dark, not bright.
        channel: grey looks at the luminance; green and red at one colour of masks that are drawings.
    """

    above: int = 127
    inverted: bool = False
    channel: Literal["grey", "red", "green"] = "grey"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture to score, as it was listed: nothing has been opened yet.

    Attributes:
        key: safe as a file name, unique in its benchmark.
        name: the picture's path relative to the benchmark, or the table's own key; valid UTF-8.
        image: the picture.
        mask: the truth; None for an authentic picture, in which there is nothing to find.
        group: what it shares sources with, such as `component`: drawn together by a bootstrap; empty: on its own.
        kind: how it was made, such as splice; empty where nobody says.
        authentic: the authentic pictures that it was made from, as far as the benchmark has them.
        problem: why it cannot be scored; it still becomes a row.
        root: a file whose real path leaves this folder is refused; None: any path is allowed.
    """

    key: str
    name: str
    image: Source
    mask: Source | None = None
    group: str = ""
    kind: str = ""
    authentic: tuple[Source, ...] = ()
    problem: Problem | None = None
    root: Path | None = None

    @property
    def manipulated(self) -> bool:
        """Whether there is something to find."""
        return self.mask is not None


@dataclass(frozen=True, slots=True)
class Expected:
    """How many pictures a benchmark is known to hold, and who says so; None where no source was read."""

    manipulated: int | None = None
    authentic: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is scored together.

    Attributes:
        name: as a person says it, such as casia-v1; title: for a table.
        layout: the layout that was found, in a few words; verified: whether its source was read.
        items: in the order of their keys. ignored: files in the folder that are no part of it, relative, sorted.
        expected: counts to compare with. notes: what is known to be wrong with the set, for a person.
        spec: what `read_benchmark` takes to find it again from any folder; empty of one that was put together by hand.
    """

    name: str
    title: str
    root: Path
    items: tuple[Item, ...]
    layout: str
    verified: bool = True
    expected: Expected = Expected()
    rule: MaskRule = MaskRule()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    spec: str = ""


def read_source(source: Source, root: Path | None = None) -> bytes:
    """The bytes of a picture or a mask.

    Raises:
        BadImage: they cannot be read.
    """
    if isinstance(source, Member):
        return read_member(source.dataset, source.row, source.role)
    if isinstance(source, Entry):
        return read_entry(source)
    return read_bytes(source, root)


def read_truth(item: Item, rule: MaskRule, max_pixels: int) -> np.ndarray:
    """(H, W) bool of a manipulated item's mask, True where manipulated; the picture's size is not looked at.

    Raises:
        BadImage: it cannot be read or decoded.
    """
    if item.mask is None:
        raise BadImage(Reason.NOT_FOUND, f"{item.name} has no mask")
    rgb = decode_published(read_source(item.mask, item.root), max_pixels)
    levels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if rule.channel == "grey" else rgb[..., _CHANNEL[rule.channel]]
    bright = levels > rule.above
    return ~bright if rule.inverted else bright
