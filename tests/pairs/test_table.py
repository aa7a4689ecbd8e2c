import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.errors import SettingError
from webiml.pairs.source import list_pairs
from webiml.pairs.table import list_table
from webiml.types import Pair, Reason

HEADER = "key,authentic,manipulated"


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, name: str = "pairs.csv") -> dict[str, Pair]:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return {pair.name: pair for pair in list_pairs([tmp_path / name]).pairs}

    return read


def reasons(pairs: dict[str, Pair]) -> dict[str, Reason | None]:
    return {name: pair.problem and pair.problem.reason for name, pair in pairs.items()}


def test_a_plain_table(read, tmp_path):
    pair = read(f"{HEADER}\na,x/0.jpg,/data/1.jpg\n")["a"]
    assert pair.authentic == tmp_path / "x" / "0.jpg"
    assert pair.manipulated == Path("/data/1.jpg")
    assert (pair.key, pair.root, pair.problem, pair.extra) == ("a", None, None, {})


def test_known_columns_and_further_ones(read):
    head = f"licence,{HEADER},author,source,authentic_url,manipulated_url,mask,kind,input.odd name,\n"
    pair = read(head + "CC0,a,0,1,Ann,web,http://a,http://m,a.png,,x,y\n")["a"]
    assert (pair.license, pair.author, pair.source) == ("CC0", "Ann", "web")
    assert (pair.authentic_url, pair.manipulated_url) == ("http://a", "http://m")
    assert pair.extra == {"mask": "a.png", "input.odd name": "x", "column 12": "y"}  # the empty kind is left out


def test_either_spelling_of_license(read):
    pairs = read(f"{HEADER},license,licence\na,0,1,one,two\nb,0,1,,two\n")
    assert (pairs["a"].license, pairs["b"].license) == ("one", "two")
    assert pairs["a"].extra == {}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffkey,authentic,manipulated\r\na,0,1\r\n\r\n",
        '"key","authentic","manipulated"\n"a","0","1"',
        " key , authentic , manipulated \na,0,1\n\n",
        "key,authentic,manipulated\ra,0,1\r",
    ],
    ids=["excel", "quoted", "spaces", "old-mac"],
)
def test_ways_to_write_it(read, text):
    pairs = read(text)
    assert reasons(pairs) == {"a": None}
    assert pairs["a"].manipulated.name == "1"


def test_tsv(read):
    pairs = read("key\tauthentic\tmanipulated\na\tx,y.jpg\t1.jpg\n", "PAIRS.TSV")
    assert pairs["a"].authentic.name == "x,y.jpg"


def test_rows_that_cannot_be_used(read):
    pairs = read(
        f"{HEADER}\n"
        "no-a,,1.jpg\n"
        "no-m,0.jpg,  \n"
        "short,0.jpg\n"
        ",0.jpg,1.jpg\n"
        "long,0.jpg,1.jpg,what\n"
        "nul,0\0.jpg,1.jpg\n"
        'line,"0\n.jpg",1.jpg\n'
        'quote,"0"x.jpg,1.jpg\n'
        "good,0.jpg,1.jpg\n"
        f"huge,{'x' * 200_000},1.jpg\n"
        "last,0.jpg,1.jpg\n"
    )
    assert reasons(pairs) == {
        "no-a": Reason.MISSING_AUTHENTIC,
        "no-m": Reason.MISSING_MANIPULATED,
        "short": Reason.MISSING_MANIPULATED,
        "row 4": Reason.BAD_ROW,
        "long": Reason.BAD_ROW,
        "nul": Reason.BAD_ROW,
        "line": Reason.BAD_ROW,
        "row 8": Reason.BAD_ROW,
        "good": None,
        "row 10": Reason.BAD_ROW,
        "last": None,
    }
    assert pairs["row 4"].problem.detail == "line 5: the key is empty"
    assert pairs["long"].problem.detail == "line 6: 4 fields, the header has 3"
    assert "line 10" in pairs["row 8"].problem.detail  # the row above it takes two lines


@pytest.mark.parametrize(
    "address",
    ["http://x/a.jpg", "HTTPS://x/a.jpg", " https://x", "ftp://x/a", "s3://b/a.jpg", "data:image/png;base64,AA", "file:///a"],
)  # fmt: skip
def test_addresses_are_not_paths(read, address):
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.split(","), ["a", address, "1.jpg"], ["m", "0.jpg", address]])
    pairs = read(text.getvalue())
    assert reasons(pairs) == {"a": Reason.IS_URL, "m": Reason.IS_URL}
    assert pairs["a"].authentic is None and address.strip() in pairs["a"].problem.detail


@pytest.mark.parametrize("path", ["C:\\x\\a.jpg", "a:b.jpg", "data/x.jpg", "http.jpg", "x//y.jpg", "weird://"[:6]])
def test_paths_are_not_addresses(read, path):
    assert reasons(read(f"{HEADER}\na,{path},1.jpg\n")) == {"a": None}


