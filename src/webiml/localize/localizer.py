"""The localizer: one picture of any size in, where it was manipulated out."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from webiml.errors import BadImage, BadMap, SettingError, WebimlError
from webiml.geometry.looks import looks, mean_look
from webiml.geometry.maps import log_odds, sigmoid
from webiml.images.decode import MIN_SIDE, decode, from_pillow
from webiml.images.draw import thumbnail
from webiml.images.read import read_bytes
from webiml.localize.hub import KIND, find
from webiml.localize.tiles import FLOOR, look_at, mean_score
from webiml.nets import weights
from webiml.types import THUMBNAIL_SIDE, Localization, Reason

if TYPE_CHECKING:
    from webiml.nets.weights import Net

SHIPPED = "web-iml"
MAX_PIXELS = 200_000_000  # a file with more is refused before it is decoded
VIEWS = (np.s_[:, :], np.s_[:, ::-1], np.s_[::-1])  # as it is, mirrored left to right, upside down


class Localizer:
    """A network that says of one picture where it was manipulated. It may be used from several threads.

    Attributes:
        name: as a person says it. digest: SHA-256 of its file, hex. card: what is known about it (docs/training.md).
        threshold: what counts as manipulated begins at this probability.
        enlargement: small pictures are looked at a second time, so many times larger; 1 leaves that out.
    """

    def __init__(self, net: Net, card: Mapping[str, Any], name: str) -> None:
        self._net, self.card, self.name = net, card, name
        self.digest = str(card["onnx_sha256"])
        self.threshold = _number(card, "threshold", 0.5, 0, 1)
        self.enlargement = _number(card, "enlargement", 1, 1, 4)

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = SHIPPED,
        *,
        revision: str | None = None,
        download: bool = False,
        threads: int | None = None,
    ) -> Localizer:
        """Open a localizer, after its file has been compared with its card.

        Args:
            name_or_path: one that ships, an .onnx file that `webiml export` made or the folder that holds it, or
                `owner/repository` on the Hugging Face Hub.
            revision: the commit on the Hub, 40 hex digits. download: get it from there; else no network is used.
            threads: that the network may use; None takes as many as OpenCV may use here.
        Raises:
            SettingError: there is no such localizer, or it is a network of another kind.
            WebimlError: its file or card is missing or damaged, or cannot be downloaded or run.
        """
        place = find(name_or_path, revision=revision, download=download)
        card = weights.card(place.stem, place.folder)
        if card.get("kind") != KIND:
            raise SettingError(f"{name_or_path} is a network, but not a localizer: its card says no `kind` {KIND}.")
        net = weights.load(place.stem, place.folder, threads)
        if net.inputs != ("picture",) or not {"probability", "confidence", "score"} <= set(net.outputs):
            raise WebimlError(f"{name_or_path} does not take and give what a localizer does; export it again.")
        return cls(net, card, place.name)

    def localize(self, image: str | os.PathLike[str] | Image.Image | np.ndarray, *, views: int = 1) -> Localization:
        """Where a picture was manipulated, at its own size; a large one is looked at in tiles, a small one twice.

        Args:
            image: a file, upright as its EXIF says; a PIL image of any mode, as its pixels lie; or a uint8 array, RGB
                (H, W, 3), RGBA (H, W, 4) or grey (H, W). Transparency is laid on white.
            views: how many views are averaged: 1 as it is, 2 its mirror image, too, 3 and upside down.
        Raises:
            BadImage: the file cannot be read or decoded, or a side has less than 16 pixels.
            BadMap: something else was given. SettingError: another number of views.
        """
        if views not in range(1, len(VIEWS) + 1):
            raise SettingError(f"views must be 1, 2 or 3, got {views}.")
        rgb = to_rgb(image)
        probability, confidence, score = look_at(lambda part: self.look(part, views), rgb)
        return Localization(probability, confidence, score, self.threshold, thumbnail(rgb, THUMBNAIL_SIDE))

    def look(self, rgb: np.ndarray, views: int = 1) -> tuple[np.ndarray, np.ndarray, float]:
        """What the network says of a whole picture (H, W, 3) uint8: probability, confidence (H, W) float32, score.

        Of several views, and of the two sizes of a small picture, it is the mean of log-odds.
        """
        found = [[self._run(one) for one in looks(rgb[view], self.enlargement)] for view in VIEWS[:views]]
        if views == 1 and len(found[0]) == 1:
            return found[0][0]

        def mean(maps: list[list[np.ndarray]]) -> np.ndarray:
            each = [mean_look([log_odds(one, FLOOR) for one in runs]) for runs in maps]
            return sigmoid(np.stack([one[view] for view, one in zip(VIEWS, each, strict=False)]).mean(axis=0))

        probability = [[run[0] for run in runs] for runs in found]
        confidence = [[run[1] for run in runs] for runs in found]
        return mean(probability), mean(confidence), mean_score([run[2] for runs in found for run in runs])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return importlib.import_module("webiml.report.notebook").localizer_html(self)  # it lies above this room

    def _run(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        found = self._net.all(picture=rgb[None])
        return found["probability"][0], found["confidence"][0], float(found["score"][0])


def _number(card: Mapping[str, Any], name: str, usual: float, least: float, most: float) -> float:
    """What a card, which may come from anyone, says of `name`."""
    value = card.get(name, usual)
    if not isinstance(value, int | float) or not least <= value <= most:
        raise WebimlError(
            f"The card of this localizer says {name} {value!r}, which is no number from {least} to {most}."
        )
    return float(value)


def to_rgb(image: str | os.PathLike[str] | Image.Image | np.ndarray, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """(H, W, 3) uint8 of what `Localizer.localize` takes; raises as it does."""
    if isinstance(image, (str, os.PathLike)):
        return decode(read_bytes(Path(image), None), max_pixels).rgb
    if isinstance(image, np.ndarray):
        return _array_to_rgb(image)
    if isinstance(image, Image.Image):
        return from_pillow(image)
    raise BadMap(f"A picture is a path, a PIL image or a uint8 array, got {type(image).__name__}.")


def _array_to_rgb(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8:
        raise BadMap(f"The numbers of a picture are uint8, 0 to 255, got {array.dtype}; convert them first.")
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4):
        raise BadMap(f"A picture is RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W), got {array.shape}.")
    height, width, channels = array.shape
    if min(height, width) < MIN_SIDE:
        raise BadImage(Reason.TOO_SMALL, f"{width}x{height} pixels, each side needs at least {MIN_SIDE}")
    if channels == 3:
        return np.ascontiguousarray(array)
    return from_pillow(Image.fromarray(array))
