"""An export is whole or not at all, the same after any stop, and says what it left out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.datasets.small_dataset import contents, finished, picture, usual, write_pictured

from webiml.datasets.export.write import FORMATS, count_wanted, export_dataset
from webiml.errors import SettingError
from webiml.images.codec import encode_png
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.removed import Tombstone, add_removed, hidden, read_removed

EVERY = pytest.mark.parametrize("format", list(FORMATS))


@pytest.fixture
def dataset(tmp_path) -> Path:
    return write_pictured(tmp_path / "dataset")


def export(dataset: Path, out: Path, format: str = "folder", **options):
    return export_dataset(Place(str(dataset)), Place(str(out)), format, **{"workers": 1, **options})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@EVERY
def test_stopped_at_every_step_it_goes_on_to_the_same_bytes(tmp_path, format):
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1] / "src")])}
    command = [sys.executable, str(here / "export_stops.py"), str(tmp_path), format]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= 5  # what is being written, two files of pairs, rows and export.json at least


@pytest.mark.parametrize("format", ["folder", "huggingface", "coco"])
def test_workers_do_not_change_a_byte(dataset, tmp_path, format):
    export(dataset, tmp_path / "one", format, workers=1)
    export(dataset, tmp_path / "two", format, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_same_command_again_writes_nothing(dataset, tmp_path):
    export(dataset, tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*") if file.name != "lock"}
    again = export(dataset, tmp_path / "out")
    assert (again.changed, again.pairs) == (False, 3)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_pairs_with_missing_or_damaged_files_are_left_out_and_counted(dataset, tmp_path):
    (dataset / "manipulated" / "pair-0.png").unlink()
    (dataset / "authentic" / "pair-1.jpg").write_bytes(picture(99, "JPEG"))
    (dataset / "masks" / "pair-2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = export(dataset, tmp_path / "out")
    assert done.pairs == 0 and sum(done.skipped.values()) == 3
    assert {"not_found", "other_bytes"} < set(done.skipped)
    assert [key for key, _, _ in done.named] == ["pair-0", "pair-1", "pair-2"]
    assert json.loads((tmp_path / "out" / "export.json").read_text())["skipped"] == dict(done.skipped)
    assert sorted(contents(tmp_path / "out")) == ["export.json", "rows.csv", "rows.parquet"]


def test_a_mask_of_another_size_is_damage(dataset, tmp_path):
    (dataset / "masks" / "pair-1.png").write_bytes(encode_png(np.zeros((5, 6), np.uint8)))
    assert dict(export(dataset, tmp_path / "out").skipped) == {"mask_size": 1}


def test_what_was_removed_from_the_dataset_is_not_copied(dataset, tmp_path):
    author, sha256 = "author 0", hashlib.sha256(usual()[2].files["manipulated.png"]).hexdigest()
    stones = [Tombstone("author", hidden("author", author), "2026-01-01T00:00:00Z")]
    stones.append(Tombstone("sha256", hidden("sha256", sha256), "2026-01-01T00:00:00Z"))
    add_removed(Place(str(dataset)), stones)
    assert count_wanted(Place(str(dataset)), Place(str(tmp_path / "out")), "folder", "kept") == 1
    export(dataset, tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "rows.parquet")["key"].to_pylist() == ["pair-1"]
    assert read_removed(Place(str(tmp_path / "out"))).match(author="AUTHOR 0")


def test_a_row_that_was_removed_has_no_place_in_a_manifest(tmp_path):
    from webiml.types import Finished, Row

    gone = Finished(Row(key="gone", name="gone", status="failed", reason="removed"))
    dataset = write_pictured(tmp_path / "dataset", [finished(0), gone])
    export(dataset, tmp_path / "out", "manifest", status="all")
    assert pq.read_table(tmp_path / "out" / "rows.parquet")["key"].to_pylist() == ["pair-0"]


def test_a_folder_of_something_else_is_refused_and_left_alone(dataset, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(SettingError, match="not empty and is not an export"):
        export(dataset, tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingError, match="is a file"):
        export(dataset, tmp_path / "file")


def test_another_export_is_refused(dataset, tmp_path):
    export(dataset, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(SettingError, match="format is folder there and coco now"):
        export(dataset, tmp_path / "out", "coco")
    with pytest.raises(SettingError, match="status is kept there and all now"):
        export(dataset, tmp_path / "out", status="all")
    with DatasetWriter.open(
        dataset,
        format="folder",
        shard_pairs=2,
        settings={"method": "prior", "min_qes": 0.5, "weights": {}},
        settings_hash="0" * 16,
        package_version="1.2.3",
    ) as writer:
        writer.add(finished(9))
        writer.finish()
    with pytest.raises(SettingError, match="as it was before"):
        export(dataset, tmp_path / "out")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("inside", ["", "export", "../dataset/deep/er"])
def test_an_export_inside_its_dataset_is_refused(dataset, inside):
    before = contents(dataset)
    with pytest.raises(SettingError, match="lie in each other"):
        export(dataset, dataset / inside)
    assert contents(dataset) == before


def test_something_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(SettingError, match="not a dataset"):
        export(tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@EVERY
def test_pairs_that_are_taken_out_leave_no_trace_in_the_files(dataset, tmp_path, format):
    export(dataset, tmp_path / "out", format, shard_pairs=2)
    place = Place(str(tmp_path / "out"))
    FORMATS[format].remove_pairs(place, {"pair-0", "pair-7"})
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    files = contents(tmp_path / "out")
    assert [row["key"] for row in rows] == ["pair-1", "pair-2"]
    assert json.loads(files["export.json"])["rows"] == 2
    assert {name for row in rows for name in row["files"] + row["shared_files"]} <= set(files)
    gone, stays = usual()[0], usual()[1]
    for data in files.values():
        assert gone.files["manipulated.png"] not in data and b"Author 0" not in data and b"pair-0" not in data
    # the authentic picture, which pair 1 shares, stays where pictures are
    bytes_of_it = stays.files["authentic.jpg"]
    assert any(bytes_of_it in data for data in files.values()) == (format != "manifest")
    FORMATS[format].remove_pairs(place, {"pair-1"})
    assert not any(bytes_of_it in data for data in contents(tmp_path / "out").values())


@pytest.mark.parametrize("format", ["imdl-benco", "coco", "fiftyone", "folder", "webdataset", "huggingface"])
def test_what_stays_after_a_removal_is_what_an_export_without_the_pair_has(tmp_path, format):
    pairs = [finished(2), finished(3), finished(4)]  # in one archive, and none before the last is taken out
    export(write_pictured(tmp_path / "all" / "dataset", pairs), tmp_path / "out", format)
    FORMATS[format].remove_pairs(Place(str(tmp_path / "out")), {"pair-4"})
    export(write_pictured(tmp_path / "two" / "dataset", pairs[:2]), tmp_path / "want", format)
    out, want = contents(tmp_path / "out"), contents(tmp_path / "want")
    assert set(out) == set(want)
    tables = {name for name in want if name.endswith((".parquet", ".tar")) or name in ("export.json", "rows.csv")}
    assert all(out[name] == want[name] for name in set(want) - tables - {"samples.json", "annotations.json"})
    for name in tables - {"export.json", "rows.csv"}:
        if name.endswith(".parquet"):
            left, right = (pq.read_table(tmp_path / side / name) for side in ("out", "want"))
            assert left.drop_columns("annotated_at").equals(right.drop_columns("annotated_at"))
