"""Events are lines of JSON on stderr, whatever is in them and whoever has stopped reading."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from webiml.cli.terminal import complain
from webiml.runners import log, progress
from webiml.runners.log import MAX_TEXT, event, switch_off, switch_on
from webiml.runners.progress import Progress

Events = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def events(capsys: pytest.CaptureFixture[str]) -> Iterator[Events]:
    """The events since the last call, while they are on."""
    switch_on()
    yield lambda: [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().err.splitlines()]
    switch_off()


def test_nothing_is_said_until_it_is_switched_on(capsys):
    event("one")
    switch_on()
    switch_on()  # twice is once
    event("two", rows=3)
    switch_off()
    event("three")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("time"))
    assert said == {"event": "two", "rows": 3}


class Word(StrEnum):
    BAD = "bad"


class Speechless:
    def __repr__(self) -> str:
        return "Speechless()"  # the same in every process of the tests

    def __str__(self) -> str:
        raise RuntimeError("not now")


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("two\nlines\r\u2028\x1b[31m", "two\nlines\r\u2028\x1b[31m"),
        ("\udcff", "\\udcff"),  # of a file name that is no UTF-8
        ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT + "..."),
        (float("nan"), None),
        (-float("inf"), None),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (True, True),
        (Word.BAD, "bad"),
        (Path("a/b"), "a/b"),
        ({1: (2, [None])}, {"1": [2, [None]]}),
        (Speechless(), "Speechless"),
    ],
    ids=repr,
)
def test_whatever_a_field_holds_it_is_one_line_of_json(events, capsys, value, want):
    event("said", value=value)
    out = capsys.readouterr().err
    assert out.isascii() and out.endswith("\n") and out.count("\n") == 1
    assert json.loads(out, parse_constant=pytest.fail)["value"] == want


def test_a_list_that_holds_itself_and_fields_of_our_own_names_do_no_harm(events):
    event("said", loop=LOOP, time="never", event="another", name="mine", level=3)
    (said,) = events()
    assert said["event"] == "said" and said["time"].endswith("Z")
    assert (said["name"], said["level"]) == ("mine", 3) and isinstance(said["loop"], list)


@pytest.mark.parametrize("how", ["closed", "gone"])
def test_a_run_goes_on_when_nobody_can_read_its_events(how):
    code = "from webiml.runners.log import event, switch_on; switch_on(); [event('x') for _ in range(9)]; print('done')"
    begun: dict[str, Any] = {}
    if how == "closed":
        begun["preexec_fn"] = lambda: os.close(2)
    else:
        reader, begun["stderr"] = os.pipe()
        os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, **begun)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_who_imports_webiml_attaches_a_handler_of_his_own(capsys):
    records: list[logging.LogRecord] = []

    class Mine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, mine = logging.getLogger("webiml"), Mine()
    logger.addHandler(mine)
    logger.setLevel(logging.INFO)
    try:
        event("shard_done", number=4)
    finally:
        logger.removeHandler(mine)
        logger.setLevel(logging.NOTSET)
    (record,) = records
    assert (record.getMessage(), record.__dict__["fields"]) == ("shard_done", {"number": 4})
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- what speaks to a person


def test_progress_is_events_and_no_text(events, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with Progress("annotate", 10, 2) as shown:
        shown.say("2 of 10 are already finished")
        shown.update(6, "kept 3", kept=3)
        shown.update(7, "only words")
    note, one, two = events()
    assert (note["event"], note["message"]) == ("note", "2 of 10 are already finished")
    assert (one["event"], one["what"], one["done"], one["total"], one["kept"]) == ("progress", "annotate", 6, 10, 3)
    assert "words" not in one and two["words"] == "only words"
    assert one["rate"] > 0 and one["seconds_left"] == round(4 / one["rate"])


def test_how_it_ended_is_said_also_of_short_work(events):
    with Progress("collect", 0) as shown:
        shown.add()
        shown.add()
        assert events() == []
    (said,) = events()
    assert (said["done"], said["total"], said["seconds_left"]) == (2, None, None)
    with Progress("collect", 5, quiet=True) as shown:
        shown.add()
        shown.say("x")
    assert events() == []


def test_a_complaint_is_an_event_with_its_exit_code(events):
    complain("Give another --out.", 2)
    complain("Type yes:")
    error, note = events()
    assert (error["event"], error["message"], error["exit_code"]) == ("error", "Give another --out.", 2)
    assert (note["event"], "exit_code" in note) == ("note", False)
    assert log.is_on()
