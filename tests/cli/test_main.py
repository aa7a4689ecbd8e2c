"""Dispatch, sentences and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import webiml
import webiml.annotate.dataset
from webiml.cli import main
from webiml.cli.terminal import plain
from webiml.errors import OutputError


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_bare_help_names_every_command(arguments, capsys):
    assert main.run(arguments) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in main.COMMANDS)


def test_version(capsys):
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"{webiml.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["anotate"], ["'anotate'", "Did you mean annotate?"]),
        (["zzz"], ["'zzz'", "Commands: annotate"]),
        (["\x1b[31m"], [r"\x1b[31m"]),
        (["annotate"], ["PAIRS", "webiml annotate --help"]),
        (["annotate", "here"], ["--out"]),
        (["annotate", "here", "--out", "there", "--min-qse", "0.5"], ["--min-qse", "Did you mean --min-qes?"]),
        (["annotate", "here", "--out", "there", "--min-qes", "much"], ["--min-qes", "much"]),
        (["annotate", "here", "--out", "there", "--min-qes", "1.5"], ["--min-qes", "between 0 and 1"]),
        (["annotate", "here", "--out", "there", "--min-qes", "nan"], ["--min-qes", "between 0 and 1"]),
        (["annotate", "here", "--out", "there", "--format", "shrads"], ["--format", "shards"]),
        (["annotate", "here", "--out", "there", "--workers", "-1"], ["--workers", "between 0 and 256"]),
        (["annotate", "no-such-folder", "--out", "there"], ["no-such-folder"]),
        (["annotate", *"abc", *map(str, range(999)), "--out", "there"], ["c and 999 more came after all that"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0] == "annotate" else None,
)
def test_a_wrong_setting_is_one_sentence_and_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert all(word in captured.err for word in words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (OutputError("the disk is full: free space"), 3, "the disk is full: free space"),
        (KeyboardInterrupt(), 130, "the same command resumes"),
        (RuntimeError("who\x1b[2J knows"), 1, "RuntimeError: who\\x1b[2J knows"),
    ],
    ids=["output", "interrupted", "unforeseen"],
)
def test_an_error_of_the_run_is_one_sentence_and_its_code(raised, code, words, capsys, pairs, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr(webiml.annotate.dataset, "annotate_dataset", fail)
    arguments = ["annotate", str(pairs), "--out", str(tmp_path / "dataset")]
    assert main.run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1
    if code == 1:
        monkeypatch.setenv("WEBIML_DEBUG", "1")
        with pytest.raises(RuntimeError, match="who"):
            main.run(arguments)


def test_command_help_shows_examples_and_every_setting(capsys):
    assert main.run(["annotate", "--help"]) == 0
    out = capsys.readouterr().out
    words = ("webiml annotate pairs --out dataset", "--min-qes", "--no-pictures", "--dry-run", "--config", "--json")
    assert all(word in out for word in words)


def test_a_reader_that_has_gone_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "webiml", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), errors) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_summary_that_cannot_be_written_is_one_sentence_and_3():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "webiml", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 3
    assert done.stderr == "Standard output cannot be written (no space left on device); the work itself is done.\n"


def test_a_closed_standard_error_neither_stops_the_run_nor_moves_words_to_stdout(pairs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)  # what Python makes of `2>&-`
    same = [str(pairs / "same" / f"{side}.png") for side in "01"]
    for _ in range(2):  # the second says on stderr that everything is finished already
        assert main.run(["annotate", *same, "--out", str(tmp_path / "dataset"), "--json", "--workers", "1"]) == 0
        assert json.loads(capsys.readouterr().out)["inputs"] == 1
    assert main.run(["annotate", *same]) == 2
    assert capsys.readouterr().out == ""


@given(st.text())
def test_nothing_unprintable_reaches_the_terminal(text):
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


def test_printable_text_stays():
    assert plain("Straße 東京 a-b_c.jpg") == "Straße 東京 a-b_c.jpg"
    assert plain("a\x1b[31mb\n\u202ec\udc80") == r"a\x1b[31mb\n\u202ec\udc80"
