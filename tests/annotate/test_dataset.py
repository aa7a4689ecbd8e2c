from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_driver import DifferenceAnnotator, annotate, make_pair, make_pairs
from PIL import Image

from webiml.annotate.dataset import annotate_dataset
from webiml.annotate.provenance import provenance
from webiml.errors import OutputError, SettingError
from webiml.nets import weights
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.dataset import read_member, read_rows
from webiml.types import Pair, Problem, Reason, Row

SHAPES = pytest.mark.parametrize("shape", ["folder", "shards"])
LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


def contents(dataset: Path) -> dict[str, object]:
    """All that a dataset holds but times and the writer's own state."""
    files = (file for file in sorted(dataset.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    found: dict[str, object] = {str(file.relative_to(dataset)): file.read_bytes() for file in files}
    table = pq.read_table(dataset / "annotations.parquet")
    found["annotations.parquet"] = table.drop_columns(["annotated_at"])
    found["metadata"] = {name: text for name, text in (table.schema.metadata or {}).items() if b"webiml" in name}
    return found


def rows(dataset: Path) -> dict[str, Row]:
    return {row.key: row for row in read_rows(dataset)}


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@SHAPES
def test_a_pair_becomes_a_row_its_bytes_and_its_maps(tmp_path, shape):
    pair = replace(make_pair(tmp_path, "a"), source="web", license="CC0", author="me", extra={"mask": "m.png"})
    seen: list[Row] = []
    counts = annotate([pair], tmp_path / "out", shape, on_row=seen.append)
    (row,) = read_rows(tmp_path / "out")
    assert isinstance(pair.authentic, Path) and isinstance(pair.manipulated, Path)
    data = {"authentic": pair.authentic.read_bytes(), "manipulated": pair.manipulated.read_bytes()}
    assert {role: read_member(tmp_path / "out", row, role) for role in ("authentic", "manipulated")} == data
    assert row.authentic_sha256 == hashlib.sha256(data["authentic"]).hexdigest()
    assert row.manipulated_sha256 == hashlib.sha256(data["manipulated"]).hexdigest()
    probability = picture(read_member(tmp_path / "out", row, "probability"))
    mask = picture(read_member(tmp_path / "out", row, "mask"))
    assert (probability[1:, :32] == 127).all() and (probability[1:, 32:40] == 128).all()
    assert (mask[1:, 32:40] == 255).all() and mask.sum() == 255 * 47 * 8  # 127 is not in the mask, 128 is
    assert (row.status, row.kind, row.kind_confidence, row.mask_area, row.components) == ("kept", "SPG", 0.5, 0.25, 3)
    assert (row.height, row.width, row.transform) == (48, 64, [1, 0, 0, 0, 1, 0, 0, 0, 1])
    assert row.qes is None  # NaN is no score
    assert (row.weights, row.settings_hash) == (
        " ".join(f"{n}:{weights.digest(n)}" for n in ("pair_classifier", "dass", "corr_dino", "trunk")),
        provenance(AnnotatorSettings())[1],
    )
    assert (row.source, row.license, row.author, row.extra) == ("web", "CC0", "me", {"mask": "m.png"})
    assert [replace(row, shard=None)] == seen
    assert (counts.kept, counts.inputs, counts.resumed, counts.changed) == (1, 1, 0, True)


def test_every_input_becomes_one_row_whatever_it_holds(tmp_path):
    good = make_pair(tmp_path, "good")
    (tmp_path / "html.jpg").write_text("<!doctype html><title>404</title>")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good-0.png").read_bytes()[:-40])
    pairs = [
        good,
        Pair("html", "html", good.authentic, tmp_path / "html.jpg", root=tmp_path),
        Pair("both", "both", tmp_path / "cut.png", tmp_path / "html.jpg", root=tmp_path),
        Pair("gone", "gone", tmp_path / "gone.png", good.manipulated, root=tmp_path),
        Pair("none", "none", None, good.manipulated, root=tmp_path),
        Pair("link", "link", good.authentic, None, Problem(Reason.IS_URL, "downloading comes later")),
        *(
            make_pair(tmp_path, name.lower(), getattr(DifferenceAnnotator, name))
            for name in ("RAISE", "NO_MEMORY", "NOTHING", "BAD_MAP", "KILL")
        ),
    ]
    counts = annotate(pairs, tmp_path / "out", workers=2)
    found = rows(tmp_path / "out")
    assert {key: (row.status, row.reason) for key, row in found.items()} == {
        "good": ("kept", None),
        "html": ("failed", "not_an_image"),
        "both": ("failed", "truncated"),
        "gone": ("failed", "not_found"),
        "none": ("failed", "missing_authentic"),
        "link": ("failed", "is_url"),
        "raise": ("failed", "internal_error"),
        "no_memory": ("failed", "internal_error"),
        "nothing": ("rejected", "unrelated"),
        "bad_map": ("failed", "internal_error"),
        "kill": ("failed", "worker_died"),
    }
    assert (counts.kept, counts.rejected, counts.failed) == (1, 1, 9)
    assert counts.reasons["internal_error"] == 3 and counts.kinds == {"SPG": 1, "unrelated": 1}
    assert found["raise"].detail == "ValueError: cannot do this, see module.py:3"
    assert found["no_memory"].detail == "MemoryError"
    assert str(found["html"].detail).startswith("manipulated: ") and found["html"].authentic_path is None
    assert found["html"].authentic_sha256 and found["html"].manipulated_sha256 and found["html"].height is None
    assert "authentic: " in str(found["both"].detail) and "manipulated: " in str(found["both"].detail)
    assert (found["gone"].authentic_sha256, found["gone"].height, found["gone"].width) == (None, 48, 64)
    assert "SIGKILL" in str(found["kill"].detail)
    assert found["nothing"].kind_confidence == 0.75 and found["nothing"].mask_area is None
    stored = {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.png")}
    folders = {"good": ("authentic", "manipulated", "masks", "probability"), "nothing": ("authentic", "manipulated")}
    assert stored == {f"{folder}/{key}.png" for key in folders for folder in folders[key]}


@SHAPES
def test_the_number_of_workers_changes_no_byte(tmp_path, shape):
    pairs = make_pairs(tmp_path / "pairs", 7)
    for workers in (1, 2):
        annotate(pairs, tmp_path / str(workers), shape, workers)
    annotate(pairs[::-1], tmp_path / "other order", shape, 2)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "other order")


@SHAPES
def test_a_second_run_does_nothing_and_new_pairs_are_added(tmp_path, shape):
    pairs = make_pairs(tmp_path / "pairs", 5)
    annotate(pairs[1:4], tmp_path / "out", shape)
    seen: list[str] = []
    resumed: list[int] = []
    counts = annotate(
        pairs[1:4],
        tmp_path / "out",
        shape,
        on_row=lambda row: seen.append(row.key),
        on_resume=lambda c: resumed.append(c.kept),
    )
    assert (seen, resumed, counts.kept, counts.resumed, counts.changed) == ([], [3], 3, 3, False)
    counts = annotate(pairs, tmp_path / "out", shape, on_row=lambda row: seen.append(row.key))
    assert (seen, counts.kept, counts.resumed, counts.changed) == (["pair00", "pair04"], 5, 3, True)
    assert list(rows(tmp_path / "out")) == [pair.key for pair in pairs]


def test_a_finished_key_with_other_files_is_refused_not_skipped(tmp_path):
    pair = make_pair(tmp_path, "a")
    annotate([pair], tmp_path / "out")
    assert isinstance(pair.manipulated, Path)
    with open(pair.manipulated, "ab") as file:
        file.write(b"more")
    with pytest.raises(SettingError, match="made from other files"):
        annotate([pair], tmp_path / "out")
    pair.manipulated.unlink()  # the input may be gone: its row stays as it was made
    assert annotate([pair], tmp_path / "out").kept == 1
    with pytest.raises(SettingError, match="made from other files"):
        annotate([replace(pair, name="another")], tmp_path / "out")


def test_a_new_key_that_differs_by_case_from_a_finished_one_fails(tmp_path):
    annotate([make_pair(tmp_path, "cat")], tmp_path / "out")
    counts = annotate([replace(make_pair(tmp_path, "dog"), key="Cat")], tmp_path / "out")
    assert counts.reasons == {"duplicate_key": 1} and list(rows(tmp_path / "out")) == ["Cat", "cat"]


def test_other_settings_are_refused(tmp_path):
    pairs = [make_pair(tmp_path, "a")]
    annotate(pairs, tmp_path / "out")
    with pytest.raises(SettingError, match=r"min_qes is 0\.5 there and 0\.9 now"):
        annotate_dataset(pairs, tmp_path / "out", AnnotatorSettings(min_qes=0.9), AnnotateRun())


def test_no_pairs_make_an_empty_table(tmp_path):
    assert annotate([], tmp_path / "out").inputs == 0
    assert pq.read_table(tmp_path / "out" / "annotations.parquet").num_rows == 0


# Stopped and gone on with. Every single step of the writer is stopped in tests/store/test_stops.py.


def start_driver(pairs: Path, out: Path, shape: str, workers: int, log: Path) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(here.parents[1] / "src"), "ANNOTATOR_LOG": str(log)}
    command = [sys.executable, str(here / "dataset_driver.py"), str(pairs), str(out), shape, str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@LINUX
@SHAPES
def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(tmp_path, shape):
    make_pairs(tmp_path / "pairs", 10, DifferenceAnnotator.SLOW)
    with start_driver(tmp_path / "pairs", tmp_path / "whole", shape, 2, tmp_path / "log") as whole:
        assert whole.wait() == 0
    rng = random.Random(shape)
    log, finished = tmp_path / "log of the killed", []
    for stop_after in (1, 3, 2):
        with start_driver(tmp_path / "pairs", tmp_path / "out", shape, 2, log) as run:
            assert run.stdout is not None
            finished += [run.stdout.readline().strip() for _ in range(stop_after)]
            time.sleep(rng.uniform(0, 0.1))
            workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
            run.kill()
            finished += run.stdout.read().split()
        end = time.monotonic() + 15
        while any(alive(int(worker)) for worker in workers):
            assert time.monotonic() < end, "a worker outlives its parent"
            time.sleep(0.02)
    calls = len(log.read_text().split())
    with start_driver(tmp_path / "pairs", tmp_path / "out", shape, 1, log) as run:
        output, errors = run.communicate()
        assert run.returncode == 0, errors
    finished = list(filter(None, finished))  # an empty line is the end of a run that was quicker than its kill
    assert len(set(finished)) == len(finished)
    assert set(finished).isdisjoint(output.split())
    assert len(log.read_text().split()) - calls == len(output.split()) <= 10 - len(finished)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB; `grow` gives it more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=0", "tmpfs", str(disk)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs to be root on Linux")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@SHAPES
def test_a_full_disk_stops_with_a_sentence_and_the_same_call_goes_on(tmp_path, small_disk, shape):
    pairs = make_pairs(tmp_path / "pairs", 16)
    annotate(pairs, tmp_path / "whole", shape)
    seen: list[str] = []
    with pytest.raises(OutputError, match="Free space and run the same command again"):
        annotate(pairs, small_disk / "out", shape, 2, on_row=lambda row: seen.append(row.key))
    assert 0 < len(seen) < 16
    assert not list(small_disk.rglob("*webiml-tmp"))
    subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)
    counts = annotate(pairs, small_disk / "out", shape, 2)
    assert len(seen) <= counts.resumed < counts.kept == 16  # the last rows were saved on the way out
    assert contents(small_disk / "out") == contents(tmp_path / "whole")


