"""Posts and comments of a forum in the two spellings that are read, made one.

Ours is in docs/sources.md. Reddit's are things with a `kind`: listings (Listing), posts (t3), comments (t1), and `more`
for comments that are not there. `data.children`, `replies` (a listing, or an empty text) and `more` are read as in
mikf/gallery-dl gallery_dl/extractor/reddit.py; `link_id`, `body` and `permalink` as in PRAW's documentation of Comment;
galleries (`gallery_data.items[].media_id`, `media_metadata[id].s.u`) as in libreddit/libreddit src/utils.rs. `s.gif`,
for moving pictures of a gallery, is unverified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from webiml.collect.sources.json_items import MAX_ITEM
from webiml.collect.sources.text_links import addresses_in, is_picture, unescape
from webiml.images.read import readable

_REDDIT = "https://www.reddit.com"
_OWN = ("id", "url", "urls", "text", "comments", "replies", "author", "page", "license", "licence", "source")


@dataclass(frozen=True, slots=True)
class Post:
    """A post or a comment.

    Attributes:
        pictures: addresses of its pictures, each once. others: what else it links to.
        thread: id of the post that a comment of Reddit belongs to.
        replies: still as they stand in the file. missing: how many comments it stands for that are not there.
    """

    name: str = ""
    pictures: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    author: str = ""
    page: str = ""
    license: str = ""
    source: str = ""
    extra: dict[str, str] | None = None
    thread: str = ""
    is_comment: bool = False
    replies: tuple[Any, ...] = ()
    missing: int = 0


def read_json(raw: bytes | None) -> Any:
    """What JSON says, or as a text what is wrong with it. None: it was too long to be read."""
    if raw is None:
        return f"longer than {MAX_ITEM >> 20} MB"
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return "not UTF-8"
    except RecursionError:
        return "replies to replies without end"
    except ValueError as error:
        return f"not JSON ({error.msg if isinstance(error, json.JSONDecodeError) else 'a number without end'})"


def read_post(item: Any) -> Post | None:
    """A post or comment of either spelling; None when it is neither."""
    if not isinstance(item, dict):
        return None
    kind, data = item.get("kind"), item.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return _own(item)
    if kind == "t3":
        return _reddit_post(data)
    if kind == "t1":
        return _reddit_comment(data)
    return Post(is_comment=True, missing=max(1, len(_list(data.get("children"))))) if kind == "more" else None


def _own(data: dict[str, Any]) -> Post:
    fields = (_field(data, "url"), *(_text(url).strip() for url in _list(data.get("urls"))))
    linked = addresses_in(_field(data, "text"))
    return Post(
        _field(data, "id"),
        # What stands in a field of its own is meant as a picture, whatever it looks like
        _once(*(url for url in fields if url), *(url for url in linked if is_picture(url))),
        tuple(url for url in linked if not is_picture(url)),
        _field(data, "author"),
        _field(data, "page"),
        _field(data, "license") or _field(data, "licence"),
        _field(data, "source"),
        {readable(name): text for name, value in data.items() if name not in _OWN and (text := _text(value))},
        replies=(*_list(data.get("comments")), *_list(data.get("replies"))),
    )


def _reddit_post(data: dict[str, Any]) -> Post:
    gallery = _gallery(data)
    url = unescape(_field(data, "url_overridden_by_dest") or _field(data, "url"))
    field = () if gallery or not url or data.get("is_self") is True else (url,)
    text = unescape(_field(data, "selftext")) or unescape(unescape(_field(data, "selftext_html")))
    return _reddit(data, (*field, *addresses_in(text)), gallery)


def _reddit_comment(data: dict[str, Any]) -> Post:
    listing = data.get("replies")
    inner = listing.get("data") if isinstance(listing, dict) else None
    text = unescape(_field(data, "body")) or unescape(unescape(_field(data, "body_html")))
    return _reddit(
        data,
        addresses_in(text),
        thread=_field(data, "link_id").removeprefix("t3_"),
        is_comment=True,
        replies=tuple(_list(inner.get("children"))) if isinstance(inner, dict) else (),
    )


def _reddit(data: dict[str, Any], linked: tuple[str, ...], gallery: tuple[str, ...] = (), **more: Any) -> Post:
    page, subreddit = _field(data, "permalink"), _field(data, "subreddit")
    return Post(
        _field(data, "id"),
        _once(*gallery, *(url for url in linked if is_picture(url))),
        _once(*(url for url in linked if not is_picture(url))),
        _field(data, "author"),
        _REDDIT + page if page.startswith("/") else page,
        "",  # Reddit states none
        f"reddit.com/r/{subreddit}" if subreddit else "reddit.com",
        {name: text for name in ("title", "score", "created_utc") if (text := _field(data, name))},
        **more,
    )


def _gallery(data: dict[str, Any]) -> tuple[str, ...]:
    """Addresses of the pictures of a gallery, in its order."""
    gallery, about = data.get("gallery_data"), data.get("media_metadata")
    if not isinstance(gallery, dict) or not isinstance(about, dict):
        return ()
    found = []
    for item in _list(gallery.get("items")):
        one = about.get(_field(item, "media_id")) if isinstance(item, dict) else None
        largest = one.get("s") if isinstance(one, dict) else None
        if isinstance(largest, dict) and (url := _field(largest, "u") or _field(largest, "gif")):
            found.append(unescape(url))
    return tuple(found)


def _once(*addresses: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _field(data: dict[str, Any], name: str) -> str:
    return _text(data.get(name)).strip()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return readable(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
