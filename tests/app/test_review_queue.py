"""Which cases a person sees, and in which order."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from webiml.app.review.cases import CaseTable
from webiml.app.review.queue import Queue, Wanted
from webiml.store.reviews import Reviews, State, Verdict, decide
from webiml.types import Reason


@dataclass
class Listed:
    """Cases of which only the table matters."""

    folder: Path
    table: CaseTable
    orders: tuple[str, ...] = ("doubt", "qes", "name")
    states: dict[str, State] = field(default_factory=dict)

    def column(self, name: str) -> list:
        return self.table.columns[name]

    def machine(self, key: str) -> State:
        number = self.table.columns["key"].index(key)
        return State(self.table.columns["status"][number], self.table.columns["reason"][number])


@pytest.fixture
def listed(tmp_path):
    return Listed(
        tmp_path,
        CaseTable(
            {
                "key": ["a", "b", "c", "d", "e"],
                "name": ["Zebra", "boat", "Alp", "cat", "gone"],
                "status": ["kept", "rejected", "kept", "rejected", "failed"],
                "reason": [None, "low_qes", None, "identical", "not_found"],
                "kind": ["SPG", "SDG", "SDG", "identical", None],
                "source": ["x", None, "y", "x", None],
                "qes": [0.9, 0.4, 0.55, None, None],
                "doubt": [0.4, 0.1, 0.05, None, None],
            }
        ),
    )


def keys(listed, reviews=None, **wanted) -> str:
    queue = Queue(listed)
    return "".join(queue.keys(Wanted(**{"reviewer": "Ann", **wanted}), reviews or Reviews.read(listed.folder))[0])


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        ({}, "cbad"),  # what failed cannot be decided; no doubt comes last, in the table's order
        ({"shown": "all"}, "cbade"),
        ({"descending": True, "shown": "all"}, "abcde"),
        ({"order": "qes"}, "bcad"),
        ({"order": "qes", "descending": True}, "acbd"),
        ({"order": "name"}, "cabd"),
        ({"status": "kept"}, "ca"),
        ({"status": "failed"}, ""),
        ({"status": "failed", "shown": "all"}, "e"),
        ({"kind": "SDG"}, "cb"),
        ({"reason": "low_qes"}, "b"),
        ({"source": "x", "kind": "SPG"}, "a"),
        ({"text": "BOA"}, "b"),
        ({"text": "e"}, "a"),  # of Zebra; gone, and its key, have failed
        ({"text": "no such"}, ""),
        ({"shown": "done"}, ""),
    ],
    ids=str,
)
def test_order_and_filters(listed, wanted, order):
    assert keys(listed, **wanted) == order


def test_decisions_move_cases_between_the_lists_and_the_filters(listed):
    reviews = Reviews.read(listed.folder)

    def take(key, reviewer, verdict, reason=None):
        decide(listed.folder, reviews, listed.machine(key), key, reviewer, verdict, reason=reason)

    take("a", "Ann", Verdict.ACCEPT)
    take("b", "Bo", Verdict.ACCEPT)
    take("c", "Ann", Verdict.REJECT, Reason.UNCLEAR)
    assert keys(listed) == "bd"  # Bo's decision is not hers
    assert keys(listed, shown="done") == "ca"
    assert keys(listed, reviewer="Bo") == "cad"
    assert keys(listed, status="kept", shown="all") == "ba"
    assert keys(listed, reason="unclear", shown="all") == "c"
    assert keys(listed, reason="low_qes", shown="all") == ""
    take("a", "Bo", Verdict.REJECT, Reason.NOT_A_PAIR)
    assert keys(listed, shown="disputed") == "a"
    queue = Queue(listed)
    assert queue.keys(Wanted("Ann"), reviews)[1] == {"todo": 2, "done": 2, "disputed": 1, "all": 5}
    assert queue.counts(reviews) == {
        "status": {"rejected": 3, "kept": 1, "failed": 1},
        "kind": {"SDG": 2, "SPG": 1, "identical": 1},
        "reason": {"disputed": 1, "unclear": 1, "identical": 1, "not_found": 1},
        "source": {"x": 2, "y": 1},
    }


def test_an_order_that_there_is_not_is_a_key_error(listed):
    with pytest.raises(KeyError):
        keys(listed, order="__class__")
