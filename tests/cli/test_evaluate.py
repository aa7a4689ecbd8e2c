"""`webiml evaluate` as a user runs it: real processes, real files."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from webiml.cli import main

GREEN, RED = (60, 120, 60), (60, 60, 220)  # BGR; the tiny localizer marks what is more red than green


def write(path: Path, side: int, size: tuple[int, int] = (80, 100)) -> None:
    """A green picture with a red square of `side` pixels."""
    bgr = np.full((*size, 3), GREEN, np.uint8)
    bgr[10 : 10 + side, 10 : 10 + side] = RED
    cv2.imwrite(str(path), bgr)


@pytest.fixture
def table(tmp_path) -> Path:
    """Two manipulated pictures (one found, one missed), an authentic one, and one that is no picture."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, side in (("found.png", 40), ("missed.png", 0), ("plain.png", 0)):
        write(folder / name, side)
    (folder / "page.png").write_text("<html>Not found</html>")
    mask = np.zeros((80, 100), np.uint8)
    mask[10:50, 10:50] = 255
    cv2.imwrite(str(folder / "truth.png"), mask)
    rows = [["image", "mask"], ["found.png", "truth.png"], ["missed.png", "truth.png"]]
    with open(folder / "items.csv", "w", newline="") as file:
        csv.writer(file).writerows([*rows, ["plain.png", ""], ["page.png", "truth.png"]])
    return folder / "items.csv"


@pytest.fixture
def evaluate(webiml, localizer, table, tmp_path):
    """Run `webiml evaluate` with the tiny localizer on the table."""
    common = ("--data", table, "--weights", localizer, "--cache", tmp_path / "cache", "--workers", "1")
    return lambda *arguments, **options: webiml("evaluate", *common, *arguments, **options)


def without_time(result: dict) -> dict:
    return {name: value for name, value in result.items() if name not in ("made", "seconds", "seconds_per_picture")}


