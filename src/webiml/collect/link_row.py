"""The row that says what became of a link."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from webiml.collect.fetched import Fetched
from webiml.images.read import readable
from webiml.store.links import link_id, picture_name
from webiml.types import Link, LinkReason, LinkRow, LinkStatus

_OF_BYTES = ("sha256", "bytes", "path", "height", "width", "content_type", "etag", "last_modified")


def settled(link: Link, fetched: Fetched, before: LinkRow | None) -> tuple[LinkRow, bytes | None]:
    """What became of a link that was asked for, and its bytes where they are new.

    Args:
        before: its row of an earlier run, where that had the same address.
    """
    if before is not None and before.path is not None:
        same_bytes = fetched.status is LinkStatus.FETCHED and fetched.sha256 == before.sha256
        if fetched.status is LinkStatus.UNCHANGED or same_bytes:
            return _unchanged(link, fetched, before), None
        if fetched.status is LinkStatus.FAILED:  # the bytes of before stay, with what was found out now
            kept = {name: getattr(before, name) for name in _OF_BYTES}
            return replace(row_of(link, fetched), **kept), None
    return row_of(link, fetched), fetched.data


def row_of(link: Link, fetched: Fetched) -> LinkRow:
    """The row of a link without regard to earlier runs."""
    kept = fetched.data is not None and fetched.sha256 is not None
    return LinkRow(
        link=link_id(link),
        name=readable(link.name),
        group=readable(link.group),
        role=link.role,
        url=readable(link.url),
        status=fetched.status.value,
        reason=None if fetched.reason is None else fetched.reason.value,
        detail=readable(fetched.detail) or None,
        final_url=readable(fetched.final_url or "") or None,
        http_status=fetched.http_status,
        redirects=fetched.redirects,
        attempts=fetched.attempts,
        sha256=fetched.sha256,
        bytes=len(fetched.data) if fetched.data is not None else None,
        path=picture_name(fetched.sha256, fetched.extension or "") if kept and fetched.sha256 else None,
        height=fetched.height,
        width=fetched.width,
        content_type=readable(fetched.content_type or "") or None,
        etag=readable(fetched.etag or "") or None,
        last_modified=readable(fetched.last_modified or "") or None,
        fetched_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        expected_sha256=link.sha256 or None,
        source=readable(link.source) or None,
        license=readable(link.license) or None,
        author=readable(link.author) or None,
        page=readable(link.page) or None,
        extra={readable(name): readable(value) for name, value in link.extra.items()},
    )


def row_as(link: Link, same: LinkRow) -> LinkRow:
    """The row of a link whose address another link of this generation has."""
    nothing = row_of(
        link, Fetched(LinkStatus(same.status), None if same.reason is None else LinkReason(same.reason), "")
    )
    asked = {name: getattr(same, name) for name in (*_OF_BYTES, "detail", "final_url", "http_status", "redirects")}
    row = replace(nothing, **asked, attempts=0)
    if link.sha256 and same.sha256 and link.sha256 != same.sha256:
        words = f"the bytes have {same.sha256}"
        mismatch = {"status": LinkStatus.FAILED.value, "reason": LinkReason.HASH_MISMATCH.value, "detail": words}
        return replace(row, **mismatch, path=None)
    return row


def _unchanged(link: Link, fetched: Fetched, before: LinkRow) -> LinkRow:
    row = replace(row_of(link, fetched), status=LinkStatus.UNCHANGED.value, reason=None)
    kept = {name: getattr(before, name) for name in _OF_BYTES if name not in ("etag", "last_modified")}
    newer = {"etag": row.etag or before.etag, "last_modified": row.last_modified or before.last_modified}
    return replace(row, **kept, **newer)
