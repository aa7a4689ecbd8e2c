"""Where the maps that are scored come from: a localizer, a network or a function of one's own.

A map is made once. The cache holds it by the SHA-256 of the picture's bytes, in a folder that is named by what made it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from webiml.errors import BadImage, BadMap, SettingError
from webiml.forge.named import function_named
from webiml.images.codec import decode_map, encode_png, to_8bit
from webiml.settings import EvaluateSettings
from webiml.store.atomic import make_folder, output_error, write_bytes
from webiml.types import Localization

CACHE_VERSION = 1  # raise it when equal settings give other maps
_TRIED = (64, 128)  # height and width of the picture that a network of one's own is tried on


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """What is scored of one picture: (H, W) uint8, the stored probability; the picture's score, None without one.

    Attributes: note: what was noticed while reading a saved map, words for a person.
    """

    levels: np.ndarray
    score: float | None = None
    note: str = ""


Look = Callable[[np.ndarray], Map]
"""Of a picture (H, W, 3) uint8 RGB its map, of the same size."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes maps.

    Attributes:
        name: as a person says it. load: opens it for so many threads; picklable, called in each worker process.
        made_by: all that decides its maps; empty where nobody can know, then no map of an earlier run is used.
        digest: of its weights, hex; empty where nobody can know.
        weights: name of the localizer whose table of training pictures is looked into; empty: there is none.
    """

    name: str
    load: Callable[[int], Look]
    made_by: str = ""
    digest: str = ""
    weights: str = ""


def maker_of(settings: EvaluateSettings, *, download: bool = False) -> Maker:
    """What --weights or --net names.

    Raises:
        SettingError: there is no such thing, or it does not give maps.
    """
    if settings.net:
        look, digest = _own(settings.net)
        _try(settings.net, look)
        made_by = f"{settings.net}|{digest}" if digest else ""
        return Maker(settings.net, partial(_load_own, settings.net), made_by, digest)
    from webiml.localize.hub import find
    from webiml.nets import weights

    revision = settings.revision or None
    place = find(settings.weights, revision=revision, download=download)
    digest = weights.digest(place.stem, place.folder)
    load = partial(_load_localizer, settings.weights, revision, settings.views)
    return Maker(place.name, load, f"{digest}|views {settings.views}", digest, settings.weights)


def cache_folder(given: Path | None) -> Path:
    """Where maps are kept: the folder given, else that of this user."""
    if given is not None:
        return given
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "webiml" / "maps"


@dataclass(frozen=True, slots=True)
class MapCache:
    """Maps on disk: <folder>/<digest of what made them>/<first two digits>/<SHA-256 of the picture>.png and .json."""

    folder: Path

    @classmethod
    def of(cls, root: Path, made_by: str) -> MapCache:
        """The maps of what `made_by` says in full: network, settings, and what was done to the pictures."""
        text = f"{CACHE_VERSION}|{made_by}"
        return cls(root / hashlib.sha256(text.encode()).hexdigest()[:32])

    def get(self, sha256: str, max_pixels: int) -> Map | None:
        """The map of the picture with that hash; None when it is not there, or not whole."""
        path = self._path(sha256)
        try:
            known = json.loads(path.with_suffix(".json").read_bytes())  # written last
            levels = decode_map(path.read_bytes(), max_pixels)
            score = known["score"]
            if list(levels.shape) == known["size"] and (score is None or isinstance(score, float)):
                return Map(levels, score)
        except (OSError, ValueError, KeyError, TypeError, BadImage):
            pass
        return None

    def put(self, sha256: str, found: Map) -> None:
        """Keep a map.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._path(sha256)
        make_folder(path.parent)
        known = {"score": found.score, "size": list(found.levels.shape)}
        for place, data in ((path, encode_png(found.levels)), (path.with_suffix(".json"), json.dumps(known).encode())):
            mine = place.with_name(f".{os.getpid()}-{place.name}")  # another run may be writing the same map
            write_bytes(mine, data)
            try:
                os.replace(mine, place)
            except OSError as error:
                raise output_error(error, place) from error

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.png"


def stretched(look: Look, side: int) -> Look:
    """The same on the picture stretched to a square, whose map it gives."""

    def look_at_square(rgb: np.ndarray) -> Map:
        return look(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_LINEAR))

    return look_at_square


def _load_localizer(weights: str, revision: str | None, views: int, threads: int) -> Look:
    from webiml.localize.localizer import Localizer

    localizer = Localizer.load(weights, revision=revision, threads=threads)

    def look(rgb: np.ndarray) -> Map:
        found = localizer.localize(rgb, views=views)
        return Map(to_8bit(found.probability), float(found.score))

    return look


def _load_own(name: str, threads: int) -> Look:
    look = _own(name)[0]
    if "torch" in sys.modules:  # imported by the user's module just now
        sys.modules["torch"].set_num_threads(threads)
    return look


def _own(name: str) -> tuple[Look, str]:
    """What the function of the user's own made, as something that looks at pictures, and its digest."""
    if not all(name.partition(":")):
        raise SettingError(f"--net must look like package.module:factory, got {name!r}.")
    factory = function_named(name, "--net", "")
    try:
        made = factory()
    except TypeError as error:
        raise SettingError(
            f"--net {name} must be a function without arguments that gives a network or a function of pictures "
            f"({error})."
        ) from None
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.nn.Module):
        from webiml.train.own_localizer import as_function, weights_digest

        return partial(_answer, name, as_function(made)), f"{weights_digest(made)}{_source_digest(type(made))}"
    if not callable(made):
        raise SettingError(
            f"--net {name} gave a {type(made).__name__}; it must give a torch.nn.Module or a function of pictures."
        )
    digest = getattr(made, "digest", "")
    return partial(_answer, name, made), digest if isinstance(digest, str) else ""


def _answer(name: str, call: Callable[[np.ndarray], Any], rgb: np.ndarray) -> Map:
    """What a function of the user's own says of a picture, checked."""
    answer = call(rgb)
    score = None
    if isinstance(answer, Localization):
        answer, score = answer.probability, float(answer.score)
    elif isinstance(answer, tuple) and len(answer) == 2:
        answer, score = answer[0], float(answer[1])
    probability = np.asarray(answer)
    if probability.dtype == bool:
        probability = probability.astype(np.float32)
    if probability.shape != rgb.shape[:2] or probability.dtype.kind != "f":
        raise BadMap(
            f"--net {name} gives {probability.dtype} {probability.shape} for a picture of {rgb.shape}; a map is float "
            f"{rgb.shape[:2]} in [0, 1]."
        )
    if score is not None and not 0 <= score <= 1:
        raise BadMap(f"--net {name} gives a score of {score}; it lies in [0, 1].")
    return Map(to_8bit(probability), score)


def _try(name: str, look: Look) -> None:
    """A network that gives no maps is refused before work starts."""
    try:
        look(np.zeros((*_TRIED, 3), np.uint8))
    except BadMap as error:
        raise SettingError(str(error)) from None
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        raise SettingError(f"--net {name} fails on a black picture of {_TRIED[1]}x{_TRIED[0]} ({words}).") from None


def _source_digest(kind: type) -> str:
    """Of the file that a network's class stands in: other code, other maps."""
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()[:16]
    except (OSError, TypeError):
        return ""
