"""Masks that people drew: reviews/<SHA-256 of the PNG>.png in the folder whose rows they belong to."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from webiml.errors import BadImage
from webiml.store.atomic import make_folder, write_bytes
from webiml.store.place import Place
from webiml.types import Reason

FOLDER = "reviews"
_MAX_BYTES = 1 << 28
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: object) -> bool:
    """Whether `text` is 64 lower-case hex digits, which is safe as a file name."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def drawn_mask_name(sha256: str) -> str:
    """Where the mask of that hash lies, relative to the folder of its row."""
    return f"{FOLDER}/{sha256}.png"


def read_drawn_mask(place: Place, sha256: str) -> bytes:
    """The PNG of a mask that a person drew, (H, W) 0 or 255 at the manipulated picture's size.

    Raises:
        BadImage: it is not there, too large, or holds other bytes than its name says.
    """
    name = drawn_mask_name(sha256)
    if not is_sha256(sha256):
        raise BadImage(Reason.NOT_FOUND, f"{sha256!r:.80} names no mask")
    try:
        if (place.size(name) or 0) > _MAX_BYTES:
            raise BadImage(Reason.TOO_MANY_BYTES, f"{name}: more than {_MAX_BYTES:,} bytes")
        data = place.read(name)
    except FileNotFoundError:
        raise BadImage(Reason.NOT_FOUND, f"{name}: no such file") from None
    except OSError as error:
        raise BadImage(Reason.UNREADABLE, f"{name}: {error.strerror or error}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadImage(Reason.OTHER_BYTES, f"{name}: the bytes are not those that its name says")
    return data


def write_drawn_mask(folder: Path, png: bytes) -> str:
    """Put a mask where its hash says, and give that hash; one that is there already is left.

    Raises:
        OutputError: it cannot be written.
    """
    sha256 = hashlib.sha256(png).hexdigest()
    path = folder / drawn_mask_name(sha256)
    make_folder(path.parent)
    write_bytes(path, png)
    return sha256
