"""Which rows belong together, and how groups of them are dealt out to parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webiml.types import Row


@dataclass(frozen=True)
class Alike:
    """Pictures that look alike: places i and j, (m,) ints each, in a list of SHA-256."""

    sha256: Sequence[str]
    i: np.ndarray
    j: np.ndarray


def connected(count: int, edges: np.ndarray) -> np.ndarray:
    """(count,) int64: of each of `count` things the smallest that it hangs together with.

    Args: edges: (m, 2) ints, things that belong together.
    """
    parent = list(range(count))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for a, b in edges.tolist():
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    for one in range(count):  # a parent is never larger, so its own is known by now
        parent[one] = parent[parent[one]]
    return np.array(parent, np.int64)


def assign(sizes: np.ndarray, draws: Sequence[int], shares: Sequence[float]) -> np.ndarray:
    """(n,) ints: the part of every group.

    The groups lie in the order of their draws, and the parts are cut off one after the other where their share is
    full. Which part a group falls into depends on its own draw but near the cuts, so new groups move few old ones. A
    group that is larger than the smallest part should be is dealt out before, the largest first, to the part with the
    most room.

    Args: sizes: (n,) rows of each group. draws: a number of each, any that differ. shares: of the parts; they add up to
        1.
    """
    found = np.zeros(len(sizes), np.int64)
    room = np.array(shares) * sizes.sum()
    order = sorted(range(len(sizes)), key=lambda group: draws[group])
    least = max(1.0, room.min())
    large = [group for group in order if sizes[group] > least]
    for group in sorted(large, key=lambda group: -sizes[group]):
        found[group] = int(np.argmax(room))
        room[found[group]] -= sizes[group]
    room = np.maximum(room, 0)
    small = np.array([group for group in order if sizes[group] <= least], np.int64)
    middles = np.cumsum(sizes[small]) - sizes[small] / 2
    ends = np.cumsum(room) * (sizes[small].sum() / max(room.sum(), 1e-12))
    found[small] = np.minimum(np.searchsorted(ends, middles, side="right"), len(shares) - 1)
    return found


def shared(row: Row) -> list[tuple[str, str]]:
    """What a row may have in common with others: kind and value."""
    pictures = {("picture", sha256) for sha256 in (row.authentic_sha256, row.manipulated_sha256) if sha256}
    others = {("url", row.authentic_url), ("group", row.extra.get("group"))}
    return sorted(pictures | {(kind, value) for kind, value in others if value})


def edges_between(tokens: np.ndarray, owner: np.ndarray, alike: Alike | None) -> np.ndarray:
    """(m, 2): rows that have a token in common, or pictures that look alike."""
    order = np.argsort(tokens, kind="stable")
    tokens, owner = tokens[order], owner[order]
    same = np.flatnonzero(tokens[1:] == tokens[:-1])
    edges = np.column_stack([owner[same], owner[same + 1]])
    if alike is None or not len(tokens):
        return edges
    pictures = np.array([token("picture", sha256) for sha256 in alike.sha256], np.uint64)
    at = np.minimum(np.searchsorted(tokens, pictures), len(tokens) - 1)
    there = tokens[at] == pictures
    both = there[alike.i] & there[alike.j]
    return np.concatenate([edges, np.column_stack([owner[at[alike.i[both]]], owner[at[alike.j[both]]]])])


def token(kind: str, value: str) -> int:
    """64 bits that stand for a value: enough to tell a billion apart."""
    return int.from_bytes(hashlib.blake2b(f"{kind}\0{value}".encode(), digest_size=8).digest(), "big")


def draw(seed: int, key: str) -> int:
    """A number that the seed and a key decide, and nothing else."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\0{key}".encode(), digest_size=16).digest(), "big")
