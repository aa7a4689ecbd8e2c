"""Links for the workers of a cluster: all links of one host in one shard, so that nobody else asks it meanwhile.

A shard has enough hosts to keep its worker busy and, where that allows it, at most a thousand links. Its hosts take
turns, so that a slow one does not hold up the others. The hosts with most links, which take longest, come first.
"""

from __future__ import annotations

import array
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from webiml.collect.addresses import BadAddress, parse_address
from webiml.collect.asking import Wanted
from webiml.store.links import from_link_record, to_link_record
from webiml.types import Link

SHARD_LINKS = 1000

_FIELDS = tuple(field.name for field in fields(Link) if field.name != "path")


@dataclass(frozen=True, slots=True)
class LinkShard:
    """Some of the links of a run.

    Attributes:
        number: of the shard, from 0. links: how many it has. packed: they themselves, for `read`.
        deaths: workers that died with it one after the other, none of whom had finished a link.
    """

    number: int
    links: int
    packed: bytes
    deaths: int = 0

    def read(self) -> Iterator[Wanted]:
        """Its links, in the order in which they are asked for."""
        with gzip.open(io.BytesIO(self.packed)) as lines:
            for line in lines:
                yield _unpacked(line)

    def only(self, keep: Callable[[Wanted], bool]) -> Self:
        """The shard with some of its links alone."""
        packed, links = io.BytesIO(), 0
        with gzip.open(packed, "wb", 1) as file:
            for wanted in filter(keep, self.read()):
                file.write(_packed(wanted))
                links += 1
        return replace(self, links=links, packed=packed.getvalue())


class Spool:
    """Links that wait for a worker: in a file of this machine, with 16 bytes of memory a link, some 60 at the end."""

    def __init__(self, folder: Path) -> None:
        self._file = open(folder / "links.jsonl", "w+b")  # noqa: SIM115 (closed at the end of the block)
        self._starts = array.array("Q")
        self._hosts = array.array("Q")
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, wanted: Wanted) -> None:
        """One link more, behind all others."""
        self._starts.append(self._end)
        self._hosts.append(_host(wanted.link.url))
        self._end += self._file.write(_packed(wanted))

    def shards(self, most_links: int, least_hosts: int) -> Iterator[LinkShard]:
        """All links, in shards; equal links make equal shards.

        Args:
            most_links: that a shard has, unless one host has more, or it has fewer hosts than
            least_hosts: that it may have whatever their links.
        """
        if not len(self):
            return
        starts = np.append(np.frombuffer(self._starts, np.uint64), np.uint64(self._end))
        for number, links in enumerate(_partition(np.frombuffer(self._hosts, np.uint64), most_links, least_hosts)):
            packed = io.BytesIO()
            with gzip.open(packed, "wb", 1) as file:
                for at in links:
                    self._file.seek(int(starts[at]))
                    file.write(self._file.read(int(starts[at + 1] - starts[at])))
            yield LinkShard(number, len(links), packed.getvalue())


def _partition(hosts: np.ndarray, most_links: int, least_hosts: int) -> Iterator[np.ndarray]:
    """Indices of the links of each shard.

    Args: hosts: (N,) uint64, the host of each link.
    """
    _, first, host, sizes = np.unique(hosts, return_index=True, return_inverse=True, return_counts=True)
    by_host = np.argsort(host, kind="stable")
    ends = np.cumsum(sizes)
    several: list[np.ndarray] = []
    links = 0
    for one in np.lexsort((first, -sizes)):
        if links + sizes[one] > most_links and len(several) >= least_hosts:
            yield _in_turns(several)
            several, links = [], 0
        several.append(by_host[ends[one] - sizes[one] : ends[one]])
        links += sizes[one]
    yield _in_turns(several)


def _in_turns(hosts: list[np.ndarray]) -> np.ndarray:
    """The first link of every host, then the second of every host, and so on."""
    turn = np.concatenate([np.arange(len(links)) for links in hosts])
    return np.concatenate(hosts)[np.argsort(turn, kind="stable")]


def _host(url: str) -> int:
    """What tells one host from another, 64 bits; addresses that are never asked share one."""
    try:
        host = parse_address(url).raw_host or ""
    except BadAddress:
        host = ""
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big")


def _packed(wanted: Wanted) -> bytes:
    link = {name: value for name in _FIELDS if (value := getattr(wanted.link, name))}
    record: dict[str, Any] = {"at": wanted.position, "link": link}
    if wanted.before is not None:
        record["before"] = to_link_record(wanted.before)
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _unpacked(line: bytes) -> Wanted:
    record = json.loads(line)
    link = Link(**{"name": "", "group": "", **record["link"]})
    return Wanted(record["at"], link, from_link_record(record["before"]) if "before" in record else None)
