"""Where the labels of a picture's objects come from when no `<name>.mask.png` lies beside it.

Labels are (H, W) uint8, 0 background, 1..n objects. They are drawn once, stored as PNG, and then read as any others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.forge.coco import CocoPicture, draw_labels, find_picture, read_coco
from webiml.forge.named import function_named
from webiml.forge.objects import stored_name
from webiml.forge.pictures import Place, SkippedPicture, SourcePicture, read_picture
from webiml.images.codec import encode_png
from webiml.images.read import readable
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.store.atomic import make_folder, sweep, write_bytes
from webiml.types import Problem, Reason

Labeller = Callable[[SourcePicture], np.ndarray]
"""Picture -> its labels (H, W) uint8; picklable. Raises BadImage for a picture of which it cannot say any."""


class InstanceMasks(Protocol):
    """A source of labels."""

    @property
    def name(self) -> str:
        """What decides the labels; kept with a folder of forged pairs, which is resumed with no other."""
        ...

    def labellers(self, pictures: Sequence[SourcePicture]) -> dict[str, Labeller]:
        """What draws the labels of each picture that is known here, by key; it may be called in another process.

        Raises SettingError: nothing is known of any picture, or not for sure.
        """
        ...


@dataclass(frozen=True, slots=True)
class CocoMasks:
    """Labels from a COCO annotation file, `CocoMasks.read(path)`; a picture is known by its `file_name`."""

    path: Path
    name: str
    pictures: dict[str, CocoPicture]

    @classmethod
    def read(cls, path: Path) -> CocoMasks:
        """Raises SettingError: it is no such file."""
        pictures, digest = read_coco(path)
        return cls(path, f"coco:{digest[:16]}", pictures)

    def labellers(self, pictures: Sequence[SourcePicture]) -> dict[str, Labeller]:
        """Of the pictures of which the file lists an object."""
        found: dict[str, Labeller] = {}
        taken: dict[str, SourcePicture] = {}
        for one in pictures:
            packed = one.place.length is not None
            known = find_picture(
                self.pictures, PurePosixPath(f"{one.key}.jpg" if packed else one.place.path.as_posix())
            )
            if known is None:
                continue
            if taken.setdefault(known.name, one).sha256 != one.sha256:
                raise SettingError(
                    f"--coco {readable(self.path)}: {known.name!r} may be {taken[known.name].key} or {one.key}; give "
                    "one of their folders alone, or a file_name with its folder."
                )
            if known.objects:
                found[one.key] = partial(_drawn, known)
        if pictures and not taken:
            raise SettingError(f"--coco {readable(self.path)} lists none of the pictures; does its file_name fit them?")
        return found


@dataclass(frozen=True, slots=True)
class FunctionMasks:
    """Labels from a function (rgb (H, W, 3) uint8) -> labels (H, W) of whole numbers, 0 background, 1..n objects.

    Attributes: function: `package.module:function`.
    """

    function: str

    @property
    def name(self) -> str:
        """As in InstanceMasks."""
        return f"function:{self.function}"

    def labellers(self, pictures: Sequence[SourcePicture]) -> dict[str, Labeller]:
        """Of every picture."""
        return {one.key: partial(_asked, self.function) for one in pictures}


def load_labels(function: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function that `package.module:function` names.

    Raises:
        SettingError: it cannot be imported or is no function.
    """
    return function_named(function, "--labels", "rgb")


def store_labels(
    pictures: Sequence[SourcePicture], masks: InstanceMasks, folder: Path, workers: int = 1
) -> tuple[list[SourcePicture], list[SkippedPicture]]:
    """Give the pictures that have no labels yet those of `masks`, stored in `folder`; what is there is not drawn again.

    Returns:
        The pictures, with their labels where there are any; and those of which the labels are broken, which cannot be
        used: their objects would be taken for ground.
    Raises:
        OutputError: `folder` cannot be written.
        SettingError: `masks` does not fit the pictures.
    """
    labellers = masks.labellers([one for one in pictures if one.mask is None])
    make_folder(folder)
    sweep(folder)
    known = [one for one in pictures if one.key in labellers]
    todo = [(one, labellers[one.key]) for one in known if not (folder / stored_name(one)).exists()]
    broken: dict[str, SkippedPicture] = {}
    with closing(run_ordered(_labelled, todo, max(1, workers), one_thread)) as results:
        for (picture, _), result in results:
            if isinstance(result, bytes):
                write_bytes(folder / stored_name(picture), result)
                continue
            problem = Problem(Reason.INTERNAL_ERROR, result.detail[:300]) if isinstance(result, Crashed) else result
            broken[picture.key] = SkippedPicture(picture.key, problem)
    labelled = {one.key: replace(one, mask=Place(folder / stored_name(one))) for one in known}
    return [labelled.get(one.key, one) for one in pictures if one.key not in broken], list(broken.values())


# ---------------------------------------------------------------- in the workers


def _labelled(item: tuple[SourcePicture, Labeller]) -> bytes | Problem:
    picture, labeller = item
    try:
        return encode_png(labeller(picture))
    except BadImage as error:
        return Problem(error.reason, error.detail)


def _drawn(known: CocoPicture, picture: SourcePicture) -> np.ndarray:
    return draw_labels(known, picture.width, picture.height)


def _asked(function: str, picture: SourcePicture) -> np.ndarray:
    labels = np.asarray(load_labels(function)(read_picture(picture)[0]))
    if labels.shape != (picture.height, picture.width) or labels.dtype.kind not in "biu":
        raise BadImage(
            Reason.UNDECODABLE,
            f"--labels {function} gave {labels.dtype} {labels.shape} for a picture of "
            f"{(picture.height, picture.width)}; it must give whole numbers, one a pixel",
        )
    if labels.min() < 0 or labels.max() > 255:
        raise BadImage(Reason.UNDECODABLE, f"--labels {function} gave a label outside of 0 to 255")
    return labels.astype(np.uint8)
