"""Decisions of people: what stands, what readers see, and what a crash or a second person does to them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.store.store_samples import contents, write_dataset

from webiml.errors import BadImage, SettingError
from webiml.store.dataset import read_member, read_rows
from webiml.store.drawn_masks import drawn_mask_name, read_drawn_mask
from webiml.store.place import Place
from webiml.store.reviews import REVIEWS, Reviews, State, Verdict, decide, read_reviewed, reviewed, reviewer_name
from webiml.types import Reason, Row

KEPT, REJECTED = State("kept"), State("rejected", "low_qes")
ACCEPT, REJECT, UNDO = Verdict.ACCEPT, Verdict.REJECT, Verdict.UNDO


@pytest.fixture
def say(tmp_path):
    """Decides about row `a` of a folder that is opened anew each time, as another process would."""

    def say(reviewer, verdict, *, machine=KEPT, key="a", **what):
        if verdict is REJECT:
            what.setdefault("reason", Reason.WRONG_MASK)
        return decide(tmp_path, Reviews.read(Place(str(tmp_path))), machine, key, reviewer, verdict, **what)

    return say


def state(folder, machine=KEPT, key="a"):
    return Reviews.read(Place(str(folder))).state(key, machine)


def test_without_a_decision_the_machine_is_right(tmp_path):
    assert state(tmp_path, REJECTED) == REJECTED
    assert Reviews.read(Place(str(tmp_path))).keys() == []


def test_a_person_wins_over_the_machine(say, tmp_path):
    one = say("Ada", REJECT)
    assert (one.before, one.after) == (KEPT, State("rejected", "wrong_mask"))
    assert state(tmp_path) == State("rejected", "wrong_mask")
    other = say("Ada", ACCEPT)
    assert (other.before, other.after) == (State("rejected", "wrong_mask"), KEPT)
    assert len((tmp_path / REVIEWS).read_bytes().splitlines()) == 2


def test_two_who_differ_are_a_dispute_until_they_agree(say, tmp_path):
    say("Ada", ACCEPT, machine=REJECTED)
    assert say("Bo", REJECT, machine=REJECTED).after == State("rejected", "disputed")
    assert state(tmp_path, REJECTED) == State("rejected", "disputed")
    assert say("Ada", REJECT, machine=REJECTED, reason=Reason.NOT_A_PAIR).after == State("rejected", "not_a_pair")


def test_an_undo_brings_back_what_the_same_person_said_before(say, tmp_path):
    first, second = say("Ada", REJECT, reason=Reason.UNCLEAR), say("Ada", ACCEPT)
    assert say("Ada", UNDO, undoes=second.id).after == State("rejected", "unclear")
    with pytest.raises(SettingError, match="not there any more"):
        say("Ada", UNDO, undoes=second.id)
    with pytest.raises(SettingError, match="not there any more"):
        say("Bo", UNDO, undoes=first.id)
    say("Ada", UNDO, undoes=first.id)
    assert state(tmp_path, REJECTED) == REJECTED
    assert Reviews.read(Place(str(tmp_path))).newest("Ada") is None


def test_the_newest_drawn_mask_of_those_who_accept_counts(say, tmp_path):
    one = say("Ada", ACCEPT, mask=b"first", mask_area=0.5, components=2)
    assert one.mask is not None and (tmp_path / drawn_mask_name(one.mask)).read_bytes() == b"first"
    two = say("Bo", ACCEPT, mask=b"second", mask_area=0.25, components=1)
    assert state(tmp_path) == State("kept", None, two.mask)
    say("Ada", ACCEPT)
    assert state(tmp_path) == KEPT  # the machine's mask, which the newest acceptance takes


def test_what_cannot_be_decided_is_refused_and_leaves_nothing(say, tmp_path):
    for wrong, words in (
        ({"reviewer": "Ada", "verdict": REJECT, "reason": Reason.LOW_QES}, "needs a reason, one of wrong_mask"),
        ({"reviewer": "Ada", "verdict": ACCEPT, "reason": Reason.UNCLEAR}, "nothing else has one"),
        ({"reviewer": "Ada", "verdict": ACCEPT, "machine": State("failed", "truncated")}, "could not be read"),
        ({"reviewer": " ", "verdict": ACCEPT}, "1 to 80 printable characters"),
        ({"reviewer": "Ada, Bo", "verdict": ACCEPT}, "no comma"),
        ({"reviewer": "Ada", "verdict": ACCEPT, "key": "../a"}, "no such row"),
        ({"reviewer": "Ada", "verdict": ACCEPT, "note": "x" * 2001}, "2,000 characters"),
    ):
        with pytest.raises(SettingError, match=words):
            say(**wrong)
    assert not (tmp_path / REVIEWS).exists()
    assert reviewer_name("  Ada \t L. ") == "Ada L."


def test_a_torn_last_line_does_not_count_and_is_cut_off(say, tmp_path):
    say("Ada", REJECT)
    whole = (tmp_path / REVIEWS).read_bytes()
    (tmp_path / REVIEWS).write_bytes(whole + b'{"id":"')
    assert state(tmp_path) == State("rejected", "wrong_mask")
    say("Bo", REJECT)
    lines = (tmp_path / REVIEWS).read_bytes().splitlines()
    assert len(lines) == 2 and lines[0] + b"\n" == whole and json.loads(lines[1])["reviewer"] == "Bo"


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "maybe"}, {"key": "../../x"}, {"mask": "x"}, {"mask": "../" * 20}, {"reason": "low_qes"},
        {"before": 1}, {"after": {"status": "kept", "more": 1}}, {"reviewer": 7}, {"unknown": 1},
        {"mask": "0" * 64, "mask_area": 10**400, "components": 1},
        {"mask": "0" * 64, "mask_area": 0.5, "components": True}, {"mask": "0" * 64}, {"threshold": 0}, {"time": "now"},
        {"reviewer": "\ud800"}, {"reviewer": "Ada,Bo"}, {"note": "\ud800"}, {"before": {"status": "\ud800"}},
    ],
)  # fmt: skip
def test_a_line_that_is_no_decision_is_refused_in_a_sentence(change, say, tmp_path):
    say("Ada", REJECT)
    record = json.loads((tmp_path / REVIEWS).read_bytes()) | change
    (tmp_path / REVIEWS).write_text(json.dumps(record) + "\n")
    with pytest.raises(SettingError, match=r"reviews.jsonl is damaged: byte 0 begins a line that is no decision"):
        Reviews.read(Place(str(tmp_path)))


def test_what_others_add_is_seen_and_a_file_written_anew_is_read_anew(say, tmp_path):
    reviews = Reviews.read(Place(str(tmp_path)))
    say("Ada", REJECT)
    say("Bo", ACCEPT, key="b")
    assert [one.reviewer for one in reviews.refresh()] == ["Ada", "Bo"]
    assert reviews.refresh() == []
    last = (tmp_path / REVIEWS).read_bytes().splitlines(keepends=True)[1]
    (tmp_path / "new").write_bytes(last)
    os.replace(tmp_path / "new", tmp_path / REVIEWS)
    reviews.refresh()
    assert reviews.keys() == ["b"] and len(reviews.all) == 1


WRITER = """
import sys
from pathlib import Path
from webiml.store.reviews import Reviews, State, Verdict, decide
from webiml.types import Reason
folder, who = Path(sys.argv[1]), sys.argv[2]
reviews = Reviews.read(folder)
for number in range(int(sys.argv[3])):
    decide(folder, reviews, State("kept"), f"row{number}", who, Verdict.REJECT, reason=Reason.UNCLEAR)
    print(number, flush=True)
