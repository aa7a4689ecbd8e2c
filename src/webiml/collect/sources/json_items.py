"""The posts and comments of a large JSON file, one by one: memory holds the largest of them, not the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from webiml.errors import SettingError
from webiml.images.read import readable

MAX_ITEM = 64 << 20  # bytes of one post with all its comments
_MAX_DEPTH = 10_000  # brackets within brackets
_CHUNK = 1 << 20
_LISTS = (b"posts", b"children")
# A text is matched in one go that never goes back; a quote alone begins a text that ends behind what was read so far.
# Inside an item all up to the next bracket is one match
_TEXT = rb'"(?>[^"\\]+|\\.)*+"'
_OUTSIDE = re.compile(rb"[^\"\[\]{}:,]*+(" + _TEXT + rb'|[\[\]{}:,"]|\Z)', re.DOTALL)
_INSIDE = re.compile(rb"(?>[^\"\[\]{}]+|" + _TEXT + rb')*+([\[\]{}"]|\Z)', re.DOTALL)


def read_items(path: Path) -> Iterator[bytes | None]:
    """The bytes of every object that lies directly in a list called `posts` or `children`, in the file's order.

    What lies within such an object belongs to it. None stands for one of more than MAX_ITEM bytes.

    Raises:
        SettingError: the file cannot be read, ends too early, or its brackets do not fit each other.
    """
    try:
        with open(path, "rb") as file:
            yield from _items(file, readable(path))
    except OSError as error:
        raise SettingError(f"{readable(path)} cannot be read: {error.strerror}.") from None


def _items(file: BinaryIO, name: str) -> Iterator[bytes | None]:
    stack: list[tuple[int, bool]] = []  # the open brackets, and of each whether it is a list of items
    start, depth = 0, -1  # where the open item begins in `held`, and how many brackets are open around it; -1: none is
    dropped = False  # the open item is too long
    text = key = b""
    held, at = b"", 0  # bytes that are still needed, and how many of them have been looked at
    while chunk := file.read(_CHUNK):
        held += chunk
        while (token := (_INSIDE if depth >= 0 else _OUTSIDE).match(held, at)) is not None:
            at = token.start(1)
            if token[1] in (b"", b'"'):
                break
            mark, at = held[at], token.end()
            if mark in b"[{":
                is_item = mark == ord("{") and depth < 0 and bool(stack) and stack[-1][1]
                if is_item:
                    start, depth, dropped = token.start(1), len(stack), False
                stack.append((mark, depth < 0 and mark == ord("[") and key in _LISTS))
                if len(stack) > _MAX_DEPTH:
                    raise SettingError(f"{name} nests brackets more than {_MAX_DEPTH:,} deep: is it a listing?")
            elif mark in b"]}":
                if not stack or stack.pop()[0] + 2 != mark:  # in ASCII ] is [ + 2, and } is { + 2
                    raise SettingError(f"{name} is no JSON: a closing bracket stands where none was opened.")
                if len(stack) == depth:
                    yield None if dropped else held[start:at]
                    depth = -1
            key = text if mark == ord(":") else b""
            text = token[1][1:-1] if mark == ord('"') else text
        if len(held) - at > MAX_ITEM:
            raise SettingError(f"{name} holds one text of more than {MAX_ITEM >> 20} MB: is it a listing?")
        dropped = dropped or (depth >= 0 and len(held) - start > MAX_ITEM)
        done = start if depth >= 0 and not dropped else at
        held, start, at = held[done:], start - done, at - done
    if stack or at < len(held):
        raise SettingError(f"{name} is cut short: it ends before its last bracket is closed. Save it again.")
