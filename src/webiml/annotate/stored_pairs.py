"""A store as pairs: every manipulated picture with the authentic one of its group."""

from __future__ import annotations

import json

from webiml.errors import SettingError
from webiml.pairs.packed import PackedPairs
from webiml.pairs.source import Listing
from webiml.store.links import from_link_record, read_links, to_link_record
from webiml.store.place import Place
from webiml.types import LinkReason, LinkRow, LinkStatus, Pair, Problem, Reason, Stored


def list_stored(place: Place) -> Listing:
    """The pairs of a store, one for each manipulated link, sorted by key. No picture is opened.

    A group's authentic picture is the first authentic link of it, in the order of the source, that was fetched. A pair
    of which a picture is not there carries its problem. What belongs to no pair is in `ignored`: groups without a
    manipulated link, and authentic links beside the one that is used.

    Raises:
        SettingError: it is no store, a table of it cannot be read, or no link is of a manipulated picture.
    """
    groups: set[str] = set()  # that have a manipulated link
    partners: dict[str, bytes] = {}  # by group: half a kilobyte each, where a LinkRow takes more than one
    beside: list[tuple[str, str]] = []
    removed: list[str] = []
    for row in read_links(place):
        if row.role == "manipulated" and row.reason == LinkReason.REMOVED and not row.name:  # nothing is left of it
            removed.append(f"{row.group}/{row.link} (removed)")
        elif row.role == "manipulated":
            groups.add(row.group)
        elif row.group not in partners:
            partners[row.group] = _packed(row)
        elif _is_there(row) and not _is_there(before := _unpacked(partners[row.group])):
            partners[row.group] = _packed(row)
            beside.append((before.group, before.name))
        else:
            beside.append((row.group, row.name))
    if not groups:
        raise SettingError(f"{place} holds no pairs: none of its links is of a manipulated picture; collect some.")
    ignored = [group for group in partners if group not in groups]
    ignored += [f"{group}/{name}" for group, name in beside if group in groups]
    pairs = PackedPairs()
    for row in read_links(place):  # once more: an authentic link may come behind those of its group
        if row.role == "manipulated" and (row.reason != LinkReason.REMOVED or row.name):
            partner = partners.get(row.group)
            pairs.append(_pair(place, row, None if partner is None else _unpacked(partner)))
    return Listing(pairs.sorted_by_key(), tuple(sorted(ignored + removed)))


def _packed(row: LinkRow) -> bytes:
    return json.dumps(to_link_record(row)).encode()


def _unpacked(packed: bytes) -> LinkRow:
    return from_link_record(json.loads(packed))


def _pair(place: Place, row: LinkRow, partner: LinkRow | None) -> Pair:
    about = {
        "group": row.group,
        "authentic_author": partner and partner.author,
        "authentic_license": partner and partner.license,
        "authentic_page": partner and partner.page,
        "manipulated_page": row.page,
    }
    return Pair(
        key=row.name,
        name=row.name,
        authentic=_stored(place, partner) if partner else None,
        manipulated=_stored(place, row),
        problem=_problem(row, partner),
        source=row.source or "",
        license=row.license or "",
        author=row.author or "",
        authentic_url=partner.url if partner else "",
        manipulated_url=row.url,
        extra=row.extra | {name: text for name, text in about.items() if text},
    )


def _problem(row: LinkRow, partner: LinkRow | None) -> Problem | None:
    for side in (row, partner):
        if side is None:
            return Problem(Reason.MISSING_AUTHENTIC, f"the group {row.group} has no authentic link")
        if not _is_there(side):
            removed = side.reason == LinkReason.REMOVED
            return Problem(Reason.REMOVED if removed else Reason.NOT_FETCHED, _why(side))
    return None


def _why(row: LinkRow) -> str:
    """Why a link brought no picture, such as `manipulated: gone (404)`."""
    status = f" ({row.http_status})" if row.http_status not in (None, 200) else ""
    return f"{row.role}: {row.reason or row.status}{status}" + (f", {row.detail}" if row.detail else "")


def _is_there(row: LinkRow) -> bool:
    """Whether its bytes may be used: also when asking again failed, but not when we may not have them any more."""
    return row.status != LinkStatus.REFUSED and row.sha256 is not None and row.path is not None


def _stored(place: Place, row: LinkRow) -> Stored | None:
    if not _is_there(row) or row.path is None or row.sha256 is None:
        return None
    return Stored(place.url, row.path, row.sha256, row.bytes or 0)
