"""A folder of results: every picture a row, whatever it holds; the same bytes whatever stops or splits the work."""

import hashlib
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from webiml.errors import OutputError, SettingError
from webiml.localize.folder import localize_folder, provenance, read_results
from webiml.localize.pictures import list_pictures
from webiml.localize.rows import PictureRow, from_record, to_record
from webiml.settings import LocalizeRun, LocalizeSettings

RED, GREEN = (220, 60, 60), (60, 120, 60)  # the tiny localizer marks what is more red than green


def scene(height: int, width: int, box: tuple[int, int, int, int] | None) -> np.ndarray:
    """A green picture, red in `box` (x0, y0, x1, y1)."""
    rgb = np.full((height, width, 3), GREEN, np.uint8)
    if box:
        x0, y0, x1, y1 = box
        rgb[y0:y1, x0:x1] = RED
    return rgb


def save(path: Path, rgb: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, **options)


def settings_of(tiny: Path, **changes) -> LocalizeSettings:
    return LocalizeSettings(weights=str(tiny), **changes)


def localize(inputs: str | Path, out: Path, tiny: Path, workers: int = 1, **options):
    return localize_folder(
        list_pictures([str(inputs)]).pictures, out, settings_of(tiny), LocalizeRun(workers=workers), **options
    )


def rows(out: Path) -> dict[str, PictureRow]:
    return {row.key: row for row in read_results(out)}


