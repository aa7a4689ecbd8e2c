import os
import sys
from pathlib import Path

import pytest

from webiml.errors import SettingError
from webiml.pairs.source import Listing, list_pairs
from webiml.types import Pair, Reason, Stored


@pytest.fixture
def tree(tmp_path):
    """tree("a/0.jpg", "b/") makes files and folders below `tree.root`."""

    class Tree:
        root = tmp_path / "pairs"

        def __call__(self, *names: str) -> Listing:
            self.root.mkdir(exist_ok=True)
            for name in names:
                path = self.root / name
                if name.endswith("/"):
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
            return list_pairs([self.root])

    return Tree()


def short(pair: Pair) -> tuple[str, str | None, str | None, Reason | None]:
    """Name, both files below the root, and the reason."""
    assert pair.root is not None
    paths = [path for path in (pair.authentic, pair.manipulated) if not isinstance(path, Stored)]
    authentic, manipulated = (path and path.relative_to(pair.root).as_posix() for path in paths)
    return pair.name, authentic, manipulated, pair.problem and pair.problem.reason


def test_pair_folders(tree):
    listing = tree("b/0.jpg", "b/1.JPG", "a/0.png", "a/1.webp", "a/2.gif", "a/10.tiff")
    assert [short(pair) for pair in listing.pairs] == [
        ("a", "a/0.png", "a/1.webp", None),
        ("a-10", "a/0.png", "a/10.tiff", None),
        ("a-2", "a/0.png", "a/2.gif", None),
        ("b", "b/0.jpg", "b/1.JPG", None),
    ]
    assert all(pair.key == pair.name and pair.root == tree.root for pair in listing.pairs)
    assert listing.ignored == ()


def test_the_mask_beside_the_manipulated_picture_is_ignored(tree):
    listing = tree("a/0.jpg", "a/1.jpg", "a/1.png", "a/2.webp", "a/2.png", "b/0.png", "b/1.png")
    assert [short(pair) for pair in listing.pairs] == [
        ("a", "a/0.jpg", "a/1.jpg", None),
        ("a-2", "a/0.jpg", "a/2.webp", None),
        ("b", "b/0.png", "b/1.png", None),
    ]
    assert listing.ignored == ("a/1.png", "a/2.png")


@pytest.mark.parametrize(
    ("files", "want"),
    [
        (["a/"], [("a", None, None, Reason.MISSING_AUTHENTIC)]),
        (["a/0.jpg"], [("a", "a/0.jpg", None, Reason.MISSING_MANIPULATED)]),
        (["a/1.jpg"], [("a", None, "a/1.jpg", Reason.MISSING_AUTHENTIC)]),
        (
            ["a/1.jpg", "a/3.jpg"],
            [("a", None, "a/1.jpg", Reason.MISSING_AUTHENTIC), ("a-3", None, "a/3.jpg", Reason.MISSING_AUTHENTIC)],
        ),
        (["a/0.jpg", "a/2.jpg"], [("a-2", "a/0.jpg", "a/2.jpg", None)]),
        (["a/0.jpg", "a/0.png", "a/1.jpg"], [("a", None, "a/1.jpg", Reason.AMBIGUOUS)]),
        (["a/0.jpg", "a/1.jpg", "a/1.webp", "a/1.png"], [("a", "a/0.jpg", None, Reason.AMBIGUOUS)]),
        (["a/0.jpg", "a/1.png", "a/1.PNG"], [("a", "a/0.jpg", None, Reason.AMBIGUOUS)]),
        (["a/0.jpg", "a/01.jpg", "a/1.txt"], [("a", "a/0.jpg", None, Reason.MISSING_MANIPULATED)]),
    ],
    ids=["empty", "no-1", "no-0", "no-0-twice", "2-alone", "two-0", "two-1", "two-masks", "not-numbers"],
)
def test_what_is_wrong_with_a_pair_folder(tree, files, want):
    assert [short(pair) for pair in tree(*files).pairs] == want
    for pair in tree().pairs:
        assert pair.problem is None or "folder a" in pair.problem.detail or "a:" in pair.problem.detail


def test_other_files_are_named(tree):
    listing = tree("a/0.jpg", "a/1.jpg", "a/Thumbs.db", "a/.DS_Store", "a/more/x.jpg", "notes.txt", ".hidden/0.jpg")
    assert len(listing.pairs) == 1
    assert listing.ignored == (".hidden", "a/.DS_Store", "a/Thumbs.db", "a/more", "notes.txt")


def test_a_dataset_written_into_the_folder_is_no_pair(tree):
    listing = tree("a/0.jpg", "a/1.jpg", "out/authentic/a.jpg", "out/manipulated/a.jpg", "out/report.html")
    assert [pair.key for pair in listing.pairs] == ["a"]
    assert listing.ignored == ("out/",)