def test_duplicate_keys(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text(f"{HEADER}\nb,0,1\na,0,1\nb,2,3\nb,4,5\nB,6,7\n")
    pairs = list_pairs([table]).pairs
    assert len({pair.key.lower() for pair in pairs}) == 5
    good = {pair.key: pair for pair in pairs if pair.problem is None}
    assert {"a", "B"} < good.keys() and len(good) == 3
    bad = [pair for pair in pairs if pair.problem]
    assert {pair.problem.reason for pair in bad if pair.problem} == {Reason.DUPLICATE_KEY}
    assert {pair.problem.detail for pair in bad if pair.problem} == {
        "line 4: the key stands in line 2 already",
        "line 5: the key stands in line 2 already",
    }


def test_a_key_that_is_a_path_is_made_safe(read):
    pair = read(f"{HEADER}\n../../etc/x,0,1\n")["../../etc/x"]
    assert pair.key.startswith("etc_x-") and pair.problem is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (HEADER, "no rows"),
        (HEADER + "\n\n\n", "no rows"),
        ("id,authentic,manipulated\na,0,1", "no column key; it has id, authentic, manipulated"),
        ("key,authentc,manipulated\na,0,1", "'authentc' may be 'authentic'"),
        ("Key,AUTHENTIC,Manipulated\na,0,1", "'Key' may be 'key', .*'AUTHENTIC' may be 'authentic'|AUTHENTIC"),
        ("key;authentic;manipulated\na;0;1", "parted by ';'"),
        (HEADER + ",key\na,0,1,b", "column key more than once"),
        (HEADER.encode() + b"\ncaf\xe9,0,1", "not UTF-8 .byte 0xe9"),
        ((HEADER + "\na,0,1").encode("utf-16"), "not UTF-8"),
        (HEADER + '\na,0,"1\nb,0,1\nc,0,1\n', "quote in line 2 seems never to be closed"),
        (HEADER + '\na,0,"1\nb,0,"1"\nc,0,1\n', "quote in line 2 seems never to be closed"),
        (HEADER + '\na,0,"1\n' + "b,0,1\n" * 50_000, "quote in line 2 seems never to be closed"),
    ],
)
def test_tables_that_are_refused(read, text, words):
    with pytest.raises(SettingError, match=words):
        read(text)


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)] * 4),
        min_size=1,
        max_size=8,
    )
)
def test_no_row_is_lost(tmp_path_factory, rows):
    table = tmp_path_factory.mktemp("table") / "pairs.csv"
    with open(table, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([[*HEADER.split(","), "note"], *rows])
    listing = list_pairs([table])
    assert len(listing.pairs) == len(rows)
    assert len({pair.key for pair in listing.pairs}) == len(rows)
    assert [pair.key for pair in listing.pairs] == sorted(pair.key for pair in listing.pairs)
    names = [row[0] if row[0].strip() else f"row {i}" for i, row in enumerate(rows, 1)]
    assert [pair.name for pair in list_table(table)[0]] == names
    notes = sorted(row[3] for row in rows if row[3])
    assert sorted(pair.extra["note"] for pair in listing.pairs if "note" in pair.extra) == notes


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet(tmp_path):
    table = parquet(
        tmp_path / "pairs.parquet",
        key=pa.array([1, 2, None]),
        authentic=pa.array(["0.jpg", None, "0.jpg"]).dictionary_encode(),
        manipulated=["1.jpg", "1.jpg", "https://x/1.jpg"],
        licence=["CC0", None, ""],
        score=[0.25, float("nan"), 1.0],
        flag=[True, None, False],
        tags=[["a", "b"], [], None],
        when=pa.array([1_000_000_001, None, 0], pa.timestamp("ns")),
        pixels=[b"\xff\xd8", b"", None],
    )
    listing = list_pairs([table])
    pairs = {pair.name: pair for pair in listing.pairs}
    assert reasons(pairs) == {"1": None, "2": Reason.MISSING_AUTHENTIC, "row 3": Reason.BAD_ROW}
    assert pairs["1"].authentic == tmp_path / "0.jpg"
    assert pairs["1"].license == "CC0"
    assert pairs["1"].extra == {
        "score": "0.25", "flag": "true", "tags": '["a", "b"]', "when": "1970-01-01 00:00:01.000000001",
    }  # fmt: skip
    assert pairs["2"].extra == {"tags": "[]"}
    assert listing.ignored == ("pairs.parquet: column pixels (bytes)",)


def test_parquet_that_is_refused(tmp_path):
    good = {"key": ["a"], "authentic": ["0"], "manipulated": ["1"]}
    for table, words in (
        (parquet(tmp_path / "a.parquet", key=["a"], authentic=["0"]), "no column manipulated"),
        (parquet(tmp_path / "b.parquet", **{**good, "authentic": [{"bytes": b""}]}), "paths as text"),
        (parquet(tmp_path / "c.parquet", **{**good, "authentic": [b"0"]}), "paths as text"),
        (parquet(tmp_path / "d.parquet", **{name: pa.array([], pa.string()) for name in good}), "no rows"),
    ):
        with pytest.raises(SettingError, match=words):
            list_pairs([table])
    whole = parquet(tmp_path / "e.parquet", **good).read_bytes()
    for data in (b"", b"PAR1", whole[: len(whole) // 2], whole[:4] + bytes(len(whole) - 8) + whole[-4:]):
        (tmp_path / "e.parquet").write_bytes(data)
        with pytest.raises(SettingError, match="cannot be read"):
            list_pairs([tmp_path / "e.parquet"])
