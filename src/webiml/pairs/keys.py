"""Keys: names made safe as file names on every system, and unique among each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

MAX_LENGTH = 120  # characters; leaves room for endings below the 255 bytes of common file systems
_HASH = 8  # hex digits
# No dots: a WebDataset reader takes everything before the first dot as the key
_SAFE = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_LENGTH}}}")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9_-]+")
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)  # no file can be called so on Windows


def safe_key(name: str) -> str:
    """A key of at most 120 characters from [A-Za-z0-9_-].

    A name that is safe already is its own key; any other gets its cleaned form and 8 hex digits of the SHA-256 of its
    bytes, so that the key depends on nothing but the name.
    """
    if _SAFE.fullmatch(name) and not _DEVICES.fullmatch(name):
        return name
    return _with_hash(name, name)


def unique_keys(names: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """One key a name, in the order of `names`, no two equal even where upper and lower case are the same.

    Safe names come first and each group in sorted order; whoever finds its key taken gets a hash behind it. Equal names
    are told apart by their position among each other. The keys do not depend on the order of different names.

    Args:
        taken: keys that are in use already and given to nobody.
    """
    keys = [""] * len(names)
    used = {key.lower() for key in taken}
    safe = [safe_key(name) for name in names]
    for index in sorted(range(len(names)), key=lambda i: (safe[i] != names[i], _bytes(names[i]), i)):
        key, turn = safe[index], 0
        while key.lower() in used:
            key, turn = _with_hash(names[index], f"{names[index]}\0{turn}" if turn else names[index]), turn + 1
        used.add(key.lower())
        keys[index] = key
    return keys


def _with_hash(name: str, hashed: str) -> str:
    cleaned = _UNSAFE_RUN.sub("_", name).strip("_")[: MAX_LENGTH - _HASH - 1]
    return f"{cleaned or 'pair'}-{hashlib.sha256(_bytes(hashed)).hexdigest()[:_HASH]}"


def _bytes(name: str) -> bytes:
    """The name's own bytes, also of one that is not valid UTF-8 on disk."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a half character from elsewhere
        return name.encode("utf-8", "surrogatepass")
