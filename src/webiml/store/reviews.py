"""What people decided about the rows of a folder: a dataset, the results of `webiml localize` or an evaluation.

    reviews.jsonl            a line a decision, in the order in which they were taken; lines are only ever added
    reviews/<sha256>.png     masks that people drew (store/drawn_masks.py)

The machine's own rows stay as they are. `reviewed` lays the decisions over a row, and every reader of a dataset that
asks for a status or a mask goes through it:

- nobody decided, or everything was undone: what the machine says
- all who decided reject: rejected, for the reason of the newest decision
- all who decided accept: kept, with the mask of the newest decision
- they differ: rejected as `disputed`, until they agree

Of one person the newest decision counts that he has not undone. So two people never overwrite one another.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from webiml.errors import OutputError, SettingError
from webiml.store.dataset import read_rows
from webiml.store.drawn_masks import is_sha256, write_drawn_mask
from webiml.store.lines import Lines
from webiml.store.lock import locked
from webiml.store.place import Place, open_place
from webiml.store.rows import is_safe_key
from webiml.types import Reason, Row, Status

REVIEWS = "reviews.jsonl"
LOCK = ".webiml/reviews.lock"
DRAFTS = (
    ".webiml/review"  # masks that are not decided about yet, see app/review/drafts.py; the first line names the row
)
MAX_NAME, MAX_NOTE = 80, 2000  # characters
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_SECONDS = 30  # that a writer waits for others, each of whom takes a hundredth of one

REJECTIONS: dict[Reason, str] = {
    Reason.WRONG_MASK: "the mask is wrong",
    Reason.NOT_A_PAIR: "no pair",
    Reason.NOT_MANIPULATED: "nothing was manipulated",
    Reason.CHANGED_ALL_OVER: "changed all over",
    Reason.UNCLEAR: "cannot be told",
    Reason.OTHER_FAULT: "something else",
}
"""Reasons for which a person may reject, with words for a button."""


class Verdict(StrEnum):
    """What a person does with a row."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNDO = "undo"  # of one earlier decision of the same person


@dataclass(frozen=True, slots=True)
class State:
    """What a reader sees of a row: status, reason, and the SHA-256 of a drawn mask or None for the machine's."""

    status: str
    reason: str | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of reviews.jsonl."""

    id: str
    """32 hex digits."""
    key: str
    """Of the row."""
    reviewer: str
    """Who, as that person calls himself."""
    time: str
    """When, UTC, ISO 8601, milliseconds."""
    verdict: str
    """accept, reject or undo."""
    before: State
    """The row as readers saw it."""
    after: State
    """The row as readers see it from now on, with what everybody decided."""
    reason: str | None = None
    """Why it was rejected, one of REJECTIONS."""
    note: str = ""
    """Free text."""
    mask: str | None = None
    """SHA-256 of the mask that was drawn; null where the machine's was accepted."""
    mask_area: float | None = None
    """Share of the picture inside the drawn mask, [0, 1]."""
    components: int | None = None
    """8-connected parts of the drawn mask."""
    threshold: int | None = None
    """Level of the 8-bit probability, 1 to 255, from which on pixels were marked, where it was not 128."""
    undoes: str | None = None
    """The decision that an undo takes back."""