def contents(out: Path) -> dict[str, object]:
    """All that a folder holds but seconds and the run's own state; results.jsonl as a set of rows."""
    files = (file for file in sorted(out.rglob("*")) if file.is_file() and ".webiml" not in file.parts)
    found: dict[str, object] = {str(file.relative_to(out)): file.read_bytes() for file in files}
    found["results.jsonl"] = sorted((to_record(replace(row, seconds=0)) for row in read_results(out)), key=str)
    table = pq.read_table(out / "results.parquet")
    found["results.parquet"] = table.drop_columns(["seconds"])
    found["metadata"] = table.schema.metadata
    return found


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Five small pictures, two of one stem."""
    folder = tmp_path_factory.mktemp("pictures") / "photos"
    for number, name in enumerate(("a.png", "b.png", "c/a.png", "d.png", "e.png")):
        save(folder / name, scene(48, 64, (8, 8, 20 + 4 * number, 24)))
    return folder


@pytest.fixture(scope="module")
def whole(photos, tiny, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    counts = localize(photos, out, tiny, workers=2)
    assert (counts.localized, counts.failed, counts.marked, counts.resumed) == (5, 0, 5, 0)
    return out


def test_a_picture_becomes_a_row_and_its_maps(tmp_path, tiny):
    save(tmp_path / "one.png", scene(48, 64, (10, 12, 30, 32)))
    seen: list[PictureRow] = []
    counts = localize(tmp_path / "one.png", tmp_path / "out", tiny, on_row=seen.append)
    (row,) = read_results(tmp_path / "out")
    assert [row] == seen == [replace(one, regions=row.regions) for one in counts.most_suspicious]
    data = (tmp_path / "one.png").read_bytes()
    assert (row.key, row.name, row.status, row.reason, row.detail) == (
        "one", str(tmp_path / "one.png"), "localized", None, None,
    )  # fmt: skip
    assert (row.sha256, row.bytes, row.height, row.width) == (hashlib.sha256(data).hexdigest(), len(data), 48, 64)
    assert (row.threshold, row.views, row.notes) == (0.5, 1, None)
    assert row.weights == f"tiny:{hashlib.sha256(tiny.read_bytes()).hexdigest()}"
    # The mean of 3x3 pixels is more red than green where 3 of 9 are red: a pixel beyond the sides, not at the corners
    mask = read(tmp_path / "out" / "masks" / "one.png")
    want = np.zeros((48, 64), np.uint8)
    want[12:32, 10:30] = 255
    want[[11, 32], 11:29] = 255
    want[13:31, [9, 30]] = 255
    assert (mask == want).all()
    assert row.area == (want > 0).mean() and row.components == 1 and row.score == pytest.approx(1, abs=1e-3)
    assert row.regions is not None
    (region,) = row.regions
    assert (region.box, region.area, len(region.polygons)) == ([9, 11, 31, 33], 20 * 20 + 4 * 18, 1)
    probability, confidence = (read(tmp_path / "out" / name / "one.png") for name in ("probability", "confidence"))
    assert ((probability >= 128) == (mask > 0)).all()
    assert (confidence == np.where(probability > 127, probability, 255 - probability)).mean() > 0.99
    drawn = read(tmp_path / "out" / "overlays" / "one.png")
    assert drawn.shape == (48, 64, 3) and (drawn[0, 0] == GREEN).all() and (drawn[20, 20] != RED).any()


def test_every_input_becomes_one_row_whatever_it_holds(tmp_path, tiny, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    save(folder / "good.png", scene(40, 40, None))
    data = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(data[:-30])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.jpg").write_text("<!doctype html><title>404</title>")
    huge = data[:16] + (60_000).to_bytes(4, "big") * 2 + data[24:]  # the header claims 3.6 gigapixels
    import zlib

    (folder / "huge.png").write_bytes(huge[:29] + zlib.crc32(huge[12:29]).to_bytes(4, "big") + huge[33:])
    save(folder / "small.png", scene(16, 16, None)[:9])
    Image.fromarray(scene(40, 40, None)).save(
        folder / "moving.gif", save_all=True, append_images=[Image.new("RGB", (40, 40))]
    )
    os.symlink("/etc/hostname", folder / "link.png")
    os.mkfifo(folder / "pipe.png")
    counts = localize_folder(
        list_pictures(["photos", "none.jpg"]).pictures, tmp_path / "out", settings_of(tiny), LocalizeRun(workers=2)
    )
    found = rows(tmp_path / "out")
    assert {key: row.reason for key, row in found.items()} == {
        **{"good": None, "moving": None, "cut": "truncated", "empty": "empty_file", "page": "not_an_image"},
        **{"huge": "too_many_pixels", "small": "too_small", "link": "outside_folder", "pipe": "not_a_file"},
        "none": "not_found",
    }
    assert (counts.localized, counts.failed, counts.marked) == (2, 8, 0)
    assert found["moving"].notes == "first of 2 frames" and found["good"].regions == []
    assert found["cut"].sha256 and found["cut"].detail and found["cut"].regions is None
    assert {file.name for file in (tmp_path / "out" / "masks").iterdir()} == {"good.png", "moving.png"}
    table = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert [row["key"] for row in table] == sorted(found)
    assert [from_record(row) for row in table] == [found[key] for key in sorted(found)]


def test_the_number_of_workers_changes_nothing(photos, whole, tiny, tmp_path):
    localize(photos, tmp_path / "out", tiny, workers=1)
    assert contents(tmp_path / "out") == contents(whole)


def test_pandas_reads_the_regions(whole):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(whole / "results.parquet")
    assert list(frame["key"]) == sorted(frame["key"]) and frame["regions"][0][0]["box"].tolist() == [7, 7, 21, 25]


def test_a_second_run_does_nothing_and_new_pictures_are_added(photos, whole, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(photos.parent)
    out, seen = tmp_path / "out", []
    localize("photos/c", out, tiny)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    resumed: list[int] = []
    localize(photos / "c", out, tiny, on_row=seen.append, on_resume=lambda counts: resumed.append(counts.localized))
    assert (seen, resumed) == ([], [1])  # the same file by its whole path
    assert {path: path.stat().st_mtime_ns for path in before} == before
    localize("photos", out, tiny)
    keys = {Path(row.name).relative_to("photos").as_posix(): row.key for row in read_results(out)}
    assert keys["c/a.png"] == "a" and keys["a.png"].startswith("a-") and len(set(keys.values())) == 5


def test_other_settings_weights_and_files_are_refused_in_a_sentence(
    photos, tiny, write_localizer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "one.png", scene(40, 40, None))
    pictures = list_pictures(["one.png"]).pictures
    out, run = tmp_path / "out", LocalizeRun(workers=1)
    localize_folder(pictures, out, settings_of(tiny), run)
    with pytest.raises(SettingError, match=r"threshold is 0\.5 there and 0\.6 now"):
        localize_folder(pictures, out, settings_of(tiny, threshold=0.6), run)
    other = write_localizer(tmp_path / "other", "another")
    with pytest.raises(SettingError, match=r"weights is tiny:\w+ there and another:\w+ now"):
        localize_folder(pictures, out, settings_of(other), run)
    with open("one.png", "ab") as file:
        file.write(b"more")
    with pytest.raises(SettingError, match=r"one\.png has changed since"):
        localize_folder(pictures, out, settings_of(tiny), run)
    Path("one.png").unlink()  # the picture may be gone: its row stays as it was made
    assert localize_folder(pictures, out, settings_of(tiny), run).resumed == 1


def test_a_localizer_that_cannot_run_leaves_no_trace_that_would_refuse_another(photos, tiny, write_localizer, tmp_path):
    other = write_localizer(tmp_path / "other", "other", kind="pair classifier")
    with pytest.raises(SettingError, match="not a localizer"):
        localize(photos, tmp_path / "out", other)
    assert localize(photos, tmp_path / "out", tiny).localized == 5
    with pytest.raises(SettingError, match="There is no localizer no-such"):
        provenance(LocalizeSettings(weights="no-such"), LocalizeRun())


def test_a_foreign_folder_and_a_changed_journal_are_refused(photos, tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(SettingError, match="not empty"):
        localize(photos, tmp_path / "mine", tiny)
    localize(photos / "b.png", tmp_path / "out", tiny)
    with open(tmp_path / "out" / "results.jsonl", "a") as file:
        file.write('{"key": "../../evil", "name": "x"}\n')
    with pytest.raises(SettingError, match="changed by somebody else"):
        localize(photos, tmp_path / "out", tiny)


def test_a_line_cut_short_is_done_again_and_a_stray_file_swept(photos, whole, tiny, tmp_path):
    out = tmp_path / "out"
    localize(photos, out, tiny)
    lines = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:40])
    (out / "results.parquet").unlink()
    (out / "masks" / ".x.png.webiml-tmp").write_bytes(b"half")
    counts = localize(photos, out, tiny)
    assert (counts.resumed, counts.inputs) == (3, 5)
    assert contents(out) == contents(whole)


def start(photos: Path, out: Path, tiny: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "webiml", "localize", str(photos), "--out", str(out), "--weights", str(tiny)]
    return subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path, tiny):
    photos = tmp_path / "photos"
    for number in range(12):
        save(photos / f"{number % 6}" / f"{number // 6}.png", scene(150, 200, (20, 20, 40 + number, 60)))
    localize(photos, tmp_path / "whole", tiny)
    out, journal = tmp_path / "out", tmp_path / "out" / "results.jsonl"
    finished = b""
    for lines in (2, 6):
        with start(photos, out, tiny) as run:
            end = time.monotonic() + 60
            while run.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < lines):
                assert time.monotonic() < end
                time.sleep(0.005)
            run.kill()
        now = journal.read_bytes()
        assert now.startswith(finished[: finished.rfind(b"\n") + 1])  # no finished picture was done again
        finished = now
    assert lines <= finished.count(b"\n") < 12
    assert localize(photos, out, tiny).resumed == finished.count(b"\n")
    found, want = contents(out), contents(tmp_path / "whole")
    assert found == want


def test_a_full_disk_stops_with_a_sentence_and_the_same_call_goes_on(photos, whole, tiny, tmp_path, monkeypatch):
    written = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal written
        written += 1
        if written == 11:
            raise OutputError(f"Cannot write {path} (no space left on device). Free space and run it again.")
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("webiml.localize.folder.write_bytes", full)
        with pytest.raises(OutputError, match="Free space"):
            localize(photos, tmp_path / "out", tiny)
    assert 0 < len(rows(tmp_path / "out")) < 5
    localize(photos, tmp_path / "out", tiny)
    assert contents(tmp_path / "out") == contents(whole)


def test_views_are_averaged_and_the_threshold_decides_the_mask(tmp_path, tiny):
    save(tmp_path / "one.png", scene(40, 40, (10, 10, 20, 20)))
    pictures = list_pictures([str(tmp_path / "one.png")]).pictures
    changes = settings_of(tiny, views=3, threshold=0.999)
    localize_folder(pictures, tmp_path / "out", changes, LocalizeRun(workers=1))
    (row,) = read_results(tmp_path / "out")
    assert (row.views, row.threshold, row.status) == (3, 0.999, "localized")
    probability = read(tmp_path / "out" / "probability" / "one.png")
    assert ((read(tmp_path / "out" / "masks" / "one.png") > 0) == (probability >= 255)).all()


def test_lines_are_records_that_a_program_reads(whole):
    for line in (whole / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert list(record) == list(to_record(from_record(record))) and record["package_version"]
