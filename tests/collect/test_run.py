"""A run over a real server on this machine: every link ends as a row, nothing is asked for twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.collect.fetching import impatient
from tests.collect.web_server import WebServer, picture, sha256

from webiml.collect.run import collect
from webiml.settings import CollectRun
from webiml.store.links import generations, read_generation, read_links, read_picture
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.types import Link, LinkRow


@pytest.fixture
def store(tmp_path: Path) -> Place:
    return open_place(tmp_path / "store")


def links(server: WebServer, *paths: str, **more: Any) -> list[Link]:
    return [Link(f"n{at}", f"g{at // 2}", "manipulated", server.url(path), **more) for at, path in enumerate(paths)]


def run(some: list[Link], store: Place, how: CollectRun | None = None, **changes: Any):
    return collect(some, store, impatient(**changes), how or CollectRun())


def states(store: Place) -> dict[str, tuple[str, str | None]]:
    return {row.name: (row.status, row.reason) for row in read_links(store)}


def test_pictures_are_stored_by_their_hash_in_the_order_of_the_source(store):
    with WebServer() as server:
        counts = run(links(server, *(f"/picture/{n}.jpg" for n in range(30))), store)
    assert counts.generation == 0 and counts.statuses == Counter(fetched=30) and counts.links == 30
    rows = list(read_generation(store, 0))
    assert [row.name for row in rows] == [f"n{n}" for n in range(30)]
    seventh = rows[7]
    assert seventh.sha256 == sha256("7.jpg") and seventh.path is not None and seventh.path.endswith(".jpg")
    assert read_picture(store, seventh.path, sha256("7.jpg")) == picture("7.jpg")
    assert (seventh.height, seventh.width, seventh.http_status, seventh.attempts) == (48, 64, 200, 1)


def test_every_way_to_fail_is_a_row_with_its_reason(store):
    with WebServer(robots="User-agent: *\nDisallow: /private") as server:
        paths = {
            "/picture/0.jpg": (None, "fetched"),
            "/status/404": ("gone", "failed"),
            "/status/403": ("forbidden", "failed"),
            "/status/418": ("http_error", "failed"),
            "/private/1.jpg": ("robots", "refused"),
            "/picture/2.jpg?header=X-Robots-Tag:noai": ("opted_out", "refused"),
            "/page": ("not_an_image", "failed"),
            "/bomb.png": ("too_many_pixels", "failed"),
            "/empty": ("empty", "failed"),
            "/cut/3.jpg": ("cut_short", "failed"),
            "/announce/999999999": ("too_big", "failed"),
            "/endless": ("too_big", "failed"),
            "/loop": ("too_many_redirects", "failed"),
            "/garbage": ("no_connection", "failed"),
        }
        some = [*links(server, *paths), Link("bad", "g", "manipulated", problem="line 3: no address")]
        some.append(Link("odd", "g", "manipulated", "ftp://example.org/1.jpg"))
        run(some, store, max_megabytes=1, retries=0)
        found = states(store)
    assert [found[f"n{at}"][::-1] for at in range(len(paths))] == list(paths.values())
    assert found["bad"] == ("failed", "bad_row") and found["odd"] == ("refused", "bad_address")


def test_the_second_run_asks_for_nothing_and_writes_nothing(store):
    with WebServer() as server:
        some = links(server, "/picture/1.jpg", "/status/404")
        run(some, store)
        asked = len(server.requests)
        counts = run(some, store)
        assert counts.generation is None and counts.skipped == 2 and len(server.requests) == asked
        counts = run([*some, *[replace(link, name="new") for link in links(server, "/picture/9.jpg")]], store)
    assert counts.generation == 1 and [row.name for row in read_generation(store, 1)] == ["new"]


def test_retry_asks_only_for_what_ended_for_these_reasons(store):
    with WebServer() as server:
        some = links(server, "/picture/1.jpg", "/status/404", "/broken/2/3.jpg", "/status/403")
        run(some, store, retries=0)
        assert states(store)["n2"] == ("failed", "server_error")
        before = len(server.paths())
        run(some, store, CollectRun(retry="server_error,timeout"), retries=3)
        assert server.paths()[before:] == ["/broken/2/3.jpg", "/broken/2/3.jpg"]  # once more 503, then the picture
    assert states(store)["n2"] == ("fetched", None) and generations(store) == [0, 1]


def test_refresh_asks_with_the_etag_and_keeps_what_is_the_same(store):
    with WebServer() as server:
        some = links(server, "/cached/1.jpg", "/picture/2.jpg")
        run(some, store)
        counts = run(some, store, CollectRun(refresh=True))
        again = server.requests[-1] if server.requests[-1].path == "/cached/1.jpg" else server.requests[-2]
        assert "if-none-match" in again.headers
    assert counts.statuses == Counter(unchanged=2) and counts.bytes == 0
    first, second = list(read_generation(store, 0)), list(read_generation(store, 1))
    assert [row.path for row in first] == [row.path for row in second]
    assert [row.http_status for row in second] == [304, 200]


def test_a_picture_whose_link_fails_later_stays_and_one_that_opted_out_does_not(store):
    with WebServer() as server:
        some = links(server, "/picture/1.jpg", "/picture/2.jpg")
        run(some, store)
        port = server.port
    with WebServer(robots="User-agent: webiml\nDisallow: /picture/2", port=port) as server:
        moved = [some[0], some[1]]
        run(moved, store, CollectRun(refresh=True), retries=0)
    rows = {row.name: row for row in read_links(store)}
    assert rows["n0"].status == "unchanged"
    assert (rows["n1"].status, rows["n1"].reason, rows["n1"].path) == ("refused", "robots", None)
    run(moved, store, CollectRun(refresh=True), retries=0)  # nobody answers now
    row = {row.name: row for row in read_links(store)}["n0"]
    assert (row.status, row.reason) == ("failed", "no_connection") and row.path == rows["n0"].path


def test_one_address_of_several_links_is_asked_for_once(store):
    with WebServer() as server:
        some = links(server, *["/slow/0.2/1.jpg"] * 5)
        some.append(replace(some[0], name="other hash", sha256="0" * 64))
        run(some, store)
        assert server.paths() == ["/slow/0.2/1.jpg"]
    rows = {row.name: row for row in read_links(store)}
    assert {rows[f"n{at}"].sha256 for at in range(5)} == {rows["n0"].sha256}
    assert sorted(row.attempts or 0 for row in rows.values()) == [0, 0, 0, 0, 0, 1]
    assert rows["other hash"].reason == "hash_mismatch" and rows["other hash"].path is None


def test_a_link_that_moved_is_asked_for_again(store):
    with WebServer() as server:
        run(links(server, "/status/404"), store)
        run(links(server, "/picture/5.jpg"), store)
    assert states(store) == {"n0": ("fetched", None)}


@pytest.mark.parametrize(
    "stone",
    [("url", "/picture/1.jpg"), ("author", "jane"), ("source", "somewhere"), ("sha256", sha256("1.jpg"))],
    ids=lambda stone: stone[0],
)
def test_what_was_taken_out_does_not_come_back(store, stone):
    by, value = stone
    with WebServer() as server:
        some = links(server, "/picture/1.jpg", author="Jane", source="somewhere")
        value = server.url(value) if by == "url" else value
        add_removed(store, [Tombstone(by, hidden(by, value), "2026-11-01T00:00:00Z")])
        store.write("store.json", b"{}")
        run(some, store)
        assert len(server.paths()) == (by == "sha256")  # only of the bytes it is not known before
    (row,) = read_links(store)
    assert (row.status, row.reason, row.path) == ("refused", "removed", None)
    assert (row.name, row.url, row.author, row.source) == ("", "", None, None)
    assert run(some, store, CollectRun(refresh=True)).skipped == 1 and generations(store) == [0]
    assert not list(store.names("pictures"))


def test_a_store_on_s3_is_the_same_as_one_here(store, s3):
    with WebServer() as server:
        some = links(server, "/picture/1.jpg", "/picture/2.jpg", "/status/404")
        there = open_place(f"{s3}/store")
        for place in (store, there):
            run(some, place)

    def contents(place: Place) -> dict[str, bytes | list[LinkRow]]:
        names = [name for name in place.names() if not name.startswith(".webiml/")]
        timeless = [replace(row, fetched_at=None) for row in read_generation(place, 0)]
        return {name: timeless if name.startswith("links") else place.read(name) for name in names}

    assert contents(there) == contents(store)
    picture_names = [name for name in contents(store) if name.startswith("pictures")]
    assert picture_names == sorted(f"pictures/{one[:2]}/{one}.jpg" for one in map(sha256, ("1.jpg", "2.jpg")))


def test_a_file_of_a_folder_is_copied(tmp_path, store):
    (tmp_path / "a.jpg").write_bytes(picture("1.jpg"))
    (tmp_path / "b.jpg").write_text("no picture")
    some = [
        Link(name, "g", "manipulated", path=tmp_path / name, sha256=expected)
        for name, expected in (("a.jpg", ""), ("b.jpg", ""), ("c.jpg", ""), ("a.jpg2", ""))
    ]
    run([*some[:3], replace(some[0], name="d", sha256=hashlib.sha256(b"other").hexdigest())], store)
    assert states(store) == {
        "a.jpg": ("fetched", None),
        "b.jpg": ("failed", "not_an_image"),
        "c.jpg": ("failed", "not_found"),
        "d": ("failed", "hash_mismatch"),
    }
