"""Tombstones refuse what they stand for, and do not say what that is."""

from __future__ import annotations

import pytest

from webiml.errors import SettingError
from webiml.store.place import open_place
from webiml.store.removed import Tombstone, add_removed, hidden, read_removed

AT = "2026-11-01T00:00:00Z"


def stone(by, value):
    return Tombstone(by, hidden(by, value), AT)


def test_what_has_a_tombstone_matches_and_nothing_else(tmp_path):
    place = open_place(tmp_path)
    assert not read_removed(place).match(url="http://a/1.jpg")
    add_removed(place, [stone("url", "http://a/1.jpg"), stone("author", "Jane Doe")])
    removed = read_removed(place)
    assert removed.match(url="http://a/1.jpg")
    assert removed.match(author=" jane doe ")
    assert not removed.match(url="http://a/2.jpg", author="Jane", source="Jane Doe")
    assert not removed.match(url="", author=None)


def test_the_case_of_a_hash_does_not_count_that_of_an_address_does(tmp_path):
    place = open_place(tmp_path)
    add_removed(place, [stone("sha256", "AB" * 32), stone("url", "http://a/B.jpg")])
    assert read_removed(place).match(sha256="ab" * 32)
    assert not read_removed(place).match(url="http://a/b.jpg")


def test_the_list_holds_no_value_in_the_clear_and_each_once(tmp_path):
    place = open_place(tmp_path)
    add_removed(place, [stone("author", "Jane Doe")])
    add_removed(place, [stone("author", "Jane Doe"), stone("author", "John")])
    text = (tmp_path / "removed.jsonl").read_text()
    assert text.count("\n") == 2 and "Jane" not in text and "jane" not in text


@pytest.mark.parametrize("damage", [b"{", b"[]\n", b'{"by": "shape", "value": "", "at": ""}\n', b"\xff\n"])
def test_a_damaged_list_is_refused_rather_than_forgotten(tmp_path, damage):
    (tmp_path / "removed.jsonl").write_bytes(damage)
    with pytest.raises(SettingError, match="line 1"):
        read_removed(open_place(tmp_path))
