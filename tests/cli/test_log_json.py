"""`--log-json` of any command: events on stderr, nothing else, and the result on stdout as ever."""

from __future__ import annotations

import json

import pytest

from webiml.runners.log import is_on


def said(done) -> list[dict]:
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_run_says_when_it_starts_what_fails_and_how_it_ends(webiml_here, pairs, tmp_path):
    arguments = ("annotate", pairs, "--out", tmp_path / "d", "--method", "prior", "--workers", "1", "--no-pictures")
    done = webiml_here(*arguments, "--json", "--log-json")
    assert json.loads(done.stdout)["inputs"] == 4
    events = said(done)
    assert [one["event"] for one in events] == ["run_started", "row_failed", "progress", "run_finished"]
    started, failed, progress, finished = events
    assert started["command"] == finished["command"] == "annotate"
    assert (failed["key"], failed["reason"]) == ("page", "not_an_image") and "0.jpg" not in failed["key"]
    assert (progress["what"], progress["done"], progress["total"], progress["failed"]) == ("annotate", 4, 4, 1)
    assert finished["exit_code"] == 0 and finished["seconds"] > 0
    again = [one["event"] for one in said(webiml_here("--log-json", *arguments))]
    assert again == ["run_started", "run_resumed", "note", "run_finished"]
    assert not is_on()


@pytest.mark.parametrize("arguments", [["--log-json", "dataset", "verify"], ["dataset", "verify", "--log-json"]])
def test_a_mistake_is_an_event_and_names_nothing_that_was_given(webiml_here, tmp_path, arguments):
    done = webiml_here(*arguments, tmp_path / "Jane Doe")
    started, error, finished = said(done)
    assert (done.returncode, error["event"], error["exit_code"], finished["exit_code"]) == (2, "error", 2, 2)
    assert started["command"] == "dataset verify" and "Jane" not in json.dumps([started, finished])


def test_behind_two_dashes_it_is_an_input_like_any_other(webiml_here, tmp_path):
    done = webiml_here("dataset", "verify", "--", "--log-json", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("--log-json is neither")
