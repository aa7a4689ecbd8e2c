"""What became of one link, and what its bytes are."""

from __future__ import annotations

from dataclasses import dataclass

from webiml.errors import BadImage
from webiml.images.decode import size_of
from webiml.images.sniff import looks_like, sniff
from webiml.types import LinkReason, LinkStatus, Reason

_OF_IMAGE = {
    Reason.EMPTY_FILE: LinkReason.EMPTY,
    Reason.NOT_AN_IMAGE: LinkReason.NOT_AN_IMAGE,
    Reason.TOO_MANY_PIXELS: LinkReason.TOO_MANY_PIXELS,
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one link; the fields are those of `types.LinkRow`.

    Attributes:
        data: the picture's bytes as they came; None unless the status is fetched.
        extension: that fits the bytes, whatever the address or the server say.
        final_url: where redirects ended; None when there was none.
        attempts: times that the link was asked for; 0 when it was refused before.
    """

    status: LinkStatus
    reason: LinkReason | None = None
    detail: str = ""
    data: bytes | None = None
    extension: str | None = None
    height: int | None = None
    width: int | None = None
    sha256: str | None = None
    final_url: str | None = None
    http_status: int | None = None
    redirects: int = 0
    attempts: int = 0
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


def inspect(data: bytes, sha256: str, max_pixels: int, expected_sha256: str = "") -> Fetched:
    """Bytes as a picture, by their first bytes and their header: fetched, or the reason why they are not kept.

    Args:
        sha256: of `data`. expected_sha256: that they must have; empty: anything.
        max_pixels: refuse a picture with more pixels (H * W).
    """
    if not data:
        return _failed(LinkReason.EMPTY, "the file has no bytes")
    found = sniff(data)
    if found is None:
        return _failed(LinkReason.NOT_AN_IMAGE, f"looks like {looks_like(data)}")
    if expected_sha256 and sha256 != expected_sha256.lower():
        return _failed(LinkReason.HASH_MISMATCH, f"the bytes have {sha256}")
    try:
        height, width = size_of(data, max_pixels)
    except BadImage as error:
        return _failed(_OF_IMAGE.get(error.reason, LinkReason.BAD_IMAGE), error.detail)
    return Fetched(LinkStatus.FETCHED, data=data, extension=found.extension, height=height, width=width, sha256=sha256)


def _failed(reason: LinkReason, detail: str) -> Fetched:
    return Fetched(LinkStatus.FAILED, reason, detail)
