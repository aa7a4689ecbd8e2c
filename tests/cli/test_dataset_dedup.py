import json
from pathlib import Path

import pytest
from tests.datasets.pictured import edited, made_pair, mask_of, write_dataset

from webiml.store.dataset import read_rows

BOX = (60, 90, 60, 90)


@pytest.fixture
def dataset(tmp_path, picture) -> Path:
    """Two pairs of one edit, one saved again, and another pair."""
    pairs = []
    for key, name, quality, qes in (("a", "coffee", 90, 0.9), ("b", "coffee", 60, 0.8), ("c", "cat", 90, 0.9)):
        rgb = picture(name, 300)
        pairs.append(made_pair(key, rgb, edited(rgb, BOX, (210, 20, 30)), mask_of(rgb, BOX), quality=quality, qes=qes))
    return write_dataset(tmp_path / "dataset", pairs)


def test_duplicates_go_and_the_command_says_so(webiml, dataset, tmp_path):
    done = webiml("dataset", "dedup", dataset, "--out", tmp_path / "out", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "pairs 3   stay 2   dropped 1" in done.stdout and "b: near, a stays" in done.stdout
    assert [row.key for row in read_rows(tmp_path / "out")] == ["a", "c"]
    assert {"dropped.parquet", "dropped.jpg", "in_doubt.parquet"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }


def test_one_json_object_and_a_dry_run_that_writes_no_dataset(webiml_here, dataset, tmp_path):
    older = tmp_path / "older"
    webiml_here("dataset", "dedup", dataset, "--out", older, "--quiet", "--workers", 1)
    done = webiml_here("dataset", "dedup", dataset, "--against", older, "--dry-run", "--json", "--workers", 1)
    record = json.loads(done.stdout)
    assert (record["pairs"], record["stay"], record["dropped"], record["dry_run"]) == (3, 0, 3, True)
    assert record["reasons"] == {"same_bytes": 2, "near": 1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dataset", "older"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Give the new dataset's folder"),
        (["--out", "out", "--distance", "17"], "--distance must lie between 0 and 16"),
        (["--out", "out", "--workers", "-1"], "--workers must lie"),
        (["--out", "dataset/out"], "lie in one another"),
        (["--out", "out", "--against", "nothing"], "nothing"),
    ],
    ids=["no-out", "distance", "workers", "inside", "no-dataset"],
)
def test_a_wrong_setting_is_one_sentence_and_writes_nothing(webiml_here, dataset, tmp_path, flags, sentence):
    done = webiml_here("dataset", "dedup", dataset, *flags, cwd=tmp_path)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["dataset"]