class Reviews:
    """All decisions about the rows of one folder, as far as they have been read. Made by `Reviews.read`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._forget()

    @classmethod
    def read(cls, place: Place | Path) -> Reviews:
        """What lies at `place`; empty where nobody has decided anything.

        Raises:
            SettingError: a whole line of reviews.jsonl is no decision.
        """
        reviews = cls(open_place(place))
        reviews.refresh()
        return reviews

    def refresh(self) -> list[Decision]:
        """What was added since, by whom ever. A file that was written anew, as a removal does, is read anew.

        Raises:
            SettingError: as `read`.
        """
        file, start = self._stamp(), len(self.all)
        if file is None or file[0] != self._file or file[1] < self._at:
            self._forget()
            start = 0
        self._file = file and file[0]
        for at, decision in read_decisions(self.place, self._at):
            if isinstance(decision, str):
                raise SettingError(
                    f"{self.place}/{REVIEWS} is damaged: {decision}. Take that line out, or put it right."
                )
            self._take(decision)
            self._at = at
        return self.all[start:]

    def standing(self, key: str) -> list[Decision]:
        """Of everybody who decided about the row the newest decision that is not undone, the oldest first."""
        found = [(order, decision) for taken in self._taken.get(key, {}).values() for order, decision in taken[-1:]]
        return [decision for _, decision in sorted(found, key=lambda one: one[0])]

    def keys(self) -> list[str]:
        """The rows about which a decision stands, in the order in which they were first decided about."""
        return [key for key, people in self._taken.items() if any(people.values())]

    def newest(self, reviewer: str) -> Decision | None:
        """The newest decision of a person that is not undone."""
        mine = (people[reviewer][-1] for people in self._taken.values() if people.get(reviewer))
        return max(mine, key=lambda one: one[0], default=(0, None))[1]

    def state(self, key: str, machine: State) -> State:
        """The row as readers see it, by the rule at the head of this file."""
        standing = self.standing(key)
        if not standing or machine.status == Status.FAILED:
            return machine
        verdicts = {decision.verdict for decision in standing}
        if len(verdicts) > 1:
            return State(Status.REJECTED.value, Reason.DISPUTED.value)
        if verdicts == {Verdict.REJECT.value}:
            return State(Status.REJECTED.value, standing[-1].reason)
        return State(Status.KEPT.value, None, standing[-1].mask)

    def with_one_more(self, decision: Decision) -> Reviews:
        """These, and a decision that is not written yet, as far as it concerns the decision's row."""
        more = Reviews(self.place)
        people = self._taken.get(decision.key, {})
        more._taken = {decision.key: {name: list(taken) for name, taken in people.items()}}
        more._count = self._count
        more._take(decision)
        return more

    def _forget(self) -> None:
        self.all: list[Decision] = []
        self._taken: dict[str, dict[str, list[tuple[int, Decision]]]] = {}  # by key and person, undone ones left out
        self._count = self._at = 0
        self._file: int | str | None = None

    def _take(self, decision: Decision) -> None:
        self.all.append(decision)
        self._count += 1
        taken = self._taken.setdefault(decision.key, {}).setdefault(decision.reviewer, [])
        if decision.verdict == Verdict.UNDO:
            taken[:] = [one for one in taken if one[1].id != decision.undoes]
        else:
            taken.append((self._count, decision))

    def _stamp(self) -> tuple[int | str, int] | None:
        """What tells one file from another that took its place, and its size; None where there is none."""
        if self.place.local is None:
            size = self.place.size(REVIEWS)
            return None if size is None else (self.place.url, size)
        try:
            found = os.stat(self.place.local / REVIEWS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_ino, found.st_size


def read_decisions(place: Place, start: int = 0) -> Iterator[tuple[int, Decision | str]]:
    """Every whole line of reviews.jsonl from byte `start` on: where it ends, and the decision or what is wrong with it.

    A last line without an end is one that a crash cut short, or that is being written: it does not count.
    """
    try:
        with place.reader(REVIEWS) as file:
            file.seek(start)
            at = start
            for line in file:
                if not line.endswith(b"\n"):
                    return
                at += len(line)
                yield at, _decision(line, at - len(line))
    except FileNotFoundError:
        return


def decide(
    folder: Path,
    reviews: Reviews,
    machine: State,
    key: str,
    reviewer: str,
    verdict: Verdict,
    *,
    reason: Reason | None = None,
    note: str = "",
    mask: bytes | None = None,
    mask_area: float | None = None,
    components: int | None = None,
    threshold: int | None = None,
    undoes: str | None = None,
) -> Decision:
    """Write one decision down; when this returns it is safe on the disk, and `reviews` has it and all before it.

    Args:
        machine: the row without any decision.
        reason: of a rejection, one of REJECTIONS. undoes: of an undo, the decision of the same person.
        mask: PNG of the mask that was drawn, (H, W) 0 or 255; its area and parts beside it.
    Raises:
        SettingError: it cannot be decided so; says why.
        OutputError: it cannot be written; then it does not count.
    """
    if not is_safe_key(key):
        raise SettingError("There is no such row.")
    if machine.status == Status.FAILED:
        raise SettingError(f"{key} could not be read, so there is nothing to decide about it.")
    if (verdict == Verdict.REJECT) != (reason is not None) or (reason is not None and reason not in REJECTIONS):
        raise SettingError(f"A rejection needs a reason, one of {', '.join(REJECTIONS)}; nothing else has one.")
    if len(note) > MAX_NOTE:
        raise SettingError(f"A note has at most {MAX_NOTE:,} characters.")
    one = Decision(
        id=uuid.uuid4().hex,
        key=key,
        reviewer=reviewer_name(reviewer),
        time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        verdict=verdict.value,
        before=machine,
        after=machine,
        reason=None if reason is None else reason.value,
        note=note.encode("utf-8", "backslashreplace").decode(),
        mask_area=mask_area,
        components=components,
        threshold=threshold,
        undoes=undoes,
    )
    with only_decider(folder), Lines(folder / REVIEWS) as lines:
        reviews.refresh()
        mine = [decision for decision in reviews.standing(key) if decision.reviewer == one.reviewer]
        if verdict == Verdict.UNDO and undoes not in [decision.id for decision in mine]:
            raise SettingError("That decision is not there any more, or is not the newest of this person.")
        if mask is not None:
            one = replace(one, mask=write_drawn_mask(folder, mask))
        before = reviews.state(key, machine)
        one = replace(one, before=before, after=reviews.with_one_more(one).state(key, machine))
        lines.add(asdict(one))
        reviews.refresh()
    return one


def reviewer_name(text: str) -> str:
    """A person's name as it is kept.

    Raises:
        SettingError: it is empty, too long, or holds what cannot be printed.
    """
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME or not name.isprintable() or "," in name:
        raise SettingError(f"A reviewer's name has 1 to {MAX_NAME} printable characters and no comma.")
    return name


def reviewed(row: Row, reviews: Reviews) -> Row:
    """The row as readers see it, with what people decided; the row itself where nobody did."""
    standing = reviews.standing(row.key)
    if not standing or row.status == Status.FAILED:
        return row
    state = reviews.state(row.key, State(row.status, row.reason))
    drawn = standing[-1] if state.mask is not None else None
    return replace(
        row,
        status=state.status,
        reason=state.reason,
        mask_area=row.mask_area if drawn is None else drawn.mask_area,
        components=row.components if drawn is None else drawn.components,
        reviewed_by=", ".join(sorted(decision.reviewer for decision in standing)),
        reviewed_at=standing[-1].time,
        machine_status=row.status,
        machine_reason=row.reason,
        drawn_mask=state.mask,
    )


def read_reviewed(place: Place | Path) -> Iterator[Row]:
    """The rows of a finished dataset as readers see them, sorted by key.

    Raises:
        SettingError: it is no dataset, is not finished, or its decisions are damaged.
    """
    reviews = Reviews.read(place)
    return (reviewed(row, reviews) for row in read_rows(place))


@contextmanager
def only_decider(folder: Path) -> Iterator[None]:
    """Keep other writers of decisions out while the block runs; a crash leaves no lock behind.

    Raises:
        OutputError: it cannot be locked, or somebody else holds the lock for very long.
    """
    busy = OutputError(f"Somebody has been writing {folder / REVIEWS} for {_SECONDS} seconds; try again.")
    with locked(folder, LOCK, busy, _SECONDS):
        yield


def _decision(line: bytes, at: int) -> Decision | str:
    """The decision of a line, of which nothing is believed, or what is wrong with it."""
    try:
        record: dict[str, Any] = json.loads(line)
        states: dict[str, Any] = {name: State(**record[name]) for name in ("before", "after")}
        one = Decision(**(record | states))
        if _is_sound(one):
            return one
    except (ValueError, TypeError, KeyError, RecursionError, SettingError):
        pass
    return f"byte {at:,} begins a line that is no decision"


def _is_sound(one: Decision) -> bool:
    texts = (one.id, one.note, one.before.status, one.after.status)
    optional = (one.reason, one.undoes, one.before.reason, one.after.reason)
    masks = (one.mask, one.before.mask, one.after.mask)
    return (
        is_safe_key(one.key)
        and one.verdict in [verdict.value for verdict in Verdict]
        and isinstance(one.reviewer, str)
        and reviewer_name(one.reviewer) == one.reviewer
        and isinstance(one.time, str)
        and _TIME.fullmatch(one.time) is not None
        and all(_is_text(text) for text in texts)
        and all(text is None or _is_text(text) for text in optional)
        and all(mask is None or is_sha256(mask) for mask in masks)
        and (one.mask is None or (type(one.mask_area) is float and 0 <= one.mask_area <= 1))
        and (one.mask is None or (type(one.components) is int and 0 <= one.components < 1 << 40))
        and (one.threshold is None or (type(one.threshold) is int and 0 < one.threshold < 256))
        and (one.verdict != Verdict.REJECT or one.reason in [reason.value for reason in REJECTIONS])
    )


def _is_text(value: object) -> bool:
    """Whether any table can hold it: half a surrogate pair is no Unicode."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()
