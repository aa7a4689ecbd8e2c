"""How links are divided among workers: every host in one shard, nothing lost on the way."""

from __future__ import annotations

from pathlib import Path

from webiml.collect.asking import Wanted
from webiml.collect.shards import LinkShard, Spool
from webiml.store.links import link_id
from webiml.types import Link, LinkRow


def shards(folder: Path, urls: list[str], most_links: int, least_hosts: int) -> list[LinkShard]:
    with Spool(folder) as spool:
        for at, url in enumerate(urls):
            spool.add(Wanted(at, Link(f"n{at}", "g", "manipulated", url), None))
        return list(spool.shards(most_links, least_hosts))


def positions(shard: LinkShard) -> list[int]:
    return [wanted.position for wanted in shard.read()]


def test_a_host_is_in_one_shard_and_its_links_take_turns_with_those_of_others(tmp_path):
    urls = [f"http://{host}/{at}.jpg" for at, host in enumerate("aabbbcaad")]
    found = shards(tmp_path, urls, 5, 1)
    assert [positions(shard) for shard in found] == [[0, 1, 6, 7], [2, 5, 8, 3, 4]]  # a; b, c and d
    assert [(shard.number, shard.links, shard.deaths) for shard in found] == [(0, 4, 0), (1, 5, 0)]


def test_a_host_with_more_links_than_a_shard_stays_whole_and_comes_first(tmp_path):
    urls = ["http://b/0", *(f"http://a/{at}" for at in range(1, 7)), "http://c/7"]
    assert [positions(shard) for shard in shards(tmp_path, urls, 2, 1)] == [[1, 2, 3, 4, 5, 6], [0, 7]]


def test_few_hosts_stay_together_so_that_a_worker_is_busy(tmp_path):
    urls = [f"http://host{at % 4}/{at}" for at in range(12)]
    assert [len({at % 4 for at in positions(shard)}) for shard in shards(tmp_path, urls, 4, 2)] == [2, 2]


def test_spellings_of_one_host_are_one_host_and_what_is_never_asked_is_somewhere(tmp_path):
    urls = ["http://Example.org/1", "https://example.org:8443/2", "http://xn--bcher-kva.de/", "http://bücher.de/x"]
    found = shards(tmp_path, [*urls, "ftp://example.org/3", "http://[", ""], 1, 1)
    assert sorted(map(positions, found)) == [[0, 1], [2, 3], [4, 5, 6]]


def test_what_is_known_of_a_link_reaches_the_worker(tmp_path):
    known = {"source": "s", "license": "l", "author": "\ud800", "page": "p", "extra": {"a": "ü"}}
    link = Link("n\udcff", "", "authentic", "http://a/1", sha256="0" * 64, **known)
    before = LinkRow(link_id(link), "n", "", "authentic", link.url, "fetched", etag='"x"', extra={"b": "c"})
    with Spool(tmp_path) as spool:
        assert list(spool.shards(1, 1)) == []
        spool.add(Wanted(7, link, before))
        (shard,) = spool.shards(1, 1)
    assert list(shard.read()) == [Wanted(7, link, before)]
    assert list(shard.only(lambda wanted: wanted.position == 7).read()) == [Wanted(7, link, before)]
    assert shard.only(lambda wanted: False).links == 0
