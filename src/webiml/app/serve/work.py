"""What the worker processes of `webiml serve` do: pictures in, a record and maps out. Only here they are decoded."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from webiml.errors import BadImage
from webiml.runners.cores import few_threads
from webiml.settings import AnnotatorSettings
from webiml.settings.serve import ServeSettings
from webiml.types import Kind, Row

if TYPE_CHECKING:
    import numpy as np

    from webiml.annotate.annotator import Annotator
    from webiml.images.decode import Picture
    from webiml.localize.localizer import Localizer
    from webiml.types import Annotation

LOCALIZE_MAPS = ("mask", "probability", "confidence", "overlay")
"""The maps that a localization may come with."""
ANNOTATE_MAPS = ("mask", "probability", "overlay", "aligned")
"""The maps that an annotation may come with."""
TINT = 0.4  # share of the colour inside an overlay's mask, as in the results of `webiml localize`


@dataclass(frozen=True, slots=True)
class Job:
    """One request's work: `pictures` are whole files, one to localize or the authentic and the manipulated one."""

    pictures: tuple[bytes, ...]
    maps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it: plain values by name, and PNG files by the name of the map."""

    record: dict[str, Any]
    maps: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A picture cannot be used; `reason` is one of `webiml.types.Reason`."""

    reason: str
    detail: str


_OF_THE_ROW = (
    "status",
    "reason",
    "detail",
    "kind",
    "kind_confidence",
    "qes",
    "mask_area",
    "components",
    "unknown_fraction",
    "transform",
)

# What a worker process holds from request to request; set by `start_worker`.
_settings: ServeSettings
_localizer: Localizer
_annotator: Annotator | None = None


def start_worker(settings: ServeSettings, threads: int) -> None:
    """Make this process ready for `do`: it holds the localizer, and at its first pair the networks for pairs."""
    global _settings, _localizer
    from webiml.localize.localizer import Localizer

    few_threads(threads)
    _localizer = Localizer.load(settings.weights, revision=settings.revision or None, threads=threads)
    _settings = settings


def do(job: Job) -> Answer | Unusable:
    """Localize one picture, or annotate two, in a worker process."""
    started = time.perf_counter()
    try:
        done = _localize(job) if len(job.pictures) == 1 else _annotate(job)
    except BadImage as error:
        return Unusable(error.reason.value, error.detail)
    done.record["seconds"] = round(time.perf_counter() - started, 3)
    return done


def _localize(job: Job) -> Answer:
    from webiml.images.codec import encode_png, to_8bit
    from webiml.images.decode import decode
    from webiml.images.draw import overlay
    from webiml.localize.regions import regions

    (data,) = job.pictures
    picture = decode(data, _max_pixels())
    found = replace(_localizer.localize(picture.rgb, views=_settings.views), threshold=_settings.threshold)
    mask = found.mask
    parts, components = regions(mask, found.probability)
    make = {
        "mask": lambda: encode_png(mask.view("uint8") * 255),
        "probability": lambda: encode_png(to_8bit(found.probability)),
        "confidence": lambda: encode_png(to_8bit(found.confidence)),
        "overlay": lambda: encode_png(overlay(picture.rgb, mask, strength=TINT), level=1),  # photographs resist
    }
    record = {
        "score": round(float(found.score), 6),
        "area": float(mask.mean()),
        "threshold": _settings.threshold,
        "height": picture.rgb.shape[0],
        "width": picture.rgb.shape[1],
        "components": components,
        "regions": [asdict(part) for part in parts],
        "sha256": hashlib.sha256(data).hexdigest(),
        "notes": picture.note or None,
        "weights": f"{_localizer.name}:{_localizer.digest}",
    }
    return Answer(record, {name: make[name]() for name in job.maps})


def _annotate(job: Job) -> Answer:
    sides = ("authentic", "manipulated")
    from webiml.evidence.judge import annotated

    authentic, manipulated = (_side(name, data) for name, data in zip(sides, job.pictures, strict=True))
    found = _the_annotator()(authentic.rgb, manipulated.rgb)
    notes = [f"{name}: {one.note}" for name, one in zip(sides, (authentic, manipulated), strict=True) if one.note]
    row = annotated(Row("request", "request", ""), found, "")  # as a dataset says it
    likely = zip(Kind, row.kind_probabilities or [], strict=False)
    record = {
        **{name: getattr(row, name) for name in _OF_THE_ROW},
        "kind_probabilities": {kind.value: share for kind, share in likely},
        "height": manipulated.rgb.shape[0],
        "width": manipulated.rgb.shape[1],
        "authentic_sha256": hashlib.sha256(job.pictures[0]).hexdigest(),
        "manipulated_sha256": hashlib.sha256(job.pictures[1]).hexdigest(),
        "notes": "; ".join(notes) or None,
    }
    return Answer(record, _annotation_maps(found, authentic.rgb, manipulated.rgb))


def _annotation_maps(found: Annotation, authentic: np.ndarray, manipulated: np.ndarray) -> dict[str, bytes]:
    """Those that there are: nothing was drawn of an unrelated pair, and without alignment nothing can be warped."""
    import numpy as np

    from webiml.geometry.warp import warp
    from webiml.images.codec import encode_png, picture_to_8bit, to_8bit
    from webiml.images.draw import overlay

    maps = {}
    if found.probability is not None and (mask := found.mask) is not None:
        maps["mask"] = encode_png(mask.view("uint8") * 255)
        maps["probability"] = encode_png(to_8bit(found.probability))
        maps["overlay"] = encode_png(overlay(manipulated, mask, strength=TINT), level=1)
    if found.transform is not None:
        size = (manipulated.shape[0], manipulated.shape[1])
        aligned, _ = warp(authentic.astype(np.float32) / 255, found.transform, size)
        maps["aligned"] = encode_png(picture_to_8bit(aligned), level=1)
    return maps


def _side(name: str, data: bytes) -> Picture:
    from webiml.images.decode import decode

    try:
        return decode(data, _max_pixels())
    except BadImage as error:
        raise BadImage(error.reason, f"{name}: {error.detail or error.reason.value}") from None


def _the_annotator() -> Annotator:
    """Made at the first pair: who only localizes does not pay for its networks."""
    global _annotator
    if _annotator is None:
        from webiml.annotate.annotator import Annotator

        _annotator = Annotator(AnnotatorSettings(max_megapixels=_settings.max_megapixels))
    return _annotator


def _max_pixels() -> int:
    return round(_settings.max_megapixels * 1e6)
