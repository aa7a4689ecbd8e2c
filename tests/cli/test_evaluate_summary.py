"""What `webiml evaluate` says at its end."""

import copy
import re
from pathlib import Path

import pytest
from tests.evaluate.tiny_run import HOSTILE, tiny_run

from webiml.cli.evaluate_summary import aligned, summary_text

MEAN = (1 + 800 / 872 + 0) / 3  # of right, near and page, which has no map


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict:
    return tiny_run(tmp_path_factory.mktemp("made"))[0].result


def test_a_line_for_each_benchmark_then_what_a_reader_must_know(made):
    result = made | {"seconds": 2.25}
    lines = summary_text(result, Path("out")).splitlines()
    assert lines[0] == "tiny on set_1 (3 manipulated and 2 authentic pictures), protocol webiml"
    assert lines[1].startswith("F1 of each manipulated picture at 0.5; native size") and lines[2] == ""
    assert lines[3].split()[:2] == ["benchmark", "pictures"]
    assert lines[4].split()[:3] == ["set_1", "5", f"{MEAN:.3f}"] and lines[4].endswith("2.95 %")
    assert lines[5:8] == ["", "skipped   not_found 1", "          set_1 gone: gone-mask.png: no such file"]
    assert lines[8:10] == ["failed    not_an_image 1", "          set_1 page: looks like an HTML page"]
    assert lines[10].startswith("training  Training data unknown") and lines[11] == "time      2.2 s"
    assert lines[12:] == ["next      open out/report.html"]
    assert "next" not in summary_text(result, None)


def test_several_benchmarks_degradations_and_maps_of_no_picture(made):
    result = copy.deepcopy(made)
    result["benchmarks"]["other"] = result["benchmarks"]["set_1"]
    result["mean_of_benchmarks"] = {"f1": 0.25, "iou": 0.125, "auc": None, "f1_best": 0.5}
    result["what"]["unused_maps"] = 1200
    area = {"f1": 0.5, "iou": 0.25, "image_auc": None}
    result["robustness"] = {
        "jpeg": {"levels": [50, 75.0, 100], "area": area},
        "resave": {"levels": ["social"], "area": area},
    }
    text = summary_text(result, Path("out"))
    assert [line.split()[0] for line in text.splitlines()[3:8]] == ["benchmark", "set_1", "other", "all", "mean"]
    assert re.search(r"^mean of benchmarks +- +0.250 +0.125 +- +- +- +-$", text, re.MULTILINE)
    assert "unused    1,200 maps of no picture" in text
    assert "degraded  jpeg 50 to 100: F1 0.500   IoU 0.250   image AUC -   (mean heights)" in text
    assert "degraded  resave social: F1 0.500" in text


def test_no_more_than_a_few_pictures_are_named_and_no_name_acts_on_the_terminal(made):
    result = copy.deepcopy(made)
    picture = {"benchmark": HOSTILE, "key": "k", "reason": "not_found", "detail": HOSTILE}
    result["skipped_pictures"], result["skipped_reasons"] = [picture] * 10, {"not_found": 1200}
    result["what"]["name"] = HOSTILE
    text = summary_text(result, Path("\x1b[2J"))
    assert text.count("\\x1b[31m") == 2 * 3 + 1 and "\x1b" not in text and "and 1,197 more" in text


def test_columns_are_as_wide_as_their_widest_cell():
    lines = aligned(("name", "n"), [("a", "1,000"), ("\x1bb", "-")])
    assert lines == ["name        n", "a       1,000", "\\x1bb       -"]
