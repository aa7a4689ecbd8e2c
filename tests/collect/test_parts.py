"""What workers leave in a store, without a cluster: whoever opens it next goes on from that."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.collect.fetching import impatient
from tests.collect.web_server import WebServer, sha256

from webiml.collect.asking import Wanted
from webiml.collect.on_ray import AskLinks, Told, _Driver
from webiml.collect.run import CollectCounts, collect
from webiml.collect.shards import LinkShard, Spool
from webiml.datasets.remove import remove
from webiml.datasets.verify_store import verify_store
from webiml.errors import OutputError, SettingError
from webiml.settings import CollectRun
from webiml.store.link_parts import part_names
from webiml.store.link_writer import LinkWriter
from webiml.store.links import generations, link_id, read_generation
from webiml.store.place import Place, open_place
from webiml.store.removed_rows import Asked
from webiml.types import Link


@pytest.fixture
def store(tmp_path: Path) -> Place:
    return open_place(tmp_path / "store")


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


def links(server: WebServer, *paths: str) -> list[Link]:
    return [Link(f"n{at}", "g", "manipulated", server.url(path)) for at, path in enumerate(paths)]


def shard_of(folder: Path, some: list[Link]) -> LinkShard:
    with Spool(folder) as spool:
        for at, link in enumerate(some):
            spool.add(Wanted(at, link, None))
        (shard,) = spool.shards(1000, 1)
    return shard


def asked_by_worker(writer: LinkWriter, shard: LinkShard, run: str | None = None) -> list[Told]:
    """What a worker tells of a shard that it did."""
    token = writer.begin_parts() if run is None else run
    return list(AskLinks(writer.place, writer.generation, token, impatient())(shard))


def test_what_a_worker_finished_is_taken_up_by_the_next_run_whichever_runner_it_has(tmp_path, store, server):
    some = links(server, "/picture/1.jpg", "/status/404", "/picture/1.jpg", "/picture/2.jpg")
    with LinkWriter.open(store) as writer:
        told = asked_by_worker(writer, shard_of(tmp_path, some[:3]))
        assert sum((Counter(one.words) for one in told), Counter()) == {("fetched", None): 2, ("failed", "gone"): 1}
        assert [name for one in told for name in one.parts] == part_names(store) and len(part_names(store)) == 1
        assert not writer.done  # as if it were killed here
    assert verify_store(store).findings == ()  # the picture is no stray
    counts = collect(some, store, impatient(), CollectRun())
    assert Counter(server.paths()) == {"/picture/1.jpg": 1, "/status/404": 1, "/picture/2.jpg": 1}
    assert counts.resumed == 3 and counts.statuses == Counter(fetched=3, failed=1)
    assert [(row.name, row.attempts) for row in read_generation(store, 0)] == [
        ("n0", 1),
        ("n1", 1),
        ("n2", 0),
        ("n3", 1),
    ]
    assert [name for name in store.names(".webiml") if not name.endswith("lock")] == []


def test_a_worker_of_a_run_that_ended_or_of_another_machine_writes_nothing(tmp_path, store, server):
    shard = shard_of(tmp_path, links(server, "/picture/1.jpg"))
    with LinkWriter.open(store) as writer:
        with pytest.raises(SettingError, match="does not see"):
            asked_by_worker(writer, shard, "of another run")
        elsewhere = AskLinks(open_place(tmp_path / "elsewhere"), 0, writer.begin_parts(), impatient())
        with pytest.raises(SettingError, match="a folder that all machines share"):
            list(elsewhere(shard))
        late = AskLinks(store, 0, writer.begin_parts(), impatient())(
            shard_of(tmp_path, links(server, "/picture/1.jpg", "/slow/1/2.jpg"))
        )
        assert next(late).words == {("fetched", None): 1}
        writer.begin_parts()
        with pytest.raises(OutputError, match="Another run"):
            list(late)
        assert part_names(store) == []


def test_a_part_that_came_too_late_does_not_count(tmp_path, store, server):
    some = links(server, "/picture/1.jpg")
    with LinkWriter.open(store) as writer:
        asked_by_worker(writer, shard_of(tmp_path, some))
        (name,) = part_names(store)
        part = store.read(name)
    collect(some, store, impatient(), CollectRun())
    store.write(name, part)
    assert collect(some, store, impatient(), CollectRun()).skipped == 1
    collect(links(server, "/picture/2.jpg"), store, impatient(), CollectRun())
    assert [len(list(read_generation(store, number))) for number in generations(store)] == [1, 1]
    assert part_names(store) == []


def test_a_damaged_part_is_named(tmp_path, store, server):
    with LinkWriter.open(store) as writer:
        asked_by_worker(writer, shard_of(tmp_path, links(server, "/picture/1.jpg")))
    (name,) = part_names(store)
    store.write(name, store.read(name)[:-20])
    with pytest.raises(OutputError, match=f"{name} is damaged in line 2"), LinkWriter.open(store):
        pass


def test_what_is_taken_out_goes_out_of_parts_too(tmp_path, store, server):
    with LinkWriter.open(store) as writer:
        asked_by_worker(writer, shard_of(tmp_path, links(server, "/picture/1.jpg", "/picture/2.jpg")))
    half = tmp_path / "store" / ".webiml" / "parts" / f".{sha256('1.jpg')}.jpg.0.webiml-tmp"
    half.write_bytes(b"half of it")
    remove([tmp_path / "store"], Asked(sha256=(sha256("1.jpg"),)))
    (name,) = part_names(store)
    assert sha256("1.jpg").encode() not in store.read(name) and not half.exists()
    with LinkWriter.open(store) as writer:
        writer.finish()
    assert [(row.name, row.reason) for row in read_generation(store, 0)] == [("", "removed"), ("n1", None)]


def test_after_three_deaths_without_a_finished_link_those_that_are_left_fail(tmp_path, store, server):
    some = links(server, *(f"/picture/{at}.jpg" for at in range(3)))
    same = replace(some[0], name="same")
    with LinkWriter.open(store) as writer:
        counts = CollectCounts()
        driver = _Driver(writer, impatient(), counts, lambda counts: None)
        shard = shard_of(tmp_path, [*some, same])
        first = driver.again(shard, [], "its process died")
        assert (first.links, first.deaths) == (4, 1)
        asked_by_worker(writer, first.only(lambda wanted: wanted.position == 0))
        second = driver.again(first, [], "its process died")
        assert (second.links, second.deaths) == (2, 1)  # the first is finished, so is the one with its address
        third = driver.again(second, [], "its process died")
        assert driver.again(third, [], "the memory ran out").links == 0
        assert writer.finish() == 0
    rows = {row.name: row for row in read_generation(store, 0)}
    assert [(rows[name].reason, rows[name].attempts) for name in ("n0", "same", "n1", "n2")] == [
        (None, 1),
        (None, 0),
        ("worker_died", 0),
        ("worker_died", 0),
    ]
    assert rows["n1"].detail == "3 workers died with it and others, the last one since the memory ran out"
    assert (counts.statuses, counts.reasons) == (Counter(fetched=2, failed=2), Counter(worker_died=2))
    assert collect([*some, same], store, impatient(), CollectRun(retry="worker_died")).statuses == Counter(fetched=2)


def test_a_picture_that_failed_again_in_dying_workers_stays(tmp_path, store, server):
    some = links(server, "/picture/1.jpg")
    collect(some, store, impatient(), CollectRun())
    with LinkWriter.open(store) as writer:
        driver = _Driver(writer, impatient(), CollectCounts(), lambda counts: None)
        with Spool(tmp_path) as spool:
            spool.add(Wanted(0, some[0], writer.known.row(link_id(some[0]))))
            (shard,) = spool.shards(1000, 1)
        for _ in range(3):
            shard = driver.again(shard, [], "its process died")
        writer.finish()
    (row,) = read_generation(store, 1)
    assert row.reason == "worker_died" and row.sha256 == sha256("1.jpg")


def test_a_worker_that_is_let_go_ends_at_once(tmp_path, store, server):
    with LinkWriter.open(store) as writer:
        work = AskLinks(store, 0, writer.begin_parts(), impatient())
        reports = work(shard_of(tmp_path, links(server, "/picture/1.jpg", "/slow/60/2.jpg")))
        assert next(reports).words == {("fetched", None): 1}
        before = os.times().elapsed
        getattr(reports, "close")()  # noqa: B009 (an iterator, as far as types know)
        assert os.times().elapsed - before < 10
