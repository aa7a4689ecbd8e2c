"""Links from a saved forum listing: pictures of a post are authentic, those of its comments manipulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from webiml.collect.sources.forum_posts import Post, read_json, read_post
from webiml.collect.sources.json_items import read_items
from webiml.collect.sources.names import Seen, address_name
from webiml.collect.sources.text_links import host_of
from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.types import Link

_MOST_TOLD = 20  # sorts of things that were left out
_MOST_COUNTED = 1000
_NOT_THERE = "comments that the listing does not hold"
_NO_POSTS = "objects that are neither post nor comment"


def read_forum(path: Path, ignored: list[str] | None = None) -> Iterator[Link]:
    """The pictures that a saved listing links to, each thread a group; docs/sources.md says what counts as a picture.

    A post without a picture, or one that cannot be understood, is one link with its problem. What else people link to
    is counted by host. An address that stands in its thread before is left out, so that a quoted original is not taken
    for a manipulated picture.

    Args:
        ignored: gets these counts, when all links have been read.
    Raises:
        SettingError: the file cannot be read, is no JSON, or holds no posts.
    """
    counts: Counter[str] = Counter()
    seen = Seen()
    thread = Post()
    number = 0
    for number, raw in enumerate(read_items(path), 1):
        where = f"item {number}"
        item = read_json(raw)
        if isinstance(item, str):
            yield Link(where, thread.name or where, "manipulated", problem=f"{where}: {item}")
            continue
        post = read_post(item)
        if post is None:
            counts[_NO_POSTS] += 1
        elif post.is_comment:
            if post.thread not in ("", thread.name):
                thread = Post(post.thread)
            yield from _comments([item], replace(thread, name=thread.name or where), counts, seen)
        else:
            known = post.name or next((address_name(text) for text in (post.page, *post.pictures) if text), where)
            thread = replace(post, name=known)
            if not post.pictures and seen.new(known, ""):
                other = f", but {post.others[0][:200]}" if post.others else ""
                url = post.others[0] if post.others else ""
                yield _link(thread, thread, known, url, f"the post links no picture{other}")
            yield from _links(thread, thread, counts, seen)
            yield from _comments(post.replies, thread, counts, seen)
    if not number:
        raise SettingError(
            f'{readable(path)} holds no posts: a saved listing is {{"posts": [...]}}, or what Reddit gives as JSON.'
        )
    if ignored is not None:
        ignored += _told(counts)


def _comments(items: object, thread: Post, counts: Counter[str], seen: Seen) -> Iterator[Link]:
    """The pictures of comments and of all replies to them, in the order of the page."""
    waiting = [*reversed(items)] if isinstance(items, list | tuple) else []
    while waiting:  # no recursion: replies may go deep
        post = read_post(waiting.pop())
        if post is None:
            counts[_NO_POSTS] += 1
            continue
        if post.missing:
            counts[_NOT_THERE] += post.missing
        yield from _links(post, thread, counts, seen)
        waiting += reversed(post.replies)


def _links(post: Post, thread: Post, counts: Counter[str], seen: Seen) -> Iterator[Link]:
    for address in post.others:
        what = f"links to {host_of(address)} that are no pictures"
        counts[what if what in counts or len(counts) < _MOST_COUNTED else "links elsewhere"] += 1
    number = 0
    for address in post.pictures:
        if seen.new(thread.name, address):
            name = f"{post.name}_{number}" if post.name else address_name(address)
            yield _link(post, thread, name, address)
            number += 1
        else:
            counts["links that stand in their thread before"] += 1


def _link(post: Post, thread: Post, name: str, url: str, problem: str = "") -> Link:
    return Link(
        name,
        thread.name,
        "authentic" if post is thread else "manipulated",
        url,
        source=post.source or thread.source,
        license=post.license,
        author=post.author,
        page=post.page,
        extra=post.extra or {},
        problem=problem,
    )


def _told(counts: Counter[str]) -> list[str]:
    most = counts.most_common(_MOST_TOLD)
    others = sum(counts.values()) - sum(count for _, count in most)
    return [f"{count:,} {what}" for what, count in most] + ([f"{others:,} other things"] if others else [])
