"""The files of an evaluation: what they say of pictures whose figures are known, and of names that mean harm."""

import copy
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.evaluate.conftest import write_mask
from tests.evaluate.tiny_run import HOSTILE, SQUARE, tiny_run

from webiml.errors import OutputError
from webiml.evaluate.plan import Plan
from webiml.evaluate.rows import ImageRow, read_rows
from webiml.evaluate.run import Evaluated
from webiml.evaluate.saved_run import read_run
from webiml.report.evaluation import write_evaluation
from webiml.report.evaluation_cases import SHOWN, choose, sheets
from webiml.report.evaluation_tables import pixel_table
from webiml.report.evaluation_words import training_mark, training_words

FILES = {"result.json", "per_image.parquet", "report.html", "report.md", "report.tex"}
MEAN = (1 + 800 / 872 + 0) / 3  # of right, near and page, which has no map


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Evaluated, Plan]:
    root = tmp_path_factory.mktemp("made")
    return root, *tiny_run(root)


@pytest.fixture
def found(made) -> Evaluated:
    """A copy that a test may change."""
    return replace(made[1], result=copy.deepcopy(made[1].result))


@pytest.fixture
def planned(made) -> Plan:
    return made[2]


@pytest.fixture(scope="module")
def out(made) -> Path:
    """Written with pictures; tests only read it."""
    root, found, planned = made
    folder = root / "deep" / "out"
    assert write_evaluation(folder, found, planned, pictures=True) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def files(out) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir() if path.suffix != ".parquet"}


def written(out: Path, found: Evaluated, planned: Plan, pictures: bool = False) -> dict[str, str]:
    write_evaluation(out, found, planned, pictures=pictures)
    return {path.name: path.read_text() for path in out.iterdir() if path.suffix != ".parquet"}


def test_all_files_are_there_and_equal_results_give_equal_bytes(tmp_path, out, files, found, planned):
    assert {path.name for path in out.iterdir()} == FILES
    assert json.loads(files["result.json"]) == found.result
    assert list(read_rows(out / "per_image.parquet")) == found.rows
    about = pq.read_metadata(out / "per_image.parquet").metadata
    assert (about[b"webiml.protocol"], about[b"webiml.schema"]) == (b"webiml", b"1")
    assert about[b"webiml.fingerprint"].decode() == found.result["fingerprint"]
    write_evaluation(tmp_path, found, planned, pictures=True)
    assert [(out / name).read_bytes() == (tmp_path / name).read_bytes() for name in sorted(FILES)] == [True] * 5


def test_what_was_written_can_be_compared(out):
    run = read_run(out)
    assert (run.name, run.what, run.n, run.skipped, run.failed, run.leaks) == ("out", "tiny", 5, 1, 1, None)
    assert [row.key for row in run.rows] == ["alarm", "near", "page", "plain", "right"] and len(run.curve) == 255


def test_a_result_that_could_not_be_finished_is_none(tmp_path, found, planned):
    (tmp_path / "result.json").write_text("of an earlier run")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        write_evaluation(tmp_path, found, planned, pictures=False)
    assert not (tmp_path / "result.json").exists()


def test_the_headline_says_what_was_scored_on_what(files, found):
    low, high = found.result["pixel"]["intervals"]["f1"]
    for text in (files["report.html"], files["report.md"].replace("\\", "")):
        assert "tiny on set_1 (3 manipulated and 2 authentic pictures), protocol webiml" in text
        assert f"pixel F1 at 0.5 is {MEAN:.3f} (95 % interval {low:.3f} to {high:.3f})" in text
        assert "2.95 % of the area of authentic pictures marked" in text  # (472 / 8000 + 0) / 2
        assert "F1 of each manipulated picture at 0.5; native size; nothing inverted" in text
        for remark in found.result["protocol_remarks"]:
            assert remark in text


