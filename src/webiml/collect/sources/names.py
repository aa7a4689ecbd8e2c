"""Names of links and groups: short, safe, made of nothing but what the source says, and unique."""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace

from webiml.types import Link

MAX_NAME = 200  # characters of a name or a group; a longer one is cut and gets a hash
_HASH = 12  # hex digits: a million addresses with one file name meet with a chance of 1 in 500
_STEM = 80  # characters of a file name that go into a name
_FULL = 2 / 3  # of the slots; beyond it, looking one up grows slow


class Seen:
    """What came before, at 12 to 24 bytes each: a set of 64-bit hashes.

    A million different things are told apart but for a chance of 1 in 30 million.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))
        self._count = 0

    def new(self, *parts: str) -> bool:
        """Whether these words, in this order, are asked for the first time."""
        if self._count >= _FULL * len(self._slots):
            old = self._slots
            self._slots = array("Q", bytes(16 * len(old)))
            for key in old:
                if key:
                    self._slots[self._find(key)] = key
        key = _key(parts)
        at = self._find(key)
        if self._slots[at]:
            return False
        self._slots[at] = key
        self._count += 1
        return True

    def __contains__(self, parts: tuple[str, ...]) -> bool:
        return self._slots[self._find(_key(parts))] != 0

    def _find(self, key: int) -> int:
        """The slot of the key, or the empty one that it would get."""
        last = len(self._slots) - 1
        at = key & last
        while self._slots[at] not in (0, key):
            at = (at + 1) & last
        return at


def _key(parts: tuple[str, ...]) -> int:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") or 1  # 0 is an empty slot


def digest(text: str) -> str:
    """12 hex digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]


def address_name(address: str) -> str:
    """A name for an address: its file name, cleaned, and 12 hex digits of the SHA-256 of all of it.

    File-name safe, at most 93 characters, and always the same for the same address.
    """
    path = re.split(r"[?#]", address, maxsplit=1)[0].rstrip("/")
    stem = os.path.splitext(path.rpartition("/")[2])[0]
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", stem[: 4 * _STEM]).strip("_-")[:_STEM]
    return f"{cleaned or 'picture'}-{digest(address)}"


def short(text: str) -> str:
    """The text, or where it is too long for a name its beginning and 12 hex digits of all of it."""
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - _HASH - 1]}-{digest(text)}"


def unique(links: Iterable[Link]) -> Iterator[Link]:
    """The links, no two of one group and role with the same name.

    Of another picture under the same name the name gets a hash of its address. The same name and the same address
    again is no second picture: that link keeps its place, with a problem.
    """
    seen = Seen()
    for number, link in enumerate(links, 1):
        name, group = short(link.name), short(link.group)
        if (name, group) != (link.name, link.group):
            link = replace(link, name=name, group=group)
        if seen.new(link.group, link.role, name):
            yield link
            continue
        where = str(link.path) if link.path else link.url
        other = f"{name}-{digest(where)}"
        if where and not link.problem and seen.new(link.group, link.role, other):
            yield replace(link, name=other)
            continue
        problem = link.problem or f"link {number}: {name} of {link.group} was named before, with the same address"
        again = f"{name} (link {number})"
        while not seen.new(link.group, link.role, again):
            again += "'"
        yield replace(link, name=again, problem=problem)
