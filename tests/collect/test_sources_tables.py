"""Tables of links: a row a pair, a row a picture, and what can be wrong with either."""

import csv
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from webiml.collect.sources.read import read_source
from webiml.collect.sources.tables import read_table
from webiml.errors import SettingError
from webiml.types import Link

A, B, M, N = (f"http://x.org/{name}.jpg" for name in "abmn")
SHA = "0123456789abcdef" * 4


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, name: str = "links.csv") -> list[Link]:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return list(read_table(tmp_path / name))

    return read


def short(links: list[Link]) -> list[tuple[str, str, str]]:
    return [(link.role[0], link.url, link.group.rpartition("-")[0] or link.group) for link in links]


ROWS = [
    {"key": "one", "authentic_url": A, "manipulated_url": M, "license": "CC0"},
    {"key": "two", "authentic_url": A, "manipulated_url": N, "license": "CC0"},
    {"key": "three", "authentic_url": B, "manipulated_url": M, "license": "CC0"},
]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    if path.suffix in (".jsonl", ".ndjson"):
        path.write_text("\ufeff" + "\n\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "ndjson"])
def test_an_authentic_picture_of_several_pairs_is_one_link(tmp_path, ending):
    links = list(read_table(write(tmp_path / f"links.{ending}", ROWS)))
    assert short(links) == [("a", A, "a"), ("m", M, "a"), ("m", N, "a"), ("a", B, "b"), ("m", M, "b")]
    assert [link.name for link in links if link.role == "manipulated"] == ["one", "two", "three"]
    assert {link.license for link in links} == {"CC0"} and not any(link.problem or link.extra for link in links)
    assert links[0].group == links[1].group == links[2].group != links[3].group == links[4].group


def test_the_group_depends_on_the_address_alone(tmp_path):
    straight = {link.group for link in read_table(write(tmp_path / "a.csv", ROWS))}
    assert {link.group for link in read_table(write(tmp_path / "b.csv", ROWS[::-1]))} == straight


def test_what_a_pair_says_of_each_picture(read):
    columns = (
        "authentic,manipulated,group,source,licence,author,page,hash,authentic_author,authentic_license,authentic_sha256,"
        "authentic_page,score,id"
    )
    first, second = read(f"{columns}\n {A} ,{M},g,web,CC0,Mia,http://p,{SHA.upper()},Ann,CC-BY,{SHA},http://q,7,n1\n")
    assert first == Link(first.name, "g", "authentic", A, SHA, "web", "CC-BY", "Ann", "http://q")
    assert second == Link("n1", "g", "manipulated", M, SHA, "web", "CC0", "Mia", "http://p", {"score": "7"})


def test_a_column_of_the_manipulated_picture_wins_and_the_other_is_kept(read):
    columns = "authentic_url,manipulated_url,author,manipulated_author,hash,key,name"
    _, link = read(f"{columns}\n{A},{M},Ann,Mia,d41d8cd98f00b204e9800998ecf8427e,k,n\n")
    assert (link.name, link.author, link.sha256) == ("k", "Mia", "")
    assert link.extra == {"author": "Ann", "name": "n", "hash": "d41d8cd98f00b204e9800998ecf8427e"}  # an MD5


def test_a_group_with_two_authentic_pictures_is_two_groups(read):
    links = read(f"group,authentic_url,manipulated_url\ng,{A},{M}\ng,{B},{N}\ng,{A},{N}\ng,{B},{M}\n")
    assert short(links) == [
        ("a", A, "g"),
        ("m", M, "g"),
        ("a", B, "g"),
        ("m", N, "g"),
        ("m", N, "g"),
        ("m", M, "g"),
    ]
    of = {link.url: link.group for link in links if link.role == "authentic"}
    assert of[A] == "g" != of[B]
    assert [link.group for link in links] == [of[url] for url in (A, A, B, B, A, B)]


def test_rows_of_pairs_that_cannot_be_used(read):
    links = read(
        "key,authentic_url,manipulated_url,authentic_sha256,sha256\n"
        f"a,{A},\n"
        f"b,,{M}\n"
        f"c,{A},{M},abc\n"
        f"d,{A},{M},{SHA},{SHA[:-1]}\n"
        f"e,{A},{M},,,,\n"
        f'f,"{A}"x,{M}\n'
        f"g,{A},{M}\n"
    )
    assert [(link.name, link.problem) for link in links if link.problem] == [
        ("a", "line 2: manipulated_url is empty"),
        ("b", "line 3: authentic_url is empty"),
        ("c", "line 4: authentic_sha256 is not 64 hex digits: abc"),
        ("d", f"line 5: sha256 is not 64 hex digits: {SHA[:-1]}"),
        ("line 6", "line 6: 7 fields, the header has 5"),
        ("line 7", "line 7: ',' expected after '\"'"),
    ]
    assert [(link.role, link.url) for link in links if not link.problem] == [("authentic", A), ("manipulated", M)]


def test_pictures_with_and_without_a_role(read):
    with_role = read(f"url,group,role,id\n{M},g,Manipulated,m\n{A},g,authentic,a\n{N},g,forged,n\n{B},g,,b\n")
    assert [(link.name, link.role) for link in with_role] == [
        ("m", "manipulated"),
        ("a", "authentic"),
        ("n", "manipulated"),
        ("b", "manipulated"),
    ]
    assert [link.problem for link in with_role[2:]] == [
        "line 4: role is 'forged', not authentic or manipulated",
        "line 5: role is '', not authentic or manipulated",
    ]
    without = read(f"url,group_id,sha256,source,x\n{A},g,{SHA},web,1\n{M},g,,,\n{B},h\n{N},g\n")
    assert [link.role[0] for link in without] == ["a", "m", "a", "m"]
    assert without[0] == Link(without[0].name, "g", "authentic", A, SHA, "web", extra={"x": "1"})


def test_a_first_picture_that_cannot_be_used_does_not_make_the_second_authentic(read):
    links = read(f"url,group,name\n,g,a\n{M},g,m\n{N},,n\n")
    assert [(link.name, link.role, link.problem) for link in links] == [
        ("a", "authentic", "line 2: url is empty"),
        ("m", "manipulated", ""),
        ("n", "manipulated", "line 4: group is empty"),
    ]


def test_json_lines_that_cannot_be_understood_are_rows(read):
    good = json.dumps({"url": A, "group": 7, "role": "authentic", "n": [1.5], "no": None, "half": "\ud800"})
    deep = b'{"url":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    long = b'{"url": "' + b"x" * 3_000_000 + b'"}'
    bad = [b"[1]", b"{", b'{"url": "\xff"}', deep, long, b'{"url": ' + b"1" * 5000 + b"}"]
    links = read(b"\n".join([good.encode(), *bad, good.encode()]) + b"\n", "links.jsonl")
    assert [link.problem.partition(":")[0] for link in links] == ["", *(f"line {n}" for n in range(2, 8)), ""]
    for link, words in zip(
        links[1:-1],
        ["not a JSON object", "not JSON (Expecting", "not UTF-8 (byte 0xff)", "not JSON", "longer than", "not JSON"],
        strict=True,
    ):
        assert words in link.problem
    assert (links[0].group, links[0].extra) == ("7", {"n": "[1.5]", "half": "\\ud800"})


def test_a_column_of_bytes_is_told(tmp_path):
    table = tmp_path / "links.parquet"
    pq.write_table(pa.table({"url": [A], "group": ["g"], "raw": [b"\0"]}), table)
    assert read_source(table).ignored == ("links.parquet: column raw (bytes)",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its header needs url, group"),
        ("a,b\n1,2\n", r"needs the columns authentic_url and manipulated_url .* or url and group .*; it has a, b\.$"),
        ("URL,groupid\n1,2\n", r"it has URL, groupid \('URL' may be 'url', 'groupid' may be 'group'\)"),
        ("authentic_url,manipulatd_url\n1,2\n", r"'manipulatd_url' may be 'manipulated_url'"),
        ("url;group\n1;2\n", "parted by ';'"),
        ("url,group,url\n1,2,3\n", "column url more than once"),
        (
            "key,authentic,manipulated\na,0.jpg,1.jpg\n",
            "authentic and manipulated of .* hold no addresses .0.jpg.*webiml",
        ),
        (b"url,group\n\xff,2\n", "not UTF-8"),
        (f'url,group\n{A},"g\n{M},g\n{M},g\n', "quote in line 2"),
        ("url,group\n", "is a table of links, but names no link"),
    ],
)
def test_tables_that_are_refused_in_one_sentence(tmp_path, text, words):
    (tmp_path / "links.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SettingError, match=words) as caught:
        read_source(tmp_path / "links.csv")
    assert "\n" not in str(caught.value)


def test_columns_are_told_before_anything_is_read(tmp_path):
    (tmp_path / "links.jsonl").write_text('{"url": "http://a"}\n')
    with pytest.raises(SettingError, match="it has url"):
        read_table(tmp_path / "links.jsonl")  # without asking for a link


def test_a_table_with_paths_beside_its_addresses(read):
    """What `webiml annotate` reads may have addresses: they are used, and the paths are no addresses."""
    links = read(
        f"key,authentic,manipulated,authentic_url,manipulated_url\na,0.jpg,1.jpg,{A},{M}\nb,0.jpg,1.jpg,,{N}\n"
    )
    assert [link.url for link in links] == [A, M, N]
    assert links[1].extra == {"authentic": "0.jpg", "manipulated": "1.jpg"}
    assert links[2].problem == "line 3: authentic_url is empty"


def test_ten_thousand_links_cost_a_few_hundred_kilobytes(tmp_path):
    table = tmp_path / "links.csv"
    with open(table, "w") as file:
        file.write("key,authentic_url,manipulated_url\n")
        file.writelines(f"k{n},http://x.org/a/{n}.jpg,http://x.org/m/{n}.jpg\n" for n in range(5000))
    source = read_source(table)
    assert source.total == 10_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.links) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1e6  # a list of them has 3.4 MB
