"""What the user names becomes a list of pictures; nothing is opened."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.errors import SettingError
from webiml.localize.pictures import ListedPicture, list_pictures, with_keys


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.JPG", "deep/er/a.jpg", "deep/notes.txt", ".hidden.jpg", ".git/x.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"never opened")
    return tmp_path / "photos"


def listed(*inputs: str, stdin: bytes = b"") -> dict[str, str | None]:
    """Name to reason of each picture."""
    found = list_pictures(inputs, stdin).pictures
    return {one.name: one.problem.reason.value if one.problem else None for one in found}


def test_a_folder_is_gone_through_and_hidden_files_are_left_out(photos):
    listing = list_pictures(["photos"])
    assert [one.name for one in listing.pictures] == ["photos/a.JPG", "photos/b.png", "photos/deep/er/a.jpg"]
    assert (listing.ignored, listing.folders) == (("photos/deep/notes.txt",), (Path("photos"),))
    assert all(one.root == Path("photos") for one in listing.pictures)


def test_two_files_of_one_stem_get_distinct_keys_whatever_the_order(photos):
    keys = {one.name: one.key for one in list_pictures(["photos"]).pictures}
    assert keys["photos/a.JPG"] == "a" and keys["photos/b.png"] == "b"
    assert keys["photos/deep/er/a.jpg"].startswith("a-") and len(set(keys.values())) == 3
    again = list_pictures(["photos/deep", "photos/b.png", "photos/a.JPG"]).pictures
    assert {one.name: one.key for one in again} == keys


@given(st.lists(st.sampled_from(["a", "A", "a-1", "ä", "b c", "con", "x" * 200]), max_size=8), st.data())
def test_what_is_left_after_any_stop_gets_the_keys_it_would_have_had(stems, data):
    pictures = [ListedPicture("", f"{n}/{s}.jpg", Path(f"{n}/{s}.jpg")) for n, s in enumerate(stems)]
    whole = with_keys(pictures)
    assert len({one.key.lower() for one in whole}) == len(stems)
    done = data.draw(st.sets(st.sampled_from(range(len(stems))))) if stems else set()
    left = [one for n, one in enumerate(pictures) if n not in done]
    assert with_keys(left, [whole[n].key for n in done]) == [one for n, one in enumerate(whole) if n not in done]


def test_a_pattern_a_file_of_any_name_and_the_same_file_twice(photos):
    assert listed("photos/*.png") == {"photos/b.png": None}
    assert set(listed("photos/**/*.[jJ]*")) == {"photos/a.JPG", "photos/deep/er/a.jpg"}
    assert set(listed("photos/deep/notes.txt", "./photos/b.png", str(photos / "b.png"))) == {
        "photos/deep/notes.txt",
        "photos/b.png",
    }
    (photos / "a[1].jpg").write_bytes(b"")  # what exists is no pattern
    assert set(listed("photos/a[1].jpg")) == {"photos/a[1].jpg"}


def test_what_is_not_there_is_a_picture_with_a_problem(photos):
    assert listed("photos/b.png", "photos/none.jpg", "none/*.jpg", "https://example.org/a.jpg") == {
        "photos/b.png": None,
        "photos/none.jpg": "not_found",
        "none/*.jpg": "not_found",
        "https://example.org/a.jpg": "is_url",
    }


@pytest.mark.parametrize("between", [b"\n", b"\n\n", b"\r\n", b"\0"], ids=["lines", "empty", "windows", "nul"])
def test_a_list_on_stdin_by_lines_or_by_nul(photos, between):
    assert listed("-", stdin=between.join([b"photos/b.png", b"photos/with\xff.jpg", b""])) == {
        "photos/b.png": None,
        r"photos/with\xff.jpg": "not_found",
    }


def test_a_name_on_stdin_may_hold_a_line_end_where_nul_ends_it_and_is_no_pattern(photos):
    (photos / "two\nlines.jpg").write_bytes(b"")
    assert listed("-", stdin=b"photos/two\nlines.jpg\0photos/*.png\0") == {
        "photos/two\nlines.jpg": None,
        "photos/*.png": "not_found",
    }
    assert set(listed("-", stdin=b"photos/deep")) == {"photos/deep/er/a.jpg"}


def test_links_stay_in_the_folder_that_was_given(photos, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"")
    (tmp_path / "others").mkdir()
    for name, target in {
        "out.jpg": tmp_path / "secret.jpg",
        "others": tmp_path / "others",
        "up": "..",
        "loop.jpg": "loop.jpg",
        "nothing.jpg": "gone",
        "inside.jpg": "b.png",
        "folder": "deep",
    }.items():
        os.symlink(target, photos / name)
    found = listed("photos")
    assert {name.removeprefix("photos/"): reason for name, reason in found.items()} == {
        **{"a.JPG": None, "b.png": None, "deep/er/a.jpg": None, "inside.jpg": None},
        **{"out.jpg": "outside_folder", "others": "outside_folder", "up": "outside_folder"},
        **{"loop.jpg": "symlink_loop", "nothing.jpg": "not_found"},
    }
    assert listed("photos/out.jpg") == {"photos/out.jpg": None}  # named by itself, it may lie anywhere


def test_nothing_to_do_is_a_wrong_setting(photos):
    (photos.parent / "empty").mkdir()
    for inputs, stdin in (([], b""), (["empty"], b""), (["-"], b"\n")):
        with pytest.raises(SettingError, match=r"Give pictures|There is no picture in"):
            list_pictures(inputs, stdin)