def test_a_table_becomes_figures_rows_and_reports(evaluate, tmp_path):
    out = tmp_path / "out"
    done = evaluate("--out", out, "--strict")
    assert (done.returncode, done.stderr) == (1, "")  # one picture could not be localized
    result = json.loads((out / "result.json").read_bytes())
    assert (result["protocol"], result["n"], result["skipped"], result["failed"]) == ("webiml", 4, 0, 1)
    marks = 1600 + 4 * 38  # a pixel more on every side of the square, its two ends left out
    f1 = 2 * 1600 / (marks + 1600)
    assert result["pixel"]["f1"] == pytest.approx(f1 / 3) and result["pixel"]["n"] == 3  # the unread one counts as 0
    assert result["image"]["auc"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert result["threshold"] == 0.5 and result["resize"] == "native size"
    assert set(result["made"]) == {"date", "machine", "commit", "versions"} and result["fingerprint"]
    rows = {row["name"]: row for row in pq.read_table(out / "per_image.parquet").to_pylist()}
    assert {name: row["result"] for name, row in rows.items()} == {
        "found.png": "scored", "missed.png": "scored", "plain.png": "scored", "page.png": "failed",
    }  # fmt: skip
    assert rows["page.png"]["reason"] == "not_an_image" and rows["found.png"]["f1"] == pytest.approx(f1)
    for name in ("report.md", "report.html", "report.tex"):
        assert f"{f1 / 3:.3f}" in (out / name).read_text(), name
    assert f"{f1 / 3:.3f}" in done.stdout and "not_an_image" in done.stdout
    assert done.stdout.splitlines()[-1] == f"next      open {out / 'report.html'}"
    assert "fake" not in ((out / "report.html").read_text() + done.stdout).lower()
    again = evaluate("--out", out, "--protocol", "trufor", "--no-pictures")
    assert again.returncode == 0, again.stderr
    assert json.loads((out / "result.json").read_bytes())["protocol"] == "trufor"
    assert "image/jpeg" not in (out / "report.html").read_text()


def test_json_alone_prints_the_result_and_writes_nothing(evaluate, table):
    before = sorted(table.parent.parent.iterdir())
    done = evaluate("--json", "--quiet")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1 and result["n"] == 4 and result["robustness"] is None
    cache = table.parent.parent / "cache"
    assert sorted({*table.parent.parent.iterdir()} - {cache}) == [path for path in before if path != cache]


def test_a_file_of_settings_and_flags_over_it(localizer, table, tmp_path, capsys):
    (tmp_path / "settings.yaml").write_text(f"protocol: miml\nweights: {localizer}\ncache: {tmp_path / 'cache'}\n")
    arguments = ["evaluate", "--data", str(table), "--config", str(tmp_path / "settings.yaml"), "--dry-run", "--json"]
    assert main.run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == "miml"
    assert main.run([*arguments, "--protocol", "benco"]) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == "benco"


def test_dry_run_counts_and_writes_nothing(localizer, table, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", "--data", str(table), "--weights", str(localizer), "--out", str(out), "--dry-run"]
    assert main.run([*arguments, "--degrade", "jpeg:50..70:10"]) == 0
    said = capsys.readouterr().out
    assert "pictures 4   manipulated 3   authentic 1   problems 0" in said and "jpeg:50, jpeg:60, jpeg:70" in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "TABLE", "--out", "OUT"], "Give one of --weights"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "web-iml", "--net", "a:b"], "--weights and --net"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "no-such-net"], "There is no localizer no-such-net"),
        (["--data", "TABLE", "--weights", "web-iml"], "Give --out DIR"),
        (["--data", "TABLE", "--out", "FULL", "--weights", "web-iml"], "holds something else"),
        (["--data", "TABLE", "--out", "TABLE", "--weights", "web-iml"], "is a file"),
        (["--data", "GONE", "--out", "OUT", "--weights", "web-iml"], "GONE"),
        (["--data", "casia=TABLE", "--out", "OUT", "--weights", "web-iml"], "casia"),
        (["--data", "TABLE", "--out", "OUT", "--predictions", "MAPS"], "found.png"),
        (["--data", "TABLE", "--out", "OUT", "--predictions", "MAPS", "--views", "2"], "--views is for --weights"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "web-iml", "--invert"], "are for --predictions"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "web-iml", "--degrade", "jpeg:500"], "jpeg:500"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "web-iml", "--degrade", "rain:3"], "rain:3"),
        (["--data", "TABLE", "--out", "OUT", "--weights", "web-iml", "--protocol", "ours"], "ours"),
        (["--data", "TABLE", "--out", "OUT", "--net", "nothing"], "package.module:factory"),
        (["--data", "TABLE", "--out", "OUT", "--net", "no_such_module:factory"], "cannot be imported"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_sentence_and_2(arguments, words, table, tmp_path, capsys):
    for name in ("FULL", "MAPS"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    places = {"TABLE": str(table)} | {name: str(tmp_path / name) for name in ("OUT", "FULL", "MAPS", "GONE")}
    for name, place in places.items():
        arguments = [text.replace(name, place) for text in arguments]
    assert main.run(["evaluate", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and "Traceback" not in said.err and said.out == ""
    assert not (tmp_path / "OUT").exists()


def test_a_full_disk_stops_with_3_and_the_same_command_resumes(evaluate, table, tmp_path):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(table.parent / "plain.png"), rng.integers(0, 256, (400, 400, 3), np.uint8))  # its map is large

    def small_files_only():  # what a full disk looks like to the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = evaluate("--out", tmp_path / "out", preexec_fn=small_files_only)
    assert (full.returncode, full.stdout) == (3, "")
    assert len(full.stderr.splitlines()) == 1 and "same command" in full.stderr
    assert not (tmp_path / "out" / "result.json").exists() and not list(tmp_path.rglob("*webiml-tmp"))
    again = evaluate("--out", tmp_path / "out", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["n"] == 4


def test_a_run_that_was_interrupted_and_killed_resumes_to_the_same_figures(localizer, tmp_path):
    folder = tmp_path / "many"
    (folder / "Tp").mkdir(parents=True)
    (folder / "Gt").mkdir()
    for number in range(16):
        write(folder / "Tp" / f"{number:02}.png", 40 + 5 * number, (700, 700))
        mask = np.zeros((700, 700), np.uint8)
        mask[10 : 50 + 5 * number, 10 : 50 + 5 * number] = 255
        cv2.imwrite(str(folder / "Gt" / f"{number:02}.png"), mask)

    def command(out: str, cache: str) -> list[str]:
        places = ["--out", str(tmp_path / out), "--cache", str(tmp_path / cache), "--workers", "1", "--no-pictures"]
        run = ["evaluate", "--data", str(folder), "--weights", str(localizer), "--quiet"]
        return [sys.executable, "-m", "webiml", *run, *places]

    def made() -> int:
        return len(list(tmp_path.glob("cache/*/*/[!.]*.json")))

    def stop(how: signal.Signals) -> int:
        """Stop the command when it has made two more maps; its exit code."""
        before = made()
        process = subprocess.Popen(command("out", "cache"), start_new_session=True, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while made() < before + 2:
            assert process.poll() is None and time.monotonic() < deadline, "the run ended, or made no map"
            time.sleep(0.005)
        os.killpg(process.pid, how)
        process.communicate(timeout=60)
        return process.returncode

    assert stop(signal.SIGINT) == 130
    assert stop(signal.SIGKILL) == -signal.SIGKILL
    assert not (tmp_path / "out" / "result.json").exists()
    before = made()
    assert before < 16
    for out, cache in (("out", "cache"), ("fresh", "other")):
        assert subprocess.run(command(out, cache), timeout=120).returncode == 0
    results = [json.loads((tmp_path / name / "result.json").read_bytes()) for name in ("out", "fresh")]
    assert without_time(results[0]) == without_time(results[1])
    rows = [pq.read_table(tmp_path / name / "per_image.parquet").to_pandas() for name in ("out", "fresh")]
    assert rows[0].drop(columns="seconds").equals(rows[1].drop(columns="seconds"))
    assert rows[0]["seconds"].isna().sum() >= before  # what was made before was not made again


def test_hostile_names_cannot_act_on_the_terminal_or_the_page(webiml, localizer, table, tmp_path):
    name = "a\x1b[31m<script>alert(1)</script>_&$.png"
    try:
        write(table.parent / "plain.png", 10)
        (table.parent / "plain.png").rename(table.parent / name.replace("/", "_"))
    except OSError:
        pytest.skip("this file system takes no such name")
    named = name.replace("/", "_")
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([["image", "mask"], [named, "gone.png"], ["found.png", "truth.png"]])
    done = webiml(
        "evaluate", "--data", table, "--weights", localizer, "--cache", tmp_path / "c", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert "\x1b" not in done.stdout + page and "<script>" not in page