def test_a_folder_of_nothing_usable_beside_good_pairs_is_a_row(tree):
    listing = tree("a/0.jpg", "a/1.jpg", "b/picture.jpg")
    assert [short(pair) for pair in listing.pairs][1] == ("b", None, None, Reason.MISSING_AUTHENTIC)


def test_links(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    tree("a/0.jpg", "a/1.jpg", "file.txt")
    for name, target in (
        ("alias", "a"),
        ("gone", "nowhere"),
        ("loop", "loop"),
        ("out", "../elsewhere"),
        ("self", "."),
        ("text", "file.txt"),
        (".#lock", "nobody@nowhere"),
    ):
        (tree.root / name).symlink_to(target)
    listing = tree()
    assert [short(pair) for pair in listing.pairs] == [
        ("a", "a/0.jpg", "a/1.jpg", None),
        ("alias", "alias/0.jpg", "alias/1.jpg", None),
        ("gone", None, None, Reason.NOT_FOUND),
        ("loop", None, None, Reason.SYMLINK_LOOP),
        ("out", None, None, Reason.OUTSIDE_FOLDER),
        ("self", None, None, Reason.SYMLINK_LOOP),
    ]
    assert listing.ignored == (".#lock", "file.txt", "text")


def test_linked_files_are_left_to_the_reader(tree):
    """Whether a file may be read is asked once, where it is read."""
    tree("a/0.jpg")
    (tree.root / "a" / "1.jpg").symlink_to("1.jpg")
    assert [short(pair) for pair in tree().pairs] == [("a", "a/0.jpg", "a/1.jpg", None)]


def test_a_row_name_that_is_a_folder_name_too(tree):
    listing = tree("a/0.jpg", "a/1.jpg", "a/2.jpg", "a-2/0.jpg", "a-2/1.jpg")
    assert [pair.name for pair in listing.pairs] == ["a", "a-2", "a-2"]
    assert len({pair.key for pair in listing.pairs}) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere refuse such names")
def test_names_that_are_hard(tree):
    tree("Größe/0.jpg", "Größe/1.jpg", "x y.z/0.jpg", "x y.z/1.jpg", "up/0.jpg", "up/1.jpg", "UP/0.jpg", "UP/1.jpg")
    raw = os.fsdecode(os.fsencode(tree.root) + b"/caf\xe9")
    os.mkdir(raw)
    for file in ("0.jpg", "1.jpg"):
        Path(raw, file).touch()
    tree("n" * 255 + "/0.jpg", "n" * 255 + "/1.jpg")
    pairs = tree().pairs
    assert len({pair.key.lower() for pair in pairs}) == 6
    assert [pair.key for pair in pairs] == sorted(pair.key for pair in pairs)
    names = {pair.name for pair in pairs}
    assert {"Größe", "x y.z", "UP", "up", r"caf\xe9", "n" * 255} == names
    assert all(pair.authentic and pair.authentic.is_file() for pair in pairs)  # the paths keep the real bytes


def test_two_sides_match_by_stem_not_by_position(tree):
    listing = tree(
        "authentic/a.jpg", "authentic/b.png", "authentic/c.jpg", "manipulated/b.webp", "manipulated/c.d.jpg",
        "manipulated/a.JPG", "authentic/notes.txt", "authentic/._a.jpg", "manipulated/sub/x.jpg", "masks/a.png",
    )  # fmt: skip
    assert [short(pair) for pair in listing.pairs] == [
        ("a", "authentic/a.jpg", "manipulated/a.JPG", None),
        ("b", "authentic/b.png", "manipulated/b.webp", None),
        ("c", "authentic/c.jpg", None, Reason.MISSING_MANIPULATED),
        ("c.d", None, "manipulated/c.d.jpg", Reason.MISSING_AUTHENTIC),
    ]
    assert "manipulated/c.d.jpg" in listing.pairs[3].problem.detail
    assert listing.ignored == ("authentic/._a.jpg", "authentic/notes.txt", "manipulated/sub", "masks")


def test_two_sides_two_files_of_one_stem(tree):
    listing = tree("authentic/a.jpg", "manipulated/a.jpg", "manipulated/a.png")
    assert [short(pair) for pair in listing.pairs] == [("a", "authentic/a.jpg", None, Reason.AMBIGUOUS)]
    assert "a.jpg and a.png" in listing.pairs[0].problem.detail


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds no pairs"),
        (["a.jpg", "b.jpg"], "holds no pairs"),
        (["train/a/0.jpg", "train/a/1.jpg"], "holds no pairs"),
        (["holiday/x.jpg"], "holds no pairs"),
        (["authentic/a.jpg"], "has authentic/ without its partner"),
        (["authentic/", "manipulated/a.txt"], "hold no pictures"),
    ],
)
def test_a_folder_without_pairs_is_refused(tree, names, words):
    with pytest.raises(SettingError, match=words) as caught:
        tree(*names)
    assert "<key>/0.jpg" in str(caught.value)
