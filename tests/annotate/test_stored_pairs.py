"""A store as pairs: every manipulated link with the authentic picture of its group, whatever became of them."""

import hashlib
from pathlib import Path

import pytest

from webiml.annotate.stored_pairs import list_stored
from webiml.errors import SettingError
from webiml.pairs.source import Listing
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name
from webiml.store.place import open_place
from webiml.types import Link, LinkRow, Reason, Stored


def row(role: str, group: str, name: str, reason: str | None = None, **more: object) -> LinkRow:
    link = Link(name, group, role, f"http://a/{name}.jpg")  # type: ignore[arg-type]
    values: dict[str, object] = {"status": "fetched"}
    if reason is None:
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        values |= {"sha256": sha256, "bytes": len(name), "path": picture_name(sha256, ".jpg")}
    else:
        values |= {"status": "failed", "reason": reason}
    return LinkRow(link_id(link), name, group, role, link.url, **(values | more))  # type: ignore[arg-type]


@pytest.fixture
def stored(tmp_path):
    """`stored(run, run, ...)`: the pairs of a store that these runs made, each a list of rows."""

    def stored(*runs: list[LinkRow]) -> Listing:
        place = open_place(tmp_path / "store")
        for rows in runs:
            with LinkWriter.open(place) as writer:
                for position, one in enumerate(rows):
                    writer.add(position, one, one.name.encode() if one.sha256 else None)
                writer.finish()
        return list_stored(place)

    return stored


def test_each_manipulated_link_is_a_pair(stored, tmp_path):
    listing = stored(
        [
            row("authentic", "g", "a", author="Ann", license="CC0", page="http://p/a", source="forum"),
            row("manipulated", "g", "z", author="Mia", license="CC-BY", page="http://p/z", extra={"score": "3"}),
            row("manipulated", "g", "m", status="unchanged"),
        ]
    )
    second, first = listing.pairs  # sorted by key
    assert (first.key, first.name, first.problem, second.key) == ("z", "z", None, "m")
    sha256 = hashlib.sha256(b"a").hexdigest()
    want = Stored(str(tmp_path / "store"), f"pictures/{sha256[:2]}/{sha256}.jpg", sha256, 1)
    assert first.authentic == second.authentic == want
    assert isinstance(first.manipulated, Stored) and first.manipulated.sha256 == hashlib.sha256(b"z").hexdigest()
    assert (first.author, first.license, first.source) == ("Mia", "CC-BY", "")
    assert (first.authentic_url, first.manipulated_url) == ("http://a/a.jpg", "http://a/z.jpg")
    assert first.extra == {
        "score": "3",
        "group": "g",
        "authentic_author": "Ann",
        "authentic_license": "CC0",
        "authentic_page": "http://p/a",
        "manipulated_page": "http://p/z",
    }
    assert listing.ignored == ()


def test_what_was_not_fetched_is_a_pair_with_its_problem(stored):
    listing = stored(
        [
            row("authentic", "g", "a"),
            row("manipulated", "g", "gone", "gone", http_status=404),
            row("manipulated", "g", "odd", "not_an_image", http_status=200, detail="an HTML page"),
            row("manipulated", "g", "removed", "removed", status="refused"),
            row("authentic", "h", "b", "timeout"),
            row("manipulated", "h", "c"),
            row("manipulated", "h", "d", "robots", status="refused"),
            row("manipulated", "i", "e"),
        ]
    )
    problems = {pair.name: pair.problem for pair in listing.pairs}
    assert {name: (problem.reason, problem.detail) for name, problem in problems.items() if problem} == {
        "gone": (Reason.NOT_FETCHED, "manipulated: gone (404)"),
        "odd": (Reason.NOT_FETCHED, "manipulated: not_an_image, an HTML page"),
        "removed": (Reason.REMOVED, "manipulated: removed"),
        "c": (Reason.NOT_FETCHED, "authentic: timeout"),
        "d": (Reason.NOT_FETCHED, "manipulated: robots"),
        "e": (Reason.MISSING_AUTHENTIC, "the group i has no authentic link"),
    }
    there = {pair.name: (pair.authentic is not None, pair.manipulated is not None) for pair in listing.pairs}
    assert (there["gone"], there["c"], there["e"]) == ((True, False), (False, True), (False, True))


def test_the_first_authentic_picture_that_came_is_used(stored):
    listing = stored(
        [
            row("manipulated", "g", "m"),
            row("authentic", "g", "a", "gone"),
            row("authentic", "g", "b"),
            row("authentic", "g", "c"),
            row("authentic", "alone", "d"),
        ]
    )
    (pair,) = listing.pairs
    assert pair.authentic_url == "http://a/b.jpg" and pair.problem is None
    assert listing.ignored == ("alone", "g/a", "g/c")


def test_the_newest_run_counts(stored):
    first = [row("authentic", "g", "a", "timeout"), row("manipulated", "g", "m")]
    listing = stored(first, [row("authentic", "g", "a"), row("manipulated", "h", "m")])
    assert [pair.problem and pair.problem.reason for pair in listing.pairs] == [None, Reason.MISSING_AUTHENTIC]
    assert [(pair.name, pair.extra["group"]) for pair in listing.pairs] == [("m", "g"), ("m", "h")]
    assert len({pair.key for pair in listing.pairs}) == 2 and listing.pairs[0].key == "m"


def test_what_is_no_store_is_said(tmp_path: Path):
    with pytest.raises(SettingError, match="is not a store"):
        list_stored(open_place(tmp_path))
