"""Where the pictures and the maps of an evaluation lie on this machine: .webiml/evaluate.json in its folder.

It stands apart from result.json, which people pass on: the paths of one machine say nothing to others. It may be gone,
or be of an earlier run; then the figures are there, and the pictures cannot be found again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from webiml.errors import BadImage, SettingError
from webiml.evaluate.plan import Plan
from webiml.evaluate.score import Scoring
from webiml.images.read import read_bytes, readable
from webiml.store.atomic import make_folder, write_bytes

FILE = ".webiml/evaluate.json"
_MAX_BYTES = 1 << 22
_MAX_PIXELS = 10_000_000_000  # the largest --max-megapixels


@dataclass(frozen=True, slots=True)
class Places:
    """What leads from a row to its picture, its mask and its map; paths are absolute.

    Attributes:
        data: what `read_benchmark` takes, by the benchmark's name in the result; one put together by hand is missing.
        maps: folder of the cache that holds the maps; None where they were not kept, or are another program's.
        predictions: folder of another program's maps, or None. invert: they are dark where manipulated. zero_one: the
            benchmarks whose maps are masks of 0 and 1.
        max_pixels: a larger picture was refused.
    """

    data: dict[str, str] = field(default_factory=dict)
    maps: str | None = None
    predictions: str | None = None
    invert: bool = False
    zero_one: tuple[str, ...] = ()
    max_pixels: int = 200_000_000


def places_of(what: Plan, scorings: Mapping[str, Scoring]) -> Places:
    """The places of an evaluation that was done just now."""
    settings = what.settings
    kept = what.maker is not None and bool(what.maker.made_by)  # maps of a network without a digest are not kept
    caches = [one.cache.folder for one in scorings.values() if one.cache is not None] if kept else []
    return Places(
        data={one.name: one.spec for one in what.benchmarks if one.spec},
        maps=os.path.abspath(caches[0]) if caches else None,
        predictions=None if settings.predictions is None else os.path.abspath(settings.predictions),
        invert=settings.invert,
        zero_one=tuple(sorted(name for name, one in scorings.items() if one.zero_one)),
        max_pixels=round(settings.max_megapixels * 1e6),
    )


def write_places(out: Path, result: Mapping[str, Any], places: Places) -> None:
    """Write them into the folder of a result.

    Raises:
        OutputError: they cannot be written.
    """
    make_folder(out / FILE.partition("/")[0])
    of = {"fingerprint": result["fingerprint"], "date": result["made"]["date"]}
    write_bytes(out / FILE, json.dumps(of | asdict(places), indent=1).encode() + b"\n")


def read_places(folder: Path, fingerprint: str, date: str) -> Places:
    """The places of the result in a folder.

    Args:
        fingerprint, date: of that result; places of another run lead nowhere.
    Raises:
        SettingError: they are not there, or of another run.
    """
    try:
        found = json.loads(read_bytes(folder / FILE, folder, _MAX_BYTES))
        of = (found.pop("fingerprint"), found.pop("date"))
        places = Places(**found | {"zero_one": tuple(found["zero_one"])})
    except (BadImage, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        of, places = None, Places()
    if of != (fingerprint, date) or not _is_sound(places):
        raise SettingError(
            f"{readable(folder)} does not say where its pictures lie ({FILE} is missing, or of another run): evaluate "
            "again to look at them."
        )
    return places


def _is_sound(places: Places) -> bool:
    folders = (places.maps, places.predictions)
    return (
        isinstance(places.data, dict)
        and all(isinstance(text, str) for text in (*places.data.values(), *places.zero_one))
        and all(path is None or (isinstance(path, str) and os.path.isabs(path)) for path in folders)
        and isinstance(places.invert, bool)
        and isinstance(places.max_pixels, int)
        and 0 < places.max_pixels <= _MAX_PIXELS
    )