def test_a_disk_that_may_not_be_written_is_refused_before_work(tmp_path, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match="read-only file system"):
        annotate(make_pairs(tmp_path / "pairs", 1), small_disk / "out", on_row=lambda row: pytest.fail("work was done"))


def test_the_table_has_the_types_that_are_documented(tmp_path):
    annotate([make_pair(tmp_path, "a")], tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out" / "annotations.parquet")
    types = {name: schema.field(name).type for name in ("key", "qes", "transform", "components", "annotated_at")}
    assert types == {
        **{"key": pa.string(), "qes": pa.float64(), "transform": pa.list_(pa.float64()), "components": pa.int64()},
        "annotated_at": pa.timestamp("ms", tz="UTC"),
    }


@SHAPES
def test_a_pair_whose_picture_came_later_is_done_then(tmp_path, shape):
    whole, late = make_pair(tmp_path, "a"), make_pair(tmp_path, "b")
    missing = replace(late, problem=Problem(Reason.NOT_FETCHED, "manipulated: timeout"))
    first = annotate([whole, missing], tmp_path / "out", shape)
    assert (first.kept, first.failed) == (1, 1)
    again = annotate([whole, late], tmp_path / "out", shape)
    assert (again.kept, again.failed, again.resumed) == (2, 0, 1)
    annotate([whole, late], tmp_path / "at once", shape)
    assert rows(tmp_path / "out").keys() == rows(tmp_path / "at once").keys()
    assert {row.key: row.status for row in read_rows(tmp_path / "out")} == {"a": "kept", "b": "kept"}
    assert annotate([whole, late], tmp_path / "out", shape).resumed == 2
