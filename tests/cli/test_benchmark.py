"""`webiml benchmark check` as a user runs it."""

import json

import pytest
from tests.evaluate.tiny_benchmarks import SHAPES, lay, picture, white, write

from webiml.cli import main


@pytest.fixture
def sound(tmp_path):
    """A folder in which nothing is wrong."""
    write(tmp_path / "sound/Tp/a.png", picture(1))
    write(tmp_path / "sound/Gt/a.png", white())
    return tmp_path / "sound"


def test_a_table_of_benchmarks_and_what_was_found_in_each(webiml, sound, tmp_path):
    coverage = lay(tmp_path / "cover", SHAPES["coverage"])
    done = webiml("benchmark", "check", sound, coverage, "--workers", "1")
    assert (done.returncode, done.stderr) == (0, "")
    head, first, second, blank, *rest = done.stdout.splitlines()
    assert head.split() == ["benchmark", "manipulated", "authentic", "unusable", "findings"]
    assert first.split() == ["sound", "1", "0", "0", "0"]
    assert second.split() == ["coverage", "1", "of", "100", "2", "of", "100", "3", "5"]
    assert (blank, rest[0]) == ("", f"sound in {sound}, read as: Tp/ and Gt/, with or without Au/")
    assert rest[1:4] == ["count     unknown", "wrong     nothing", ""]
    text = "\n".join(rest[4:])
    assert f"Coverage in {coverage}, read as: image/, mask/" in text
    assert "count 2\n          1 manipulated pictures, 100 are expected (dong03/MVSS-Net data/COVERAGE.txt)" in text
    assert "mask_size 1\n          image/2t.tif: the picture is 16x20, its mask 18x20 (H x W)" in text
    assert "missing_mask 1\n          image/3t.tif: there is no mask mask/3forged" in text
    assert "ignored   1 other file: notes.txt" in text and "note      9 masks have another size" in text
    assert text.endswith("wrong     5")


def test_json_is_one_object_and_strict_exits_with_1_when_something_is_wrong(webiml_here, sound, tmp_path):
    root = lay(tmp_path / "set", SHAPES["imgs and masks"])
    done = webiml_here("benchmark", "check", root, sound, "--json", "--strict")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1), done.stderr
    one, other = json.loads(done.stdout)["benchmarks"]
    assert (one["name"], one["manipulated"], one["authentic"], one["unusable"]) == ("set", 1, 0, 3)
    assert one["faults"] == {"mask_size": 1, "missing_mask": 1, "unreadable_picture": 1}
    assert {finding["name"] for finding in one["findings"]} == {"imgs/2.v2.jpg", "imgs/3.v2.jpg", "imgs/4.v2.jpg"}
    assert one["expected"] == {"manipulated": None, "authentic": None, "source": ""}
    assert (one["ignored_files"], one["verified"], other["wrong"]) == (["notes.txt"], True, 0)


def test_nothing_wrong_is_0_also_with_strict_and_quiet_prints_nothing(webiml_here, sound):
    before = sorted(sound.rglob("*"))
    done = webiml_here("benchmark", "check", sound, "--strict", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(sound.rglob("*")) == before


def test_hostile_names_cannot_act_on_the_terminal(webiml_here, sound):
    write(sound / "Tp/\x1b[31mred.png", b"no picture")
    write(sound / "Gt/\x1b[31mred.png", white())
    write(sound / "\x1b]0;owned\x07.txt", b"")
    done = webiml_here("benchmark", "check", sound)
    assert done.returncode == 0 and all(line.isprintable() for line in done.stdout.splitlines())
    assert "unreadable_picture 1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "Give a benchmark to check"),
        (["chek", "sound"], "chek"),
        (["check", "none"], "none does not exist"),
        (["check", "colombia=sound"], "Did you mean columbia?"),
        (["check", "sound", "--workers", "-1"], "--workers must lie between"),
        (["check", "sound", "--jsn"], "jsn"),
        (["check", "sound/Tp"], "no mask was found"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_setting_is_one_sentence_and_2(arguments, words, sound, capsys, monkeypatch):
    monkeypatch.chdir(sound.parent)
    assert main.run(["benchmark", *arguments]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1) and words in told.err
