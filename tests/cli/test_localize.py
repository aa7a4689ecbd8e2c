"""`webiml localize` as a user runs it: real processes, real files."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from webiml.cli import main

GREEN, RED = (60, 120, 60), (60, 60, 220)  # BGR; the tiny localizer marks what is more red than green


def write(path: Path, side: int, size: tuple[int, int] = (80, 100)) -> None:
    """A green picture with a red square of `side` pixels."""
    bgr = np.full((*size, 3), GREEN, np.uint8)
    bgr[10 : 10 + side, 10 : 10 + side] = RED
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), bgr)


@pytest.fixture(scope="session")
def made_photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "photos"
    for name, side in (("cat.png", 0), ("dog.png", 20), ("deep/cat.png", 40)):
        write(folder / name, side)
    (folder / "page.jpg").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    (folder / "notes.txt").write_text("a note")
    return folder


@pytest.fixture
def photos(made_photos, tmp_path) -> Path:
    """A copy of the pictures that a test may change."""
    return Path(shutil.copytree(made_photos, tmp_path / "photos"))


@pytest.fixture
def localize(webiml, localizer):
    """Run `webiml localize` with the tiny localizer."""
    return lambda *arguments, **options: webiml("localize", *arguments, "--weights", localizer, **options)


def table(out: Path) -> dict[str, dict]:
    return {row["name"]: row for row in pq.read_table(out / "results.parquet").to_pylist()}


def test_a_folder_becomes_a_table_the_most_suspicious_first(localize, photos, tmp_path):
    out = tmp_path / "out"
    done = localize(photos, "--out", out, "--workers", "1", "--strict")
    assert (done.returncode, done.stderr) == (1, "")  # a row failed
    rows = {Path(name).relative_to(photos).as_posix(): row for name, row in table(out).items()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "cat.png": "localized", "dog.png": "localized", "deep/cat.png": "localized", "page.jpg": "failed",
    }  # fmt: skip
    assert len({row["key"] for row in rows.values()}) == 4
    head, first, second, third, totals, *rest = done.stdout.splitlines()
    assert head.split()[:3] == ["score", "marked", "area"] and "may be manipulated" in head
    assert {Path(line.split()[-1]).relative_to(photos).as_posix() for line in (first, second)} == {
        "dog.png", "deep/cat.png",
    }  # fmt: skip
    assert third.split() == ["0.03", "0.0", "%", "0", str(photos / "cat.png")]
    assert totals == "pictures 4   localized 3   marked 2   failed 1"
    assert rest[0] == "failed    not_an_image 1" and "page.jpg: looks like an HTML page" in rest[1]
    assert rest[2] == f"ignored   1 other file: {photos / 'notes.txt'}"
    assert rest[-1] == f"next      open {out / 'report.html'}; the same command resumes"
    for name in ("masks", "probability", "confidence", "overlays"):
        assert {file.stem for file in (out / name).iterdir()} == {r["key"] for r in rows.values() if not r["reason"]}
    page = (out / "report.html").read_text()
    assert page.count("<article") == 3 and "not_an_image" in page
    assert "fake" not in (page + done.stdout).lower()


def test_json_is_one_object_with_the_rows_and_nothing_else_on_stdout(localize, photos, tmp_path):
    out = tmp_path / "out"
    done = localize(photos, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (summary["inputs"], summary["localized"], summary["failed"], summary["marked"]) == (4, 3, 1, 2)
    assert (summary["reasons"], summary["ignored"], summary["resumed"]) == ({"not_an_image": 1}, 1, 0)
    rows = summary["rows"]
    assert [row["key"] for row in rows] == sorted(row["key"] for row in table(out).values())
    assert rows == [json.loads(line) for line in Path(summary["lines"]).read_text().splitlines()]
    assert Path(summary["table"]).is_file() and Path(summary["report"]).is_file()

    written = [path for path in out.rglob("*") if path.is_file() and path.name != "lock"]
    before = [path.stat().st_mtime_ns for path in written]
    again = json.loads(localize(photos, "--out", out, "--json").stdout)
    assert (again["resumed"], again["pictures_per_second"], again["rows"]) == (4, None, rows)
    assert before == [path.stat().st_mtime_ns for path in written]


def test_without_a_folder_json_prints_the_rows_alone_and_writes_nothing(localize, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    done = localize(photos / "dog.png", photos / "gone.png", "--json", cwd=tmp_path / "empty")
    assert (done.returncode, done.stderr) == (0, "")
    dog, gone = (json.loads(line) for line in done.stdout.splitlines())
    assert (dog["status"], dog["regions"][0]["box"], gone["reason"]) == ("localized", [9, 9, 31, 31], "not_found")
    assert not list((tmp_path / "empty").iterdir())
    refused = localize(photos / "dog.png")
    assert refused.returncode == 2 and "--out" in refused.stderr


def test_names_from_stdin_and_patterns_in_quotes(localize, photos):
    done = localize("-", f"{photos}/*.png", "--json", "--strict", input=f"{photos / 'deep' / 'cat.png'}\0")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["name"]).relative_to(photos).as_posix() for row in rows] == ["cat.png", "deep/cat.png", "dog.png"]
    assert len({row["key"] for row in rows}) == 3


def test_a_file_of_settings_and_flags_over_it(webiml, localizer, photos, tmp_path, capsys):
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump({"weights": str(localizer), "threshold": 0.9, "pictures": False}))
    arguments = ["localize", str(photos / "dog.png"), "--out", str(tmp_path / "out"), "--config", str(config)]
    done = webiml(*arguments, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {row["threshold"] for row in table(tmp_path / "out").values()} == {0.9}
    assert "<img" not in (tmp_path / "out" / "report.html").read_text()
    assert main.run([*arguments, "--threshold", "0.8"]) == 2
    assert "threshold is 0.9 there and 0.8 now" in capsys.readouterr().err


def test_dry_run_counts_and_writes_nothing(localizer, photos, tmp_path, capsys):
    arguments = ["localize", str(photos), str(photos / "gone.png"), "--out", str(tmp_path / "out"), "--dry-run"]
    arguments += ["--weights", str(localizer)]
    assert main.run(arguments) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["pictures 5   finished 0   to do 5", "problems  not_found 1"]
    assert main.run([*arguments, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["dry_run"], planned["inputs"], planned["to_do"]) == (True, 5, 5)
    assert planned["problems"] == {"not_found": 1} and planned["ignored"] == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
def test_hostile_names_cannot_act_on_the_terminal_or_the_page(localize, made_photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    hostile = ["\x1b]0;owned\x07\x1b[31mred.png", "<script>alert(1)<\\script>.png", "a\nb.png", "\u202egnp.png"]
    hostile += [os.fsdecode(b"\xff\xfe.png"), "-rf.png", "..png", "con.png"]
    for name in hostile:
        shutil.copy(made_photos / "dog.png", folder / name)
    (folder / "<img src=x>\x1b[2J.jpg").write_text("no picture")
    out = tmp_path / "out\x1b[31m"
    done = localize(folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    page = (out / "report.html").read_text()
    assert "<script" not in page and "<img src=x" not in page and "\x1b" not in page and "\u202e" not in page
    rows = table(out)
    assert len(rows) == len(hostile)  # ..png is hidden, and one is no picture
    assert sorted(file.stem for file in (out / "masks").iterdir()) == sorted(
        r["key"] for r in rows.values() if r["area"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "out"], "Give pictures or folders"),
        (["photos"], "Give --out DIR"),
        (["photos", "--dry-run", "--json"], "Give --out DIR"),
        (["photos", "--out", "out", "--treshold", "0.6"], "Did you mean --threshold?"),
        (["photos", "--out", "out", "--threshold", "1"], "--threshold must lie above 0 and below 1"),
        (["photos", "--out", "out", "--views", "9"], "--views must be 1, 2 or 3"),
        (["photos", "--out", "out", "--workers", "-1"], "--workers must lie between"),
        (["photos", "--out", "out", "--weights", "no-such"], "There is no localizer no-such"),
        (["photos", "--out", "out", "--revision", "0" * 40], "revision"),
        (["photos", "--out", "cat.png"], "is a file"),
        (["photos", "--out", "mine"], "is not empty"),
        (["photos", "--out", "photos"], "would become input"),
        (["photos", "--out", "photos/out"], "would become input"),
        (["photos/deep", "photos", "--out", "photos/deep/er"], "would become input"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_setting_is_one_sentence_and_2(arguments, words, localizer, photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cat.png", 0)
    write(tmp_path / "mine" / "cat.png", 0)
    before = sorted(tmp_path.rglob("*"))
    assert main.run(["localize", *arguments, *([] if "--weights" in arguments else ["--weights", str(localizer)])]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1) and words in told.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_stops_with_3_and_the_same_command_resumes(localize, photos, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(2):  # noise, which no PNG makes small
        cv2.imwrite(str(photos / f"noise{number}.png"), rng.integers(0, 256, (120, 160, 3), np.uint8))

    def small_files_only():  # what a full disk looks like to the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = localize(photos, "--out", tmp_path / "out", preexec_fn=small_files_only)
    assert (full.returncode, full.stdout) == (3, "")
    assert len(full.stderr.splitlines()) == 1 and "same command" in full.stderr
    assert not list(tmp_path.rglob("*webiml-tmp"))
    again = json.loads(localize(photos, "--out", tmp_path / "out", "--json").stdout)
    assert (again["inputs"], again["localized"]) == (6, 5) and again["resumed"] > 0


def test_interrupting_stops_cleanly_with_130_and_the_same_command_resumes(localize, localizer, tmp_path):
    for number in range(12):
        write(tmp_path / "photos" / f"{number:02}.png", 20, (450, 600))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "webiml", "localize", tmp_path / "photos", "--out", out, "--workers", "1"]
    process = subprocess.Popen(
        [*map(str, command), "--weights", str(localizer)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        (out / "results.jsonl").exists() and (out / "results.jsonl").stat().st_size
    ):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to every process of the command
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "")
    assert errors == "Stopped. What is finished is kept; the same command resumes.\n"
    summary = json.loads(localize(tmp_path / "photos", "--out", out, "--json").stdout)
    assert summary["inputs"] == 12 and 0 < summary["resumed"] < 12
