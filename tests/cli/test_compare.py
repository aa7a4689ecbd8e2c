"""`webiml compare` as a user runs it: the table, the files, and what it refuses."""

import json
import re
from pathlib import Path

import pytest
from tests.evaluate.saved_runs import authentic, row, write_run
from tests.evaluate.tiny_run import HOSTILE

from webiml.cli import main

JPEG = {"jpeg": {"levels": [50, 100], "f1": [0.25, None]}, "resave": {"levels": ["social"], "f1": [0.5]}}


@pytest.fixture
def runs(tmp_path) -> list[str]:
    """Seven pictures: B is better on all by 0.25; an authentic one; one that only A has."""
    keys = "abcdefg"
    ours = [*(row(key, 0.25) for key in keys), authentic("x", 0.1, 0.5), row("alone", 1.0)]
    theirs = [*(row(key, 0.5) for key in keys), authentic("x", 0.2, 0.25)]
    return [
        str(write_run(tmp_path / "A", ours, robustness=JPEG)),
        str(write_run(tmp_path / "B", theirs, **{"training_data": {"known": False, "leaks": None}})),
    ]


def test_the_table_says_who_wins(webiml, runs, tmp_path):
    done = webiml("compare", *runs, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    title, header, first, second, _, *rest = done.stdout.splitlines()
    assert title == "set" and header.split()[:3] == ["run", "pictures", "of"]
    assert " ".join(first.split()) == "A 8 9 0.250 (0.250 to 0.250) 0.250 0.250 0.250 1.000 50.00 %"
    assert " ".join(second.split()) == "B 8 8 0.500 (0.500 to 0.500) 0.500 0.500 0.500 1.000 25.00 %"
    assert " ".join(rest[2].split()) == "B A 7 7 +0.250 (+0.250 to +0.250) 0.016 0.016 7 0 0"
    assert "8 pictures that all runs have scored. Left out, because another run has not scored them: A 1." in rest[-2]
    assert rest[-1] == "result    B is better than A by 0.250 F1 at 0.5 (0.250 to 0.250), p = 0.016, on 7 pictures."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A", "B"]


def test_a_folder_gets_the_comparison_in_four_forms(runs, tmp_path, capsys):
    out = tmp_path / "out"
    assert main.run(["compare", *runs, "--out", str(out), "--metric", "iou", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads((out / "compare.json").read_text())
    assert (record["metric"], record["n"], record["runs"][0]["left_out"]) == ("iou", 8, 1)
    assert record["differences"][0]["difference"]["mean"] == 0.25
    assert {path.name for path in out.iterdir()} == {f"compare.{ending}" for ending in ("json", "md", "html", "tex")}
    words = "B is better than A by 0.250 IoU at 0.5"
    for name in ("md", "html", "tex"):
        text = (out / f"compare.{name}").read_text()
        assert words in text.replace("\\", "") and "training data unknown" in text
    page = (out / "compare.html").read_text()
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert [title.split(",")[0] for title in titles] == [
        "Pixel F1 by threshold", "ROC of whole pictures", "Pixel F1 of each manipulated picture in common",
        "Pixel F1 after jpeg", "Pixel F1 after resave",
    ]  # fmt: skip
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main.run(["compare", *runs, "--out", str(out), "--metric", "iou"]) == 0
    assert capsys.readouterr().out.endswith(f"next      open {out / 'compare.html'}\n")
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}
    assert main.run(["compare", *runs, "--quiet"]) == 0 and capsys.readouterr().out == ""


def test_published_figures_stand_in_the_table_and_in_no_test(runs, tmp_path, capsys):
    table = tmp_path / "published.csv"
    table.write_text("name,benchmark,protocol,f1,source\nTheirs,Set,webiml,0.75,a paper\nTheirs,set,benco,0.9,it\n")
    out = tmp_path / "out"
    assert main.run(["compare", *runs, "--published", str(table), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^Theirs \(published\) +- +- +0.750 +-", text, re.MULTILINE)
    assert "published Theirs: a paper\n" in text and "left out  1 published of another protocol or benchmark" in text
    assert "0.900" not in text and text.count("Theirs") == 2
    page = (out / "compare.md").read_text()
    assert "| Theirs \\(published\\)" in page or "| Theirs (published) |" in page
    assert "| Theirs | Set | - | a paper |" in page


def test_hostile_names_stay_text(tmp_path, capsys):
    keys = ("a", "b")
    hostile = [row(key, 0.5, benchmark=HOSTILE) for key in keys]
    names = ("a_b & <i>", "$x$ #1%")
    folders = [str(write_run(tmp_path / name, hostile, **{"what.name": HOSTILE})) for name in names]
    out = tmp_path / "out"
    assert main.run(["compare", *folders, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    page, paper, text = ((out / f"compare.{ending}").read_text() for ending in ("html", "tex", "md"))
    assert "\x1b" not in printed + page + paper + text and "\\x1b[31m" in printed
    assert "<script" not in page and "<i>" not in page and "a_b &amp; &lt;i&gt;" in page
    assert r"a\_b \& \textless{}i\textgreater{} & 2 & 2" in paper and r"\$x\$ \#1\% & 2 & 2" in paper
    assert "<script" not in text.replace("\\<", "") and r"| a\_b \& \<i\> |" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give two results or more to compare: webiml compare RUN RUN..."),
        (["A"], "Give two results or more to compare"),
        (["A", "nowhere"], "nowhere is no finished result of webiml evaluate"),
        (["A", "B", "--metric", "best"], "--metric"),
        (["A", "B", "--published", "none.csv"], "none.csv cannot be read"),
        (["A", "B", "--out", "A"], "A holds something else than a comparison"),
        (["A", "B", "--out", "A/result.json"], "is a file: give a folder to --out"),
    ],
)
def test_what_is_wrong_is_a_sentence(runs, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main.run(["compare", *arguments]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.out == "" and (Path("A") / "result.json").is_file()
