from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.items import Item
from webiml.evaluate.benchmarks.tables import read_table

PAIRS = "key,authentic,manipulated,mask"


@pytest.fixture
def read(tmp_path):
    def read(text: str, name: str = "pairs.csv") -> dict[str, Item]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return {item.name: item for item in read_table(tmp_path / name)[0]}

    return read


def reasons(items: dict[str, Item]) -> dict[str, str]:
    return {name: item.problem.reason.value for name, item in items.items() if item.problem}


def test_a_row_of_a_table_of_pairs_is_one_item(read, tmp_path):
    items = read(f"{PAIRS},kind,type,component\nb,x/0.jpg,x/1.jpg,/m/1.png,SDG,splice,c3\na,0.jpg,1.jpg,1.png,,,\n")
    assert items["b"] == Item(
        "b", "b", tmp_path / "x/1.jpg", Path("/m/1.png"), "c3", "SDG", (tmp_path / "x/0.jpg",), None, None
    )
    assert list(items) == ["a", "b"]
    assert (items["a"].group, items["a"].kind) == ("", "")


def test_a_table_of_pairs_may_say_nothing_of_the_authentic_pictures(read, tmp_path):
    (one,) = read("key,manipulated,mask\na,1.jpg,1.png\n").values()
    assert (one.image, one.mask, one.authentic, one.problem) == (tmp_path / "1.jpg", tmp_path / "1.png", (), None)


def test_the_type_stands_in_for_the_kind(read):
    assert read(f"{PAIRS},type\na,0,1,2,splice\n")["a"].kind == "splice"


def test_two_rows_of_one_manipulated_picture_are_two_items(read):
    items = read(f"{PAIRS}\na__spg,0.jpg,1.jpg,1.png\na__sdg,2.jpg,1.jpg,2.png\n")
    assert {item.image.name for item in items.values() if isinstance(item.image, Path)} == {"1.jpg"}
    assert len(items) == 2


def test_rows_of_pairs_that_cannot_be_used_keep_their_place_and_none_passes_for_authentic(read):
    items = read(
        f"{PAIRS}\n"
        "good,0,1,2\n"
        "no-authentic,,1,2\n"
        "no-image,0,,2\n"
        "no-mask,0,1,\n"
        "short,0,1\n"
        "address,0,https://x/1.jpg,2\n"
        "good,0,1,2\n"
        ",0,1,2\n"
        "long,0,1,2,3\n"
    )
    assert reasons(items) == {
        "no-image": "missing_manipulated",
        "no-mask": "not_found",
        "short": "not_found",
        "address": "is_url",
        "good": "duplicate_key",  # the second of two rows of one name, which the fixture keeps
        "row 8": "bad_row",
        "long": "bad_row",
    }
    assert items["no-authentic"].authentic == ()
    assert all(item.manipulated for item in items.values())
    assert items["no-mask"].problem and items["no-mask"].problem.detail == "line 5: mask is empty"


def test_keys_are_safe_and_unique_and_the_first_of_a_name_stays_an_item(tmp_path):
    (tmp_path / "pairs.tsv").write_text(
        "key\tauthentic\tmanipulated\tmask\n../a\t0\t1\t2\nB\t0\t1\t2\nb\t0\t1\t2\nB\t0\t1\t2\n"
    )
    items, ignored = read_table(tmp_path / "pairs.tsv")
    assert len({item.key.lower() for item in items}) == 4 and ignored == ()
    assert sorted(item.name for item in items if not item.problem) == ["../a", "B", "b"]
    assert not any("/" in item.key or "." in item.key for item in items)


def test_a_table_of_single_pictures(read, tmp_path):
    items = read(
        "image,mask,label,group\nx/a.jpg,a.png,,g\nx/b.jpg,,,\nc.jpg,c.png,0,\nd.jpg,d.png,1,\ne.jpg,,1,\nf.jpg,,2,\n,,,\n"
    )
    assert {name: item.manipulated for name, item in items.items()} == {
        "x/a.jpg": True, "x/b.jpg": False, "c.jpg": False, "d.jpg": True, "e.jpg": True, "f.jpg": True, "row 7": False,
    }  # fmt: skip
    assert reasons(items) == {"e.jpg": "not_found", "f.jpg": "bad_row", "row 7": "bad_row"}
    assert items["x/a.jpg"].mask == tmp_path / "a.png"
    assert (items["x/a.jpg"].key, items["x/a.jpg"].group) == ("a", "g")


def test_only_an_image_column_is_enough_and_keys_tell_equal_stems_apart(read):
    items = read("image\na/x.jpg\nb/x.jpg\n")
    assert len({item.key for item in items.values()}) == 2
    assert all(item.key.startswith("x") and not item.manipulated for item in items.values())


def test_parquet_with_numbers_as_labels(tmp_path):
    table = tmp_path / "t.parquet"
    pq.write_table(
        pa.table(
            {
                "image": ["a", "b", "c"],
                "mask": ["m", None, None],
                "label": [True, False, True],
                "pixels": [b"", b"", b""],
            }
        ),
        table,
    )
    items, ignored = read_table(table)
    assert [item.manipulated for item in items] == [True, False, True]
    assert reasons({item.name: item for item in items}) == {"c": "not_found"}
    assert ignored == ("t.parquet: column pixels (bytes)",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its header needs key, manipulated, mask"),
        (PAIRS, "no rows below its header; add one for each picture"),
        ("key,authentic,manipulated\na,0,1\n", "no column mask"),
        ("Key,Authentic,Manipulated,Mask\n", "no column key"),
        ("file,truth\na,b\n", "is no table of pictures: it needs the columns key, .* or image .*; it has file, truth"),
        ("image;mask\na;b\n", "parted by ';'|is no table of pictures"),
        ("image,image\na,b\n", "more than once"),
        ('image\n"a\nb\n', "never to be closed"),
    ],
)
def test_tables_that_are_refused(read, text, words):
    with pytest.raises(SettingError, match=words):
        read(text)
