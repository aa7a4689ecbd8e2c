"""What a server says about the use of its pictures beside robots.txt: X-Robots-Tag and the TDM Reservation Protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

AGENT = "webiml"

# noai and noimageai: DeviantArt, "All Deviations Are Opted Out of AI Datasets", 2022. none: noindex and nofollow.
DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "none"})
_WITH_COLON = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})  # no agents
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
MAX_RULES = 10_000  # of one tdmrep.json


def opt_out(robots_tags: Iterable[str], reservations: Iterable[str]) -> str:
    """The words of a response by which its picture must not be used; empty when there are none.

    Args:
        robots_tags: its X-Robots-Tag headers, such as "noindex, noai" or "somebot: noai"; what is said to another
            agent does not count.
        reservations: its TDM-Reservation headers; only 1 reserves.
    Source: TDMRep, w3c/tdm-reservation-protocol spec/index.html; X-Robots-Tag, rom1504/img2dataset.
    """
    for tag in robots_tags:
        ours = True
        for part in tag.lower().split(","):
            agent, colon, rest = part.partition(":")
            if colon and agent.strip() not in _WITH_COLON:
                ours = agent.strip() in (AGENT, "*")
                part = rest
            directive = part.strip()
            if ours and directive in DIRECTIVES:
                return f"X-Robots-Tag: {directive}"
    if any(value.strip() == "1" for value in reservations):
        return "TDM-Reservation: 1"
    return ""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One rule of a tdmrep.json: the literal parts of its path pattern, which any text may stand between."""

    parts: tuple[str, ...]
    to_the_end: bool
    reserved: bool

    def covers(self, path: str) -> bool:
        """Whether the rule is about this path. Not a regular expression: patterns of strangers could make one hang."""
        first, *others = self.parts
        if not path.startswith(first):
            return False
        at = len(first)
        if not others:
            return not self.to_the_end or at == len(path)
        for part in others[:-1]:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        last = others[-1]
        if self.to_the_end:
            return len(path) - len(last) >= at and path.endswith(last)
        return path.find(last, at) >= 0


def read_tdmrep(data: bytes) -> tuple[Reservation, ...]:
    """The rules of /.well-known/tdmrep.json in their order; what is no such file, or no such rule, is none.

    Source: TDMRep, w3c/tdm-reservation-protocol spec/index.html: an array of objects with location, a path in which
        `*` is any text and a last `$` its end, and tdm-reservation, 0 or 1; other values mean nothing.
    """
    try:
        rules = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return ()
    found = []
    for rule in rules[:MAX_RULES] if isinstance(rules, list) else ():
        if not isinstance(rule, dict):
            continue
        location, value = rule.get("location"), str(rule.get("tdm-reservation"))
        if isinstance(location, str) and location and value in ("0", "1"):
            to_the_end = location.endswith("$")
            parts = re.sub(r"\*+", "*", location.removesuffix("$")).split("*")
            found.append(Reservation(tuple(map(_plain, parts)), to_the_end, value == "1"))
    return tuple(found) if any(rule.reserved for rule in found) else ()


def is_reserved(rules: Iterable[Reservation], path: str) -> bool:
    """Whether the first rule that is about a path (with its query) reserves it."""
    path = _plain(path)
    return next((rule.reserved for rule in rules if rule.covers(path)), False)


def _plain(path: str) -> str:
    """A path with needless escapes undone, so that two spellings of one path are equal."""

    def undo(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if character in _UNRESERVED else escape[0].upper()

    return _ESCAPE.sub(undo, path)
