"""Addresses in a text that people wrote, and which of them are taken for addresses of pictures."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from webiml.images.read import readable
from webiml.pairs.folder import EXTENSIONS

PICTURE_HOSTS = ("i.imgur.com", "i.redd.it", "i.reddituploads.com", "preview.redd.it")
"""Hosts that serve pictures and no pages: an address there is one of a picture, also without a picture's ending.

Sources: originals.tsv of dbisUnibas/PS-Battles, mikf/gallery-dl gallery_dl/extractor/reddit.py and its issue 4470.
"""

_ADDRESS = re.compile(r"https?://[^\s<>\[\]\"`\\^{}|]+", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([_*~()&-])")  # as Markdown may write an address
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))  # not html.unescape: it takes the &copy of ?a=1&copy=2 for a sign


def addresses_in(text: str) -> tuple[str, ...]:
    """The addresses in a text, bare or as links in Markdown or HTML, each once, in its order."""
    found: dict[str, None] = {}
    for match in _ADDRESS.finditer(_ESCAPED.sub(r"\1", text)):
        address = match[0]
        open_brackets, closed = address.count("("), address.count(")")
        end = len(address)
        while address[end - 1] in ".,;:!?'*_~" or (address[end - 1] == ")" and closed > open_brackets):
            closed -= address[end - 1] == ")"
            end -= 1
        found[address[:end]] = None
    return tuple(found)


def is_picture(address: str) -> bool:
    """Whether an address is taken for one of a picture: by its ending, or by a host that serves nothing else."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    stem, _, ending = parts.path.rpartition("/")[2].rpartition(".")
    return ending.lower() in EXTENSIONS if stem else host in PICTURE_HOSTS and ending != ""


def host_of(address: str) -> str:
    """The host of an address, for a person."""
    try:
        return readable((urlsplit(address).hostname or "no host")[:100])
    except ValueError:
        return "no host"


def unescape(text: str) -> str:
    """The text with the five entities of HTML that Reddit writes into its JSON as what they stand for."""
    return _ENTITY.sub(lambda match: _ENTITIES[match[0]], text)
