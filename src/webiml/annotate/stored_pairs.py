"""A store as pairs: every manipulated picture with the authentic one of its group."""

from __future__ import annotations

from webiml.errors import SettingError
from webiml.pairs.keys import unique_keys
from webiml.pairs.source import Listing
from webiml.store.links import read_links
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
    authentic: dict[str, list[LinkRow]] = {}
    manipulated: list[LinkRow] = []
    removed: list[str] = []
    for row in read_links(place):
        if row.role == "manipulated" and row.reason == LinkReason.REMOVED and not row.name:  # nothing is left of it
            removed.append(f"{row.group}/{row.link} (removed)")
        elif row.role == "manipulated":
            manipulated.append(row)
        else:
            authentic.setdefault(row.group, []).append(row)
    if not manipulated:
        raise SettingError(f"{place} holds no pairs: none of its links is of a manipulated picture; collect some.")
    groups = {row.group for row in manipulated}
    ignored = [group for group in authentic if group not in groups]
    partner: dict[str, LinkRow] = {}
    for group in groups & authentic.keys():
        rows = authentic[group]
        partner[group] = next((row for row in rows if _is_there(row)), rows[0])
        ignored += [f"{group}/{row.name}" for row in rows if row is not partner[group]]
    keys = unique_keys([row.name for row in manipulated])
    pairs = [_pair(place, key, row, partner.get(row.group)) for key, row in zip(keys, manipulated, strict=True)]
    return Listing(tuple(sorted(pairs, key=lambda pair: pair.key)), tuple(sorted(ignored + removed)))


def _pair(place: Place, key: str, row: LinkRow, partner: LinkRow | None) -> Pair:
    about = {
        "group": row.group,
        "authentic_author": partner and partner.author,
        "authentic_license": partner and partner.license,
        "authentic_page": partner and partner.page,
        "manipulated_page": row.page,
    }
    return Pair(
        key=key,
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
