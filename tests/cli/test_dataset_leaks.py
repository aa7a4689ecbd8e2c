import json
from pathlib import Path

import pytest
from tests.datasets.pictured import edited, made_pair, mask_of, write_dataset

from webiml.images.codec import encode_jpeg
from webiml.store.dataset import read_rows

BOX = (60, 90, 60, 90)


@pytest.fixture
def dataset(tmp_path, picture) -> Path:
    pairs = []
    for name in ("coffee", "cat"):
        rgb = picture(name, 300)
        pairs.append(made_pair(name, rgb, edited(rgb, BOX, (210, 20, 30)), mask_of(rgb, BOX)))
    return write_dataset(tmp_path / "dataset", pairs)


@pytest.fixture
def benchmark(tmp_path, picture) -> Path:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "one.jpg").write_bytes(encode_jpeg(picture("cat", 200), 70))
    return tmp_path / "bench"


def test_leaks_are_named_and_strict_makes_them_an_error(webiml, dataset, benchmark):
    done = webiml("dataset", "leaks", dataset, "--against", benchmark, "--workers", 1)
    assert done.returncode == 0 and "leaking pairs 1" in done.stdout and "one.jpg" in done.stdout, done.stderr
    assert webiml("dataset", "leaks", dataset, "--against", benchmark, "--strict", "--quiet").returncode == 1


def test_a_dataset_without_leaks_and_a_report(webiml_here, dataset, benchmark, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report"
    done = webiml_here(
        *("dataset", "leaks", dataset, "--against", benchmark, "--out", out, "--report", report, "--json"),
        *("--workers", 1),
    )
    record = json.loads(done.stdout)
    assert (record["pairs"], record["leaking_pairs"], record["against"]) == (2, 1, 1)
    assert {one["key"] for one in record["found"]} == {"cat"} and record["dataset"] == str(out)
    assert [row.key for row in read_rows(out)] == ["coffee"]
    assert sorted(file.name for file in report.iterdir()) == ["leaks.jpg", "leaks.parquet"]
    again = webiml_here("dataset", "leaks", out, "--against", benchmark, "--strict", "--workers", 1)
    assert again.returncode == 0, again.stdout


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--against", "nothing"], "nothing"),
        (["--against", "bench", "--out", "bench/out"], "lie in one another"),
        (["--against", "bench", "--report", "dataset/out"], "lie in one another"),
        (["--against", "bench", "--distance", "-1"], "--distance must lie"),
        ([], "--against"),
    ],
    ids=["no-benchmark", "out-inside", "report-inside", "distance", "none-given"],
)
def test_a_wrong_setting_is_one_sentence(webiml_here, dataset, benchmark, tmp_path, flags, sentence):
    done = webiml_here("dataset", "leaks", dataset, *flags, cwd=tmp_path)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bench", "dataset"]
