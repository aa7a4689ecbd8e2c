"""Which source a path is, folders of pairs as a source, and sources of a user's own."""

import json
import os
import sys
from pathlib import Path

import pytest

from webiml.collect.sources.read import Source, read_source
from webiml.errors import SettingError

OWN = """
from webiml.types import Link

def links(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        group, role, url = line.split()
        yield Link(f"{number}", group, role, url)

def same(path):
    yield from (Link("n", "g", "manipulated", f"http://a/{n}") for n in "112")

def fails(path):
    yield Link("a", "g", "authentic", "http://a")
    raise ValueError("odd\\nthing")

def texts(path):
    yield "http://a/b.jpg"

def roles(path):
    yield Link("a", "g", "original", "http://a")

number = 7
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "my_source.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    yield "my_source"
    sys.modules.pop("my_source", None)


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"a picture")
    return folder


def names(source: Source) -> list[tuple[str, str, str, str]]:
    return [
        (link.group, link.role[0], link.name, link.path.name if link.path else link.problem) for link in source.links
    ]


def test_pair_folders(tmp_path):
    folder = pictures(tmp_path / "in", "cat/0.jpg", "cat/1.jpg", "cat/2.png", "dog/1.jpg", "notes.txt")
    source = read_source(str(folder))
    assert (source.kind, source.total, source.reaches_network) == ("a folder of pairs", 4, False)
    assert source.ignored == ("notes.txt",)
    assert names(source) == [
        ("cat", "a", "cat", "0.jpg"),
        ("cat", "m", "cat", "1.jpg"),
        ("cat", "m", "cat-2", "2.png"),
        ("dog", "m", "dog", "the folder dog holds no 0.jpg (or .png, .webp, ...)"),
    ]


def test_two_sides(tmp_path):
    folder = pictures(tmp_path, "authentic/a.jpg", "authentic/b.jpg", "manipulated/a.png", "manipulated/c.png")
    assert names(read_source(folder)) == [
        ("a", "a", "a", "a.jpg"),
        ("a", "m", "a", "a.png"),
        ("b", "m", "b", "no manipulated/b.* for authentic/b.jpg"),
        ("c", "m", "c", "no authentic/c.* for manipulated/c.png"),
    ]


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path):
    pictures(tmp_path, "secret.jpg", "in/a/0.jpg")
    os.symlink(tmp_path / "secret.jpg", tmp_path / "in" / "a" / "1.jpg")
    source = read_source(tmp_path / "in")
    authentic, manipulated = source.links
    assert authentic.problem == "" and manipulated.problem == "a/1.jpg is a link that leaves the folder"


def test_the_examples(repository):
    source = read_source(repository / "examples" / "pairs")
    links = list(source.links)
    assert source.total == len(links) and not any(link.problem for link in links)
    assert {link.role for link in links if link.name == "cat-over-the-lake"} == {"authentic", "manipulated"}


def test_which_source_a_path_is(tmp_path):
    (tmp_path / "links.JSONL").write_text('{"url": "http://a/b.jpg", "group": "g"}\n')
    assert read_source(tmp_path / "links.JSONL").kind == "a table of links"
    (tmp_path / "thread.json").write_text('{"posts": [{"id": "p", "url": "http://a/b.jpg"}]}')
    assert read_source(tmp_path / "thread.json").kind == "a saved forum listing"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.csv", "does not exist; check the path"),
        ("links.xlsx", r"no source that is known: a table \(\.csv, .*\.ndjson\), .*--reader package.module:function"),
        ("store", "is a store already.* webiml annotate reads it"),
        ("empty", "holds no pairs"),
        ("nul\0", "cannot be looked at|does not exist"),
        ("pipe", "neither a file nor a folder"),
        ("memory://links", "holds no manifest.parquet; any other source must lie on this machine"),
    ],
)
def test_what_is_no_source_is_refused_in_one_sentence(tmp_path, path, words):
    pictures(tmp_path, "links.xlsx", "store/store.json")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingError, match=words) as caught:
        read_source(path if "://" in path else tmp_path / path)
    assert "\n" not in str(caught.value)


def test_a_source_of_ones_own(tmp_path, own):
    (tmp_path / "list.txt").write_text("g authentic http://a/a.jpg\ng manipulated http://a/b.jpg\n")
    source = read_source(tmp_path / "list.txt", f"{own}:links")
    assert (source.kind, source.total, source.is_manifest) == ("links of my_source:links", None, False)
    assert [(link.group, link.role, link.url) for link in source.links] == [
        ("g", "authentic", "http://a/a.jpg"),
        ("g", "manipulated", "http://a/b.jpg"),
    ]
    found = [link.name for link in read_source(tmp_path, f"{own}:same").links]
    assert len(set(found)) == 3 and found[0] == "n"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("missing", "--reader my_source:missing cannot be imported"),
        ("number", "--reader my_source:number is no function of .path."),
        ("fails", "--reader my_source:fails failed: ValueError: odd thing"),
        ("texts", "gave a str as link 1, not a types.Link"),
        ("roles", "gave link 1 the role 'original'"),
    ],
)
def test_a_source_of_ones_own_that_fails_is_one_sentence(tmp_path, own, function, words):
    with pytest.raises(SettingError, match=words) as caught:
        list(read_source(tmp_path, f"{own}:{function}").links)
    assert "\n" not in str(caught.value)


def test_a_listing_without_links_is_refused(tmp_path):
    (tmp_path / "thread.json").write_text(json.dumps({"posts": [{"kind": "more", "data": {}}]}))
    with pytest.raises(SettingError, match="is a saved forum listing, but names no link"):
        read_source(tmp_path / "thread.json")
