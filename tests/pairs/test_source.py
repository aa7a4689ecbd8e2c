from pathlib import Path

import pytest

from webiml.errors import SettingError
from webiml.pairs.source import list_pairs


def test_two_files_are_one_pair(tmp_path):
    for name in ("before.jpg", "after now.jpg"):
        (tmp_path / name).touch()
    (pair,) = list_pairs([tmp_path / "before.jpg", tmp_path / "after now.jpg"]).pairs
    assert (pair.name, pair.key[:10], pair.root, pair.problem) == ("after now", "after_now-", None, None)
    assert (pair.authentic, pair.manipulated) == (tmp_path / "before.jpg", tmp_path / "after now.jpg")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "got 0 paths"),
        (["a.jpg", "b.jpg", "c.jpg"], "got 3 paths"),
        (["none"], "none does not exist"),
        (["none.csv"], "does not exist"),
        (["a.jpg", "none.jpg"], "none.jpg does not exist"),
        (["a.jpg", "folder"], "folder is not a file"),
        (["a.jpg"], "one picture"),
        (["A.PNG"], "one picture"),
        (["table.xlsx"], r"neither a folder nor a table; .*\.csv, \.tsv, \.parquet"),
        (["nul\0"], "does not exist"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused_in_one_sentence(tmp_path, names, words):
    for name in ("a.jpg", "b.jpg", "c.jpg", "A.PNG", "table.xlsx"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingError, match=words) as caught:
        list_pairs([tmp_path / name for name in names])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "count"), [("psbattles_dev", 35), ("casia1_dev", 284)])
def test_real_tables(shared_data: Path, name: str, count: int):
    table = shared_data / name / "pairs.csv"
    if not table.exists():
        pytest.skip(f"{name} does not lie beside this checkout")
    pairs = list_pairs([table]).pairs
    assert len(pairs) == count
    for pair in pairs:
        assert pair.problem is None and pair.key == pair.name
        assert all(isinstance(path, Path) and path.is_file() for path in (pair.authentic, pair.manipulated))
    assert ("mask" in pairs[0].extra) == (name == "casia1_dev")
