"""Saved forum listings, in our spelling and in Reddit's: what is a picture, whose it is, how large a file may be."""

import json
import tracemalloc
from pathlib import Path

import pytest

from webiml.collect.sources import json_items
from webiml.collect.sources.forum import read_forum
from webiml.collect.sources.json_items import read_items
from webiml.collect.sources.read import read_source
from webiml.collect.sources.text_links import addresses_in, is_picture, unescape
from webiml.errors import SettingError
from webiml.types import Link

I = "http://i.imgur.com"  # noqa: E741


@pytest.fixture
def read(tmp_path):
    def read(listing: object) -> tuple[list[Link], list[str]]:
        (tmp_path / "thread.json").write_text(listing if isinstance(listing, str) else json.dumps(listing))
        told: list[str] = []
        return list(read_forum(tmp_path / "thread.json", told)), told

    return read


def names(links: list[Link]) -> list[tuple[str, str, str]]:
    return [(link.group, link.role[0], link.name) for link in links]


def test_our_spelling(read):
    reply = {"id": "c3", "url": f"{I}/d.png", "author": "Ada"}
    links, told = read(
        {
            "saved": "today",
            "posts": [
                {
                    "id": "p1",
                    "url": f"{I}/a.jpg",
                    "author": "Ann",
                    "page": "http://forum/p1",
                    "license": "CC0",
                    "source": "forum",
                    "title": "A cat",
                    "comments": [
                        {"id": "c1", "author": "Mia", "text": f"[here]({I}/b.jpg) and {I}/c.jpg, see http://x.org/y"},
                        {
                            "id": "c2",
                            "text": f"like {I}/a.jpg!",
                            "replies": [{"id": "c4", "text": "", "replies": [reply]}],
                        },
                    ],
                },
                {"id": "p2", "urls": ["http://x.org/show?id=7", f"{I}/e.jpg"], "comments": [{"urls": [f"{I}/f.jpg"]}]},
            ],
        }
    )
    assert names(links[:-1]) == [
        ("p1", "a", "p1_0"),
        ("p1", "m", "c1_0"),
        ("p1", "m", "c1_1"),
        ("p1", "m", "c3_0"),
        ("p2", "a", "p2_0"),
        ("p2", "a", "p2_1"),
    ]
    assert links[-1].url == f"{I}/f.jpg" and links[-1].name.startswith("f-") and links[-1].group == "p2"
    assert links[0] == Link(
        "p1_0", "p1", "authentic", f"{I}/a.jpg", "", "forum", "CC0", "Ann", "http://forum/p1", {"title": "A cat"}
    )
    assert (links[1].url, links[2].url) == (f"{I}/b.jpg", f"{I}/c.jpg")
    assert (links[3].author, links[3].source) == ("Ada", "forum")
    assert not any(link.problem for link in links)
    assert told == ["1 links to x.org that are no pictures", "1 links that stand in their thread before"]


def comment(name: str, body: str, *replies: object, **more: object) -> dict[str, object]:
    inner = {"kind": "Listing", "data": {"children": list(replies)}} if replies else ""
    data = {"id": name, "author": f"of {name}", "body": body, "permalink": f"/r/x/{name}/", "replies": inner, **more}
    return {"kind": "t1", "data": data}


def thread(post: dict[str, object], *comments: object) -> list[object]:
    """A page of Reddit as JSON: a listing of the post, and one of its comments."""
    return [
        {"kind": "Listing", "data": {"after": None, "children": [{"kind": "t3", "data": post}]}},
        {"kind": "Listing", "data": {"after": None, "children": list(comments)}},
    ]


def test_reddits_spelling(read):
    post = {
        "id": "10a",
        "author": "Ann",
        "subreddit": "pics",
        "permalink": "/r/pics/10a/",
        "url": f"{I}/a.jpg",
        "ups": 3,
    }
    links, told = read(
        thread(
            post | {"title": "PsBattle: a cat", "score": 7, "is_self": False, "created_utc": 1347854437.0},
            comment(
                "c1",
                f"[mine]({I}/b.png?a=1&amp;copy=2)",
                comment("c2", f"better: {I}/c&lt;"),
                {"kind": "more", "data": {"children": ["d1", "d2"]}},
            ),
            comment("c3", "no link", comment("c4", "https://youtu.be/x")),
            {"kind": "more", "data": {"count": 9, "children": []}},
        )
    )
    assert names(links) == [("10a", "a", "10a_0"), ("10a", "m", "c1_0"), ("10a", "m", "c2_0")]
    assert [link.url for link in links] == [f"{I}/a.jpg", f"{I}/b.png?a=1&copy=2", f"{I}/c"]
    assert (links[0].author, links[0].page, links[0].source) == (
        "Ann",
        "https://www.reddit.com/r/pics/10a/",
        "reddit.com/r/pics",
    )
    assert links[0].extra == {"title": "PsBattle: a cat", "score": "7", "created_utc": "1347854437.0"}
    assert (links[2].author, links[2].page) == ("of c2", "https://www.reddit.com/r/x/c2/")
    assert sorted(told) == ["1 links to youtu.be that are no pictures", "3 comments that the listing does not hold"]


