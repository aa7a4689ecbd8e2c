"""A place is the same wherever it lies: this machine, or a real S3-compatible server."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from webiml.errors import OutputError, SettingError
from webiml.store.place import Place, open_place


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return open_place(tmp_path / "place")
    return open_place(request.getfixturevalue("s3") + "/some/place")


def test_what_is_written_is_read(place):
    assert not place.exists("a/b.txt") and place.size("a/b.txt") is None
    place.write("a/b.txt", b"one")
    place.write("a/b.txt", b"two!")
    assert place.read("a/b.txt") == b"two!" and place.size("a/b.txt") == 4
    assert not place.exists("a") and place.size("a") is None  # a folder is no file


def test_names_are_all_files_below_sorted_and_relative(place):
    for name in ("b", "a/2", "a/1", "a.b/1", "a/c/3"):
        place.write(name, b"x")
    assert list(place.names()) == sorted(["b", "a/2", "a/1", "a.b/1", "a/c/3"])
    assert list(place.names("a")) == ["a/1", "a/2", "a/c/3"]
    assert list(place.names("nothing")) == []
    assert list(place.below("a").names()) == ["1", "2", "c/3"]


def test_a_file_is_read_at_any_position(place):
    place.write("a", bytes(range(200)) * 100)
    with place.reader("a") as file:
        file.seek(15_000)
        assert file.read(5) == bytes(range(5))  # 75 * 200 = 15,000


def test_a_writer_replaces_whole_or_not_at_all(place):
    place.write("a", b"old")
    with pytest.raises(KeyError), place.writer("a") as file:
        file.write(b"half")
        raise KeyError
    assert place.read("a") == b"old" and list(place.names()) == ["a"]
    with place.writer("a") as file:
        file.write(b"new")
        file.write(b"er")
    assert place.read("a") == b"newer"


def test_what_is_missing_is_not_found_and_may_be_deleted_twice(place):
    with pytest.raises(FileNotFoundError):
        place.read("nothing")
    with pytest.raises(FileNotFoundError):
        place.reader("nothing").read()
    place.write("a", b"x")
    place.delete("a")
    place.delete("a")
    assert list(place.names()) == []


def test_it_can_be_handed_to_another_process(place):
    place.write("a", b"x")
    assert pickle.loads(pickle.dumps(place)).read("a") == b"x"


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "", "a\\b", "c:a", "a\0"])
def test_no_name_leads_out(tmp_path, name):
    with pytest.raises(ValueError, match="not a name below"):
        open_place(tmp_path).read(name)


def test_a_bucket_that_is_not_there_is_one_sentence(s3):
    with pytest.raises(OutputError, match=r"s3://no-such-bucket-here/x cannot be written"):
        open_place("s3://no-such-bucket-here/x").write("a", b"x")


def test_an_address_without_a_folder_or_of_no_known_kind_is_refused():
    with pytest.raises(SettingError, match="names no folder"):
        open_place("s3://")
    with pytest.raises(SettingError, match="no kind of place"):
        open_place("nosuch://bucket/x").read("a")


def test_a_link_in_a_place_is_not_followed_out_of_it(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"x")
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "link").symlink_to(tmp_path / "outside")
    assert list(open_place(tmp_path / "place").names()) == ["link"]
