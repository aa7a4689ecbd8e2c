"""The manifests of PS-Battles: originals, and what was made of them, linked by a column or by the id."""

from pathlib import Path

import pytest

from webiml.collect.sources.psbattles import read_psbattles
from webiml.collect.sources.read import read_source
from webiml.errors import SettingError
from webiml.types import Link

ORIGINALS = ["id", "url", "end", "hash", "filesize", "score", "author", "link", "timestamp", "width", "height"]
PHOTOSHOPS = ["id", "original", *ORIGINALS[1:]]
SHA = "ab" * 32


def table(path: Path, columns: list[str], *rows: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    delimiter = "," if path.suffix == ".csv" else "\t"
    path.write_text("".join(delimiter.join(line) + "\n" for line in (columns, *(row.split() for row in rows))))
    return path


def original(name: str) -> str:
    return f"{name} http://a/{name}.jpg jpg {SHA} 7 9 Ann forum.org/{name} 1347 640 480"


def made(name: str, of: str) -> str:
    return f"{name} {of} http://a/{name}.png png {SHA} 8 3 Mia forum.org/{of}/{name} 1348 641 481"


def test_the_published_form(tmp_path):
    table(tmp_path / "originals.tsv", ORIGINALS, original("10a"), original("10b"))
    table(tmp_path / "photoshops.tsv", PHOTOSHOPS, made("c6_0", "10a"), made("c6_1", "10a"), made("c7_0", "lost"))
    links = list(read_psbattles(tmp_path))
    assert [(link.role[0], link.group, link.name) for link in links] == [
        ("a", "10a", "10a"),
        ("a", "10b", "10b"),
        ("m", "10a", "c6_0"),
        ("m", "10a", "c6_1"),
        ("m", "lost", "c7_0"),  # its original is in no table: still a link
    ]
    rest = {"end": "png", "filesize": "8", "score": "3", "timestamp": "1348", "width": "641", "height": "481"}
    want = Link(
        "c6_0", "10a", "manipulated", "http://a/c6_0.png", SHA, "PS-Battles", "", "Mia", "forum.org/10a/c6_0", rest
    )
    assert links[2] == want
    source = read_source(tmp_path)
    assert (source.kind, source.total) == ("the manifests of PS-Battles", 5)


@pytest.mark.parametrize("column", ["id", "name"])
def test_linked_by_the_id(tmp_path, column):
    columns = [column if name == "id" else name for name in PHOTOSHOPS if name != "original"]
    if column == "name":
        columns = ["id" if name == "url" else name for name in columns]
        columns = [*columns, "url"]
        row = f"10a/c6_0.png 1 png {SHA} 8 3 Mia forum.org/x 1348 641 481 http://a/c6_0.png"
    else:
        row = f"10a/c6_0 http://a/c6_0.png png {SHA} 8 3 Mia forum.org/x 1348 641 481"
    table(tmp_path / "originals.csv", ORIGINALS, original("10a"))
    table(tmp_path / "photoshops.csv", columns, row)
    authentic, manipulated = read_psbattles(tmp_path)
    assert (authentic.group, manipulated.group, manipulated.name) == ("10a", "10a", "c6_0")
    assert manipulated.url == "http://a/c6_0.png"


def test_one_of_the_two_says_so(tmp_path):
    table(tmp_path / "a" / "originals.tsv", ORIGINALS, original("10a"))
    source = read_source(tmp_path / "a")
    assert source.kind.startswith("the originals of PS-Battles alone") and source.total == 1
    assert {link.role for link in source.links} == {"authentic"}
    renamed = table(tmp_path / "b" / "first thousand.tsv", ORIGINALS, original("10a"))
    assert read_source(renamed).kind == source.kind
    other = table(tmp_path / "c" / "edits.tsv", PHOTOSHOPS, made("c6_0", "10a"))
    source = read_source(other)
    assert source.kind.startswith("the photoshops of PS-Battles alone")
    assert {link.role for link in source.links} == {"manipulated"}


def test_rows_that_cannot_be_used(tmp_path):
    rows = ["10a/c1_0 http://a", "c2_0 http://a", "10a/c3_0 http://a 12", "10a/c4_0", "a b c d"]
    table(tmp_path / "photoshops.tsv", ["id", "url", "hash"], *rows)
    links = list(read_psbattles(tmp_path))
    assert [(link.group, link.name) for link in links] == [
        ("10a", "c1_0"),
        ("c2_0", "c2_0"),
        ("10a", "c3_0"),
        ("10a", "c4_0"),
        ("line 6", "line 6"),
    ]
    assert [link.problem for link in links] == [
        "",
        "line 3: no original is named, and the id is not <original id>/<comment id>_<n>: c2_0",
        "",  # a hash that is no SHA-256 is not checked; it stays as it is
        "line 5: url is empty",
        "line 6: 4 fields, the header has 3",
    ]
    assert links[2].extra == {"hash": "12"}


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        ("originals.tsv", ["name", "url", "hash"], "originals.tsv has no column id; it has name, url, hash"),
        ("originals.tsv", ["id", "hash"], "originals.tsv has no column url; it has id, hash"),
        ("photoshops.tsv", ["score", "x"], "photoshops.tsv has no column id and no column url"),
        ("photoshops.tsv", ["id", "url"], "photoshops.tsv has no column original, .*the first is '1'"),
    ],
)
def test_a_missing_column_is_one_sentence(tmp_path, name, columns, words):
    table(tmp_path / name, columns, " ".join("123456789"[: len(columns)]))
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(SettingError, match=words) as caught:
            read_source(path)
        assert "\n" not in str(caught.value)


def test_the_first_rows_of_the_real_manifest(shared_data):
    folder = shared_data / "psbattles"
    if not folder.is_dir():
        pytest.skip("no manifest lies beside this checkout")
    links = list(read_source(folder).links)
    assert len(links) == 200 and not any(link.problem for link in links)
    assert all(link.name == link.group and len(link.sha256) == 64 and link.url.startswith("http") for link in links)
    assert set(links[0].extra) == {"end", "filesize", "score", "timestamp", "width", "height"}
