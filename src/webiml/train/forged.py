"""Forged pairs to learn from: each a pure function of its key, of pictures whose parts are found once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from webiml.forge.forged_pair import ForgedPair
from webiml.forge.objects import find_parts_of, stored_name
from webiml.forge.pair import forge_pair, untouched_picture
from webiml.forge.pictures import SourcePicture, list_pictures
from webiml.runners.cores import one_thread
from webiml.runners.local import run_ordered
from webiml.settings import ForgeSettings
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.samples import Arrays, prepare


@dataclass(frozen=True)
class Forged:
    """Makes the arrays of one forged pair; picklable. A subclass says which, and which settings decide them.

    Attributes:
        images: folders and packs of pictures.
        split: of the pictures, `train` or `val`.
        objects: folder of their parts, as `store_parts` fills it; None to find them anew for each pair.
    """

    images: tuple[Path, ...]
    split: str
    seed: int
    objects: Path | None = None
    only_shippable: bool = True

    def __call__(self, key: str) -> Arrays | None:
        """The arrays of a pair; None for one that is of no use."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, object]:
        """What decides the samples, as it goes into JSON."""
        digest = hashlib.sha256("".join(picture.sha256 for picture in self.pictures).encode()).hexdigest()[:16]
        return {"pictures": digest, "split": self.split, "seed": self.seed}

    @property
    def pictures(self) -> list[SourcePicture]:
        """What is forged from, sorted by key."""
        return _pictures(self.images, self.split, self.only_shippable)

    def generator(self, key: str, use: str) -> np.random.Generator:
        """Chance for one use of one key, whatever else is drawn."""
        seed = hashlib.sha256(f"{self.seed}/{key}/{use}".encode()).digest()
        return np.random.default_rng(np.frombuffer(seed, np.uint64))

    def forge(self, key: str, size: int, kinds: str) -> ForgedPair:
        """The pair of `key`, of pictures whose longest side is `size` pixels before the web."""
        settings = ForgeSettings(seed=self.seed, size=size, kinds=kinds)
        return forge_pair(key, self.pictures, settings, objects=self.objects)

    def untouched(self, key: str, size: int) -> np.ndarray:
        """The authentic picture of `key`, (H, W, 3) uint8, of at most `size` pixels a side before the web."""
        return untouched_picture(key, self.pictures, ForgeSettings(seed=self.seed, size=size), objects=self.objects)


def prepare_forged(
    maker: Callable[..., Forged],
    images: Sequence[Path],
    folder: Path,
    pairs: Mapping[str, int],
    *,
    seed: int,
    workers: int,
    quiet: bool = False,
    objects: Path | None = None,
) -> dict[str, list[str]]:
    """Make so many pairs of each split in FOLDER/<split>, or go on there; the keys of each split that have a sample.

    Args:
        maker: a kind of `Forged`, or what makes one of images, split, seed and objects.
        objects: folder of the pictures' parts, which several kinds of samples may share; FOLDER/objects without it.
    """
    keys, objects = {}, objects or folder / "objects"
    for split, count in pairs.items():
        make = maker(tuple(images), split, seed, objects)
        store_parts(make.pictures, objects, workers)
        wanted = [f"{split}-{i:05d}" for i in range(count)]
        keys[split] = prepare(make, wanted, folder / split, make.settings, workers, quiet=quiet)
    return keys


def store_parts(pictures: Sequence[SourcePicture], folder: Path, workers: int) -> None:
    """Find the parts of every picture once and keep them in `folder`; finding them anew for each pair costs more."""
    make_folder(folder)
    todo = [picture for picture in pictures if not (folder / stored_name(picture)).exists()]
    for picture, parts in run_ordered(find_parts_of, todo, workers, one_thread):
        if isinstance(parts, bytes):
            write_bytes(folder / stored_name(picture), parts)


@cache
def _pictures(images: tuple[Path, ...], split: str, only_shippable: bool) -> list[SourcePicture]:
    return list_pictures(images, split=split, only_shippable=only_shippable)
