"""`webiml complexity` as a user runs it: real processes."""

import json
import os
from dataclasses import fields

import pytest

from webiml.evaluate.complexity import Complexity, SizeCost


def test_a_table_says_what_its_figures_mean(webiml, localizer):
    done = webiml(
        "complexity", "--weights", localizer, "--sizes", "64x48", "400x500", "--threads", "1", "--repeat", "1"
    )
    assert (done.returncode, done.stderr) == (0, "")
    head, _, columns, small, whole, *rest = done.stdout.splitlines()
    assert head == "network   tiny, 27 parameters (file)"
    assert columns.split()[:4] == ["size", "GFLOPs", "seconds", "peak"]
    assert small.startswith("64x48 ") and small.endswith("64x48") and whole.startswith("400x500 ")
    text = "\n".join(rest)
    assert "a multiply-add counts 2" in text and "median of 1, 1 thread(s)" in text and "uncounted" not in text


def test_json_is_one_object_whose_fields_are_documented(webiml, localizer, repository):
    done = webiml("complexity", "--weights", localizer, "--sizes", "64x48", "--threads", "1", "--repeat", "1", "--json")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    found = json.loads(done.stdout)
    (cost,) = found["sizes"]
    assert cost["flops"] == 48 * 64 * 27 * 2 and cost["runs"] == [[48, 64, 1]] and cost["problem"] == ""
    page = (repository / "docs" / "complexity.md").read_text()
    for kind, record in ((Complexity, found), (SizeCost, cost)):
        names = [field.name for field in fields(kind)]
        assert list(record) == names
        assert [name for name in names if f"`{name}`" not in page] == []


def test_a_function_of_ones_own_and_a_size_that_fails(webiml, tmp_path):
    (tmp_path / "own.py").write_text(
        "def make():\n    def look(rgb):\n        assert len(rgb) < 40, 'too large for me'\n"
        "        return rgb[..., 0] / 255\n    return look\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    arguments = ("complexity", "--net", "own:make", "--sizes", "32x32", "48x48", "--threads", "1", "--repeat", "1")
    done = webiml(*arguments, env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "network   own:make, parameters unknown"
    assert lines[3].split()[:2] == ["32x32", "unknown"] and lines[3].endswith("unknown")
    assert lines[5] == "  failed: AssertionError: too large for me"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--weights", "web-iml", "--net", "a:b"), "not both"),
        (("--sizes", "huge"), "WIDTHxHEIGHT"),
        (("--threads", "-1"), "--threads"),
        (("--repeat", "0"), "--repeat"),
        (("--net", "no_such_module:make", "--sizes", "32x32"), "cannot be imported"),
        (("--net", "colon", "--sizes", "32x32"), "package.module:factory"),
        (("--weights", "no-such"), "There is no localizer"),
    ],
)
def test_a_wrong_setting_is_one_sentence(webiml_here, arguments, says):
    done = webiml_here("complexity", *arguments)
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr and "Traceback" not in done.stderr
