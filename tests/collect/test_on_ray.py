"""Links asked for by workers of a Ray cluster: the rows are those of the local runner, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.collect.fetching import impatient
from tests.collect.web_server import WebServer
from tests.ray_cluster import local_cluster

import webiml.collect.on_ray as on_ray
from webiml.collect.run import CollectCounts, collect
from webiml.collect.sources.read import read_source
from webiml.settings import CollectRun
from webiml.store.link_parts import part_names
from webiml.store.links import read_generation, table_name
from webiml.store.place import Place, open_place
from webiml.types import Link, LinkRow

RAY = CollectRun(runner="ray", workers=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with local_cluster() as address:
        yield address


@pytest.fixture
def server() -> Iterator[WebServer]:
    """Answers for every host of the loopback network."""
    with WebServer(robots="User-agent: *\nDisallow: /private", host="0.0.0.0") as running:
        yield running


def link(server: WebServer, name: str, host: int, path: str, **more: Any) -> Link:
    return Link(name, f"g{host}", "manipulated", f"http://127.0.0.{host}:{server.port}{path}", **more)


def slow(server: WebServer, seconds: float, hosts: int, each: int) -> list[Link]:
    """Links of several hosts, mixed."""
    return [link(server, f"n{at}", 1 + at % hosts, f"/slow/{seconds}/{at}.jpg") for at in range(hosts * each)]


def run(links: list[Link], place: Place, how: CollectRun, on_link: Callable[..., None] | None = None) -> CollectCounts:
    return collect(links, place, impatient(connections=4, host_connections=2), how, on_link)


def timeless(place: Place) -> list[LinkRow]:
    return [replace(row, fetched_at=None) for row in read_generation(place, 0)]


def contents(place: Place) -> tuple[list[LinkRow], str, list[str]]:
    """All that a run wrote but times, and the bytes of pictures, which their names say: rows, columns, files."""
    with place.reader(table_name(0)) as file:
        columns = str(pq.read_schema(file))
    return timeless(place), columns, [name for name in place.names() if not name.endswith("/lock")]


def busy_worker() -> int:
    """The process of a worker that does a shard, among those that descend from this one."""
    parents, words = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words[int(entry.name)] = (entry / "cmdline").read_bytes()
        except (ValueError, OSError):
            continue
    ours = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return min(process for process in ours if b"ray::Worker.advance" in words[process])


def test_the_rows_are_those_of_the_local_runner_also_when_a_worker_is_killed(tmp_path, cluster, server, monkeypatch):
    monkeypatch.setattr(on_ray, "SHARD_LINKS", 10)
    (tmp_path / "a.png").write_text("no picture")
    odd = ["/status/404", "/private/1.jpg", "/page", "/empty", "/redirect/2", "/to?/picture/3.jpg", "/cached/3.jpg"]
    some = [
        *slow(server, 0.3, 4, 6),
        *(link(server, f"odd{at}", 5, path, author="Jane", extra={"score": str(at)}) for at, path in enumerate(odd)),
        *(link(server, f"same{at}", 6, "/picture/7.jpg") for at in range(4)),
        link(server, "other bytes", 6, "/picture/7.jpg", sha256="0" * 64),
        Link("bad", "g", "manipulated", problem="line 3: no address"),
        Link("ftp", "g", "manipulated", "ftp://example.org/1.jpg"),
        Link("file", "g", "manipulated", path=tmp_path / "a.png"),
        link(server, "n0", 1, "/slow/0.3/0.jpg"),  # once more
    ]
    killed: list[int] = []

    def kill(counts: CollectCounts) -> None:
        if not killed and counts.statuses["fetched"] >= 2:
            killed.append(busy_worker())
            os.kill(killed[0], signal.SIGKILL)

    here, there = open_place(tmp_path / "here"), open_place(tmp_path / "there")
    alone = run(some, here, CollectRun())
    server.requests.clear()
    on_cluster = run(some, there, RAY, kill)
    assert killed
    assert contents(there) == contents(here)
    assert (on_cluster.statuses, on_cluster.reasons) == (alone.statuses, alone.reasons)
    assert on_cluster.rows == len(some) - 1 and on_cluster.bytes >= alone.bytes
    asked = Counter(path for path in server.paths() if path.startswith("/slow"))
    assert len(asked) == 24 and max(asked.values()) <= 2
    assert len({int(path.split("/")[-1][:-4]) % 4 for path, times in asked.items() if times > 1}) <= 2  # of one shard
    before = len(server.requests)
    again = run(some, there, RAY)
    assert again.generation is None and again.skipped == len(some) and len(server.requests) == before


def test_a_run_into_s3_that_is_killed_goes_on_with_what_its_workers_finished(tmp_path, cluster, server, s3):
    some = slow(server, 0.2, 4, 10)
    rows = "".join(f"{one.group},{one.name},{one.url}\n" for one in some)
    (tmp_path / "links.csv").write_text(f"group,name,url\n{rows}")
    store = open_place(f"{s3}/store")
    command = ["collect", "links.csv", "--out", str(store), "--contact", "a@b.c", "--allow-private", "--host-rate", "0"]
    command += ["--host-connections", "1", "--connections", "1", "--runner", "ray", "--ray-address", cluster, "--quiet"]
    parts: list[str] = []
    with subprocess.Popen([sys.executable, "-c", _SMALL_SHARDS, *command], cwd=tmp_path) as driver:
        while driver.poll() is None and not parts:
            time.sleep(0.1)
            parts = part_names(store)
        driver.kill()
    assert parts
    counts = run(list(read_source(str(tmp_path / "links.csv")).links), store, CollectRun())
    assert counts.resumed >= 10 and counts.statuses == Counter(fetched=40)
    asked = Counter(server.paths())
    assert len(asked) == 40 and sum(times > 1 for times in asked.values()) <= 40 - counts.resumed
    assert [row.url for row in timeless(store)] == [one.url for one in some]
    assert [name for name in store.names() if name.startswith(".webiml")] == []


_SMALL_SHARDS = """
import runpy
import webiml.collect.on_ray
webiml.collect.on_ray.SHARD_LINKS = 10
runpy.run_module("webiml", run_name="__main__")
"""
