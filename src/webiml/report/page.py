"""What every page has in common: one file that opens without a server and reaches nothing else.

File names, details and table columns are hostile until shown otherwise: jinja2 escapes every value, and the page's
content security policy allows no script at all, no request, and only the one style sheet that it carries.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from webiml import __version__
from webiml.images.codec import encode_jpeg
from webiml.images.draw import thumbnail
from webiml.store.atomic import write_bytes

THUMBNAIL_SIDE = 220  # pixels, the longer side
THUMBNAIL_QUALITY = 80  # JPEG
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Picture:
    """One thumbnail of the sheet; `data` is empty when the picture cannot be shown."""

    caption: str
    alt: str
    data: str  # data: URI
    height: int
    width: int


def page_of(template: str, **values: Any) -> Iterator[str]:
    """The parts of a page, one after the other.

    Args:
        template: file in `templates` that extends page.html.j2. values: what it shows.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    found = _environment().get_template(template)
    return found.generate(version=__version__, style=style, style_hash=digest, **values)


def write_page(path: Path, parts: Iterable[str]) -> Path:
    """Write a page in one step, or leave it alone when it already says the same; gives back `path`.

    Raises:
        OutputError: it cannot be written.
    """
    page = encoded(parts)
    if not (path.is_file() and path.stat().st_size == len(page) and path.read_bytes() == page):
        write_bytes(path, page)
    return path


def encoded(parts: Iterable[str]) -> bytes:
    """A page as the bytes of its file."""
    return "".join(parts).encode("utf-8", "backslashreplace")


def picture(caption: str, alt: str, rgb: np.ndarray | None, side: int = THUMBNAIL_SIDE) -> Picture:
    """A thumbnail of an RGB (H, W, 3) or grey (H, W) uint8 picture; one that says so when there is none.

    Args:
        side: the longer side at most, pixels.
    """
    if rgb is None:
        return Picture(caption, alt, "", 0, 0)
    small = thumbnail(rgb, side)
    data = base64.b64encode(encode_jpeg(small, THUMBNAIL_QUALITY)).decode()
    return Picture(caption, alt, f"data:image/jpeg;base64,{data}", *small.shape[:2])


def _spelled_out(value: Any) -> Any:
    """Control characters and direction marks as text: a file name cannot reorder the line it stands in."""
    if type(value) is not str:  # numbers, and what is marked as safe
        return value
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("webiml.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_spelled_out,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment


@cache
def _style() -> str:
    loader = _environment().loader
    assert loader is not None  # set two functions above
    return loader.get_source(_environment(), "report.css")[0].strip()