def test_several_threads_and_comments_on_their_own(read):
    both = [
        thread({"id": "a", "url": f"{I}/a.jpg"}, comment("c1", f"{I}/1.jpg")),
        thread({"id": "b", "url": f"{I}/b.jpg"}, comment("c2", f"{I}/2.jpg")),
        {
            "kind": "Listing",
            "data": {"children": [comment("c3", f"{I}/3.jpg", link_id="t3_a"), {"kind": "t5", "data": {}}]},
        },
    ]
    links, told = read(both)
    assert [(link.group, link.url[-5]) for link in links] == [
        ("a", "a"),
        ("a", "1"),
        ("b", "b"),
        ("b", "2"),
        ("a", "3"),
    ]
    assert told == ["1 objects that are neither post nor comment"]


def test_a_gallery_is_several_authentic_pictures(read):
    about = {
        "m1": {"s": {"u": "https://preview.redd.it/m1.jpg?w=9&amp;s=5"}},
        "m2": {"s": {"gif": "https://i.redd.it/m2.gif"}},
    }
    gallery = {"items": [{"media_id": "m2"}, {"media_id": "gone"}, {"media_id": "m1"}, 5]}
    links, _ = read(
        thread({"id": "g", "url": "https://www.reddit.com/gallery/g", "gallery_data": gallery, "media_metadata": about})
    )
    assert [link.url for link in links] == ["https://i.redd.it/m2.gif", "https://preview.redd.it/m1.jpg?w=9&s=5"]
    assert names(links) == [("g", "a", "g_0"), ("g", "a", "g_1")]


def test_html_where_there_is_no_markdown(read):
    html = "&lt;p&gt;&lt;a href=&quot;http://x.org/a.jpg?b=1&amp;amp;c=2&quot;&gt;x&lt;/a&gt;"
    links, _ = read(thread({"id": "p", "is_self": True, "url": "https://www.reddit.com/r/x/p", "selftext_html": html}))
    assert [link.url for link in links] == ["http://x.org/a.jpg?b=1&c=2"]


def test_a_post_without_a_picture_is_a_row_and_its_replies_are_links(read):
    links, told = read(
        {"posts": [{"id": "p", "text": "http://imgur.com/a/b", "comments": [{"id": "c", "url": f"{I}/x.jpg"}]}]}
    )
    assert names(links) == [("p", "a", "p"), ("p", "m", "c_0")]
    assert links[0].problem == "the post links no picture, but http://imgur.com/a/b"
    assert told == ["1 links to imgur.com that are no pictures"]


def test_a_thread_that_was_saved_twice_gives_each_picture_once(read):
    post = {"id": "p", "url": f"{I}/a.jpg", "comments": [{"id": "c", "url": f"{I}/b.jpg"}]}
    links, _ = read({"posts": [post, post, {"id": "empty"}, {"id": "empty"}]})
    assert names(links) == [("p", "a", "p_0"), ("p", "m", "c_0"), ("empty", "a", "empty")]


def test_odd_values_end_nothing(read):
    odd_reply = {"kind": "t1", "data": {"replies": {"data": 5}}}
    odd = [
        {},
        {"id": ["x"], "url": {"a": 1}, "comments": "none", "author": None},
        {"id": 7, "url": f"{I}/a.jpg", "comments": [None, "text", 5, {"replies": {"a": 1}}, odd_reply]},
        {"kind": "t3", "data": {"url": "http://[", "gallery_data": [], "media_metadata": {}}},
        {"kind": "t3", "data": {"id": "s", "url": "\ud800"}},
    ]
    links, told = read({"posts": odd})
    assert [(link.url, bool(link.problem)) for link in links if link.group == "7"] == [(f"{I}/a.jpg", False)]
    assert "3 objects that are neither post nor comment" in told
    assert sum(bool(link.problem) for link in links) == 4
    for link in links:
        repr(link).encode()


