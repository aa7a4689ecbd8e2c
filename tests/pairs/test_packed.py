"""A packed pair is the pair that was packed, and many take little memory."""

import tracemalloc
from pathlib import Path

import pytest

from webiml.pairs.packed import PackedPairs
from webiml.types import Pair, Problem, Reason, Stored

PAIRS = [
    Pair("plain", "plain", Path("a/0.jpg"), Path("a/1.jpg"), root=Path("a")),
    Pair("b\udcff", "b\udcff", None, Path("b/\udcff.png"), Problem(Reason.MISSING_AUTHENTIC, "no b/0.jpg"), Path("b")),
    Pair("stored", "stored", Stored("s3://x/y", "pictures/aa/a.jpg", "a" * 64, 12), None, authentic_url="http://a/b"),
    Pair("table", "table", Path("/x"), Path("/y"), source="s", license="l", author="ä\n", extra={"n": "1", "": "{"}),
    Pair("", "", None, None),
]


def test_what_was_packed_comes_back():
    packed = PackedPairs(PAIRS)
    assert list(packed) == PAIRS
    assert len(packed) == 5 and packed[-2] == PAIRS[3] and packed[1:3] == PAIRS[1:3]
    with pytest.raises(IndexError):
        packed[5]


def test_sorted_by_key_they_have_safe_keys_and_readable_names():
    found = PackedPairs([*PAIRS[1:4], PAIRS[0], PAIRS[0]]).sorted_by_key()
    assert [pair.key.partition("-")[0] for pair in found] == ["b", "plain", "plain", "stored", "table"]
    assert len({pair.key for pair in found}) == 5
    assert found[0].name == r"b\xff" and found[0].manipulated == Path("b/\udcff.png")
    assert found[3].authentic == PAIRS[2].authentic and found[4].extra == PAIRS[3].extra
    assert found[-1:] == [found[4]]


def test_five_thousand_pairs_take_less_than_two_megabytes():
    def made(number: int) -> Pair:
        folder = Path("pairs", f"p{number:06d}")
        return Pair(folder.name, folder.name, folder / "0.jpg", folder / "1.jpg", root=Path("pairs"))

    tracemalloc.start()
    try:
        packed = PackedPairs(made(number) for number in range(5_000)).sorted_by_key()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2e6
    assert packed[777] == made(777)