"""


def test_two_processes_at_once_lose_and_tear_nothing(tmp_path):
    both = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who, "40"], stdout=subprocess.DEVNULL)
        for who in ("Ada", "Bo")
    ]
    assert [one.wait(60) for one in both] == [0, 0]
    reviews = Reviews.read(Place(str(tmp_path)))
    assert len(reviews.all) == 80
    assert all(len(reviews.standing(f"row{number}")) == 2 for number in range(40))


def test_a_killed_writer_loses_only_what_it_had_not_answered_for(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), "Ada", "1000000"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                break
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        said = 20 + len(process.stdout.read().split())
    reviews = Reviews.read(Place(str(tmp_path)))
    assert len(reviews.all) in (said + 1, said + 2)  # written, and perhaps not said any more
    decide(tmp_path, reviews, KEPT, "after", "Bo", ACCEPT)  # no lock is left behind
    assert len(Reviews.read(Place(str(tmp_path))).all) == len(reviews.all)


@pytest.mark.parametrize("format", ["folder", "shards"])
def test_readers_of_a_dataset_see_what_people_decided_and_the_machines_rows_stay(format, tmp_path):
    write_dataset(tmp_path, "abcD", format=format)
    place, before = Place(str(tmp_path)), contents(tmp_path)
    reviews = Reviews.read(place)
    machine = {row.key: State(row.status, row.reason) for row in read_rows(place)}
    drawn = decide(tmp_path, reviews, machine["a"], "a", "Bo", ACCEPT, mask=b"png", mask_area=0.25, components=3)
    decide(tmp_path, reviews, machine["a"], "a", "Ada", ACCEPT, mask=b"png", mask_area=0.25, components=3)
    decide(tmp_path, reviews, machine["b"], "b", "Ada", REJECT, reason=Reason.NOT_A_PAIR)

    rows = {row.key: row for row in read_reviewed(place)}
    a, b = rows["a"], rows["b"]
    assert (a.status, a.reviewed_by, a.machine_status, a.drawn_mask) == ("kept", "Ada, Bo", "kept", drawn.mask)
    assert (a.mask_area, a.components, a.reviewed_at) == (0.25, 3, reviews.all[1].time)
    assert (b.status, b.reason, b.machine_status, b.drawn_mask) == ("rejected", "not_a_pair", "kept", None)
    machines = {row.key: row for row in read_rows(place)}
    assert rows["c"] == machines["c"] and rows["D"] == machines["D"]
    assert machines["a"].reviewed_by is None
    assert read_member(place, a, "mask") == b"png"
    assert read_member(place, machines["a"], "mask") == b"a mask.png"
    after = contents(tmp_path)
    assert {name: data for name, data in after.items() if not name.startswith("reviews")} == before


def test_a_drawn_mask_that_is_gone_or_changed_is_said(say, tmp_path):
    one = say("Ada", ACCEPT, mask=b"png", mask_area=1.0, components=1)
    row = reviewed(Row("a", "a", "kept"), Reviews.read(Place(str(tmp_path))))
    path = tmp_path / drawn_mask_name(one.mask)
    path.write_bytes(b"other")
    with pytest.raises(BadImage, match="other_bytes"):
        read_member(tmp_path, row, "mask")
    path.unlink()
    with pytest.raises(BadImage, match="not_found"):
        read_member(tmp_path, row, "mask")
    with pytest.raises(BadImage, match="names no mask"):
        read_drawn_mask(Place(str(tmp_path)), "../../etc/passwd")