def test_replies_may_go_deep(read, tmp_path):
    deep: dict[str, object] = {"id": "c199", "url": f"{I}/deepest.jpg"}
    for n in range(198, -1, -1):
        deep = {"id": f"c{n}", "replies": [deep]}
    links, _ = read({"posts": [{"id": "p", "url": f"{I}/a.jpg", "comments": [deep]}]})
    assert [link.name for link in links] == ["p_0", "c199_0"]
    endless = '{"id":"c","replies":[' * 3000 + "]}" * 3000
    links, _ = read(f'{{"posts": [{{"id": "p", "comments": [{endless}]}}, {{"id": "q", "url": "{I}/q.jpg"}}]}}')
    assert [(link.name, link.problem) for link in links] == [
        ("item 1", "item 1: replies to replies without end"),
        ("q_0", ""),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no posts"),
        ("[]", "holds no posts"),
        ('{"post": [{"id": 1}]}', "holds no posts"),
        ('{"posts": [{"id": "p"}', "is cut short"),
        ('{"posts": [{"id": "p', "is cut short"),
        ('{"posts": ]', "a closing bracket stands where none was opened"),
        ("[" * 20_000, "nests brackets more than 10,000 deep"),
    ],
)
def test_files_that_are_refused_in_one_sentence(tmp_path, text, words):
    (tmp_path / "thread.json").write_text(text)
    with pytest.raises(SettingError, match=words) as caught:
        read_source(tmp_path / "thread.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 8, 1000])
def test_items_are_found_wherever_the_reading_stops(tmp_path, monkeypatch, chunk):
    items = [{"a": '"}]{[\\"', "children": [{"b": 1}]}, {}, {"c\u00e9": ["\\", {}]}]
    text = json.dumps({"x": ["posts", {"no": 1}], "kind": "posts", "posts": items, "y": [{"n": 1}]}, indent=1)
    (tmp_path / "a.json").write_text(text.replace('"posts": [', '"posts" \n : ['))
    monkeypatch.setattr(json_items, "_CHUNK", chunk)
    assert [json.loads(item or b"") for item in read_items(tmp_path / "a.json")] == items


def test_a_large_file_costs_the_memory_of_its_largest_item(tmp_path, monkeypatch):
    post = json.dumps({"id": "p", "text": "x" * 1000, "comments": [{"id": n} for n in range(100)]})
    long = json.dumps({"id": "long", "comments": [{"text": "y" * 10_000}] * 30})
    with open(tmp_path / "large.json", "w") as file:
        file.write('{"posts": [' + ",".join([post] * 1500) + f', {long}, {{"id": "last"}}]}}')  # 4 MB
    monkeypatch.setattr(json_items, "MAX_ITEM", 200_000)
    monkeypatch.setattr(json_items, "_CHUNK", 50_000)
    tracemalloc.start()
    try:
        sizes = [None if item is None else len(item) for item in read_items(tmp_path / "large.json")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sizes == [len(post)] * 1500 + [None, len('{"id": "last"}')]
    assert peak < 1e6  # of 4 MB


def test_a_text_without_end_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('{"posts": [{"text": "' + "y" * 5000)
    monkeypatch.setattr(json_items, "MAX_ITEM", 2000)
    monkeypatch.setattr(json_items, "_CHUNK", 1000)
    with pytest.raises(SettingError, match="holds one text of more than"):
        list(read_items(tmp_path / "a.json"))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("see http://a/b.jpg.", ["http://a/b.jpg"]),
        ("[x](http://a/b.jpg)", ["http://a/b.jpg"]),
        ('[x](http://a/b_(c).jpg "title"), y', ["http://a/b_(c).jpg"]),
        ("(http://a/b.jpg), <https://c/d>", ["http://a/b.jpg", "https://c/d"]),
        ("[http://a/b.jpg](http://a/b.jpg)", ["http://a/b.jpg"]),
        (r"https://a/b\_c\_d.jpg**", ["https://a/b_c_d.jpg"]),
        ('<a href="http://a/b.jpg">x</a>', ["http://a/b.jpg"]),
        ("ftp://a/b.jpg www.a.org/b.jpg", []),
        ("http://....", ["http://"]),
    ],
)
def test_addresses_in_a_text(text, want):
    assert list(addresses_in(text)) == want


@pytest.mark.parametrize(
    ("address", "want"),
    [
        ("http://x.org/a.jpg", True),
        ("HTTPS://X.org/a.JPEG?size=9#top", True),
        ("http://i.imgur.com/qHxM2", True),
        ("http://i.imgur.com/qHxM2.gifv", False),  # a page with a film
        ("http://i.imgur.com/", False),
        ("http://imgur.com/qHxM2", False),
        ("http://i.imgur.com.evil.org/qHxM2", False),
        ("http://x.org/show?file=a.jpg", False),
        ("ftp://x.org/a.jpg", False),
        ("http:///a.jpg", False),
        ("http://[a.jpg", False),
    ],
)
def test_what_is_taken_for_a_picture(address, want):
    assert is_picture(address) is want


def test_entities_are_undone_once():
    assert unescape("?a=1&amp;copy=2&copy=3 &amp;lt; &lt;") == "?a=1&copy=2&copy=3 &lt; <"


def test_the_source_says_what_it_left_out(tmp_path):
    path: Path = tmp_path / "thread.json"
    path.write_text(json.dumps({"posts": [{"id": "p", "url": f"{I}/a.jpg", "text": "http://x.org/"}]}))
    source = read_source(path)
    assert (source.kind, source.total) == ("a saved forum listing", 1)
    assert source.ignored == ("1 links to x.org that are no pictures",)