def test_the_tables_hold_every_figure(files, found):
    page = files["report.md"].replace("\\", "")
    (row,) = re.findall(r"^\| set_1 \| 3 \| 2 \| 1 \| 1 \| (.*) \|$", page, re.MULTILINE)
    pixel = found.result["pixel"]
    f1, iou, best, threshold, each, auc, ap, mcc = row.split(" | ")
    assert f1.startswith(f"{MEAN:.3f} (") and iou.startswith(f"{(1 + 400 / 472) / 3:.3f} (")
    names = ("f1_best_of_set", "threshold_best_of_set", "f1_best", "auc", "ap", "mcc")
    assert [best, threshold, each, auc, ap, mcc] == [f"{pixel[name]:.3f}" for name in names]
    # Scores 1, 1, 0 (no map) against 1, 0.0006: AUC (0.5 + 1 + 0.5 + 1 + 0 + 0) / 6; an alarm in half of the others
    (row,) = re.findall(r"^\| set_1 \| 5 \| (.*) \|$", page, re.MULTILINE)
    assert row.split(" | ")[0].startswith("0.500 (") and row.split(" | ")[-2:] == ["2.95 %", "50.00 %"]
    assert re.search(r"^\| set_1 \| copy_move \| 2 \| 1 \| 0.500 \(0.000 to 1.000\) \|", page, re.MULTILINE)
    assert (
        "| set_1 | Tp and Gt | 4 | 5 | 2 | 2 | 1 manipulated missing; layout unverified | a paper & its <list> |"
        in page
    )
    assert re.search(r"^\| set_1 \| gone \| not_found \| .* \|$", page, re.MULTILINE)
    assert re.search(r"^\| not_an_image \| 1 \| .* \|$", page, re.MULTILINE)
    assert "all together" not in page and "mean of benchmarks" not in page  # there is only one


def test_several_benchmarks_have_a_row_for_all_and_their_mean(found):
    found.result["benchmarks"]["b"] = found.result["benchmarks"]["set_1"]
    found.result["mean_of_benchmarks"] = {"f1": 0.25, "iou": 0.125, "auc": None, "f1_best": 0.5}
    rows = pixel_table(found.result).rows
    assert [row[0] for row in rows] == ["set_1", "b", "all together", "mean of benchmarks"]
    assert rows[-1][1:] == ("-", "-", "-", "-", "0.250", "0.125", "-", "-", "0.500", "-", "-", "-")


def test_what_taught_the_localizer_is_said(found):
    result = found.result
    assert training_words(result).startswith("Training data unknown") and training_mark(result)
    result["training_data"] = {"known": True, "pictures": 1234, "leaks": 0, "leaking_pictures": []}
    assert training_words(result).startswith("No overlap found: none of these pictures is among the 1,234")
    assert training_mark(result) == ""


def test_an_overlap_stands_above_and_in_every_caption(tmp_path, found, planned):
    leak = {"benchmark": "set_1", "key": "right", "name": HOSTILE, "picture": "image", "training_key": "seen"}
    leaks = [leak | {"same_bytes": True, "distance": 0}, leak | {"same_bytes": False, "distance": 3}]
    found.result["training_data"] = {"known": True, "pictures": 9, "leaks": 2, "leaking_pictures": leaks}
    files = written(tmp_path, found, planned)
    for name in ("report.html", "report.md"):
        assert "2 pictures overlap with the training data, which --allow-leaks let pass" in files[name].replace(
            "\\", ""
        )
        assert "nothing, equal files" in files[name] and "3 bits" in files[name]
    captions = re.findall(r'<p class="soft">(Means over.*?|Manipulated.*?|All pixels.*?)</p>', files["report.html"])
    assert len(captions) == 4
    for text in (*captions, re.findall(r"caption\{(.*)\}", files["report.tex"])[0]):
        assert text.endswith("2 pictures overlap with the training data.")


def test_degradations_have_a_table_and_a_plot_each(tmp_path, found, planned):
    names = ("f1", "iou", "auc", "image_auc", "false_alarm_area")
    levels = {"levels": [50, 100.0], "n": [5, 5], "skipped": [1, 1]} | {name: [0.25, 0.75] for name in names}
    named = {"levels": ["social"], "n": [5], "skipped": [1]} | {name: [None] for name in names}
    found.result["robustness"] = {
        "jpeg": levels | {"area": dict.fromkeys(names, 0.5)},
        "resave": named | {"area": dict.fromkeys(names)},
    }
    files = written(tmp_path, found, planned)
    assert "| 50 | 5 | 1 | 0.250 | 0.250 | 0.250 | 0.250 | 25.00 % |" in files["report.md"]
    assert "| mean height | - | - | 0.500 | 0.500 | 0.500 | 0.500 | 50.00 % |" in files["report.md"]
    assert "| social | 5 | 1 | - | - | - | - | - |" in files["report.md"]
    assert f"| not degraded | 5 | 1 | {MEAN:.3f} |" in files["report.md"]
    assert files["report.html"].count("After jpeg; dotted: not degraded") == 2  # alt and caption
    assert "After resave; dotted" not in files["report.html"]  # there is nothing to draw


def test_hostile_names_stay_text(tmp_path, found, planned):
    found.result["benchmarks"] = {HOSTILE: found.result["benchmarks"]["set_1"]}
    files = written(tmp_path, found, planned, pictures=True)
    page = files["report.html"]
    assert "<script" not in page and "\x1b" not in "".join(files.values())
    assert "&lt;script&gt;" in page and "\\x1b[31m" in page
    assert "<script" not in files["report.md"].replace("\\<script", "")
    assert re.search(r"\\<script\\>.*\\\| \\\$.* a\\_b \\& 100%", files["report.md"])
    wanted = r"\textless{}script\textgreater{}alert('x')\textless{}/script\textgreater{}\textbackslash{}x1b[31m "
    wanted += r"\textbar{} \$\textbackslash{}x\$ a\_b \& 100\%"
    assert f"{wanted} & 5 & " in files["report.tex"]
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)
    assert (
        policy and "default-src 'none'; img-src data:" in policy[1] and "style=" not in page and "http" not in policy[1]
    )
    assert all(source.startswith("data:image/") for source in re.findall(r'<img src="(.*?)"', page))


def test_worst_best_and_alarms_are_shown_as_pictures(tmp_path, files, found, planned):
    page = files["report.html"]
    worst, best, alarms = (page.index(title) for title in ("Found worst", "Found best", "Marked most although"))
    assert worst < page.index("F1 0.917") < best < page.index("F1 1.000") < alarms < page.index("5.9 % marked")
    assert page.count("<article") == 3 and page.count("data:image/jpeg") == 9
    assert page.count('alt="mask of') == 3 and "probability map of near, bright where" in page
    none = written(tmp_path, found, planned, pictures=False)["report.html"]
    assert "data:image/jpeg" not in none and "<article" not in none and "data:image/svg" in none


@pytest.mark.parametrize("lost", ["map", "picture", "mask", "scoring"])
def test_a_card_says_what_is_no_longer_there(tmp_path, made, found, lost):
    root, _, planned = made
    moved = tmp_path / "moved"
    shutil.copytree(root / "data", moved)
    items = tuple(replace(item, image=moved / f"{item.key}.png", root=moved) for item in planned.benchmarks[0].items)
    items = tuple(item if item.mask is None else replace(item, mask=moved / f"{item.key}-mask.png") for item in items)
    planned = replace(planned, benchmarks=(replace(planned.benchmarks[0], items=items),))
    scoring = found.scorings["set_1"]
    if lost == "map":
        empty = replace(scoring.cache, folder=tmp_path / "empty") if scoring.cache else None
        found = replace(found, scorings={"set_1": replace(scoring, cache=empty)})
    elif lost == "picture":
        (moved / "near.png").write_bytes(b"no picture")
    elif lost == "mask":
        write_mask(moved / "near-mask.png", SQUARE[:50])
    else:
        found = replace(found, scorings={})
    cases = [case for sheet in sheets(found, planned) for case in sheet.cases]
    said = {
        "map": (3, "Its map is no longer in the cache"),
        "picture": (1, "It cannot be shown: not_an_image"),
        "mask": (1, "Its truth has another size now"),
        "scoring": (3, "The picture is no longer listed"),
    }
    count, words = said[lost]
    assert len(cases) == 3 and sum(words in case.problem for case in cases) == count
    shown = {"map": 0, "picture": 2, "mask": 3, "scoring": 0}[lost]
    assert sum(len(case.pictures) == 3 for case in cases) == shown


def test_saved_maps_are_shown_too(tmp_path, made, found, planned):
    maps = tmp_path / "maps"
    maps.mkdir()
    write_mask(maps / "near.png", SQUARE)
    scoring = replace(found.scorings["set_1"], maker=None, cache=None, predictions=maps)
    found = replace(found, scorings={"set_1": scoring})
    planned = replace(planned, maker=None, files={"set_1": {"near": maps / "near.png"}})
    problems = {case.row.key: case.problem for sheet in sheets(found, planned) for case in sheet.cases}
    assert problems == {"near": "", "right": "There is no map of it.", "alarm": "There is no map of it."}


def row(key: str, f1: float | None, manipulated: bool = True, marked: float = 0.5, result: str = "scored") -> ImageRow:
    return ImageRow("set", key, key, manipulated, f1=f1, marked=marked, result=result)


def test_no_picture_is_both_worst_and_best():
    rows = [row("a", 0.5), row("b", 0.1), row("c", 0.9), row("lost", 0.0, result="failed")]
    rows += [row("d", None, False, 0.2), row("e", None, False, 0.7), row("f", None, False, 0.0), row("s", None)]
    worst, best, alarms = choose(rows)
    assert [[one.key for one in part] for part in (worst, best, alarms)] == [["b", "a"], ["c"], ["e", "d"]]
    many = [row(f"{number:03}", number / 100) for number in range(100)]
    worst, best, _ = choose(many)
    assert [one.key for one in worst] == [f"{number:03}" for number in range(SHOWN)]
    assert [one.key for one in best] == [f"{99 - number:03}" for number in range(SHOWN)]
