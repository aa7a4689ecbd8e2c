"""A set of cases that people have open: what the page asks, answered from its table, its pictures and its decisions.

May be used by several threads, and beside other processes that decide about the same folder: every answer reads what
was added to reviews.jsonl since. What people change is in app/review/decision.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from webiml.app.review.cache import Cache
from webiml.app.review.cases import Cases
from webiml.app.review.drafts import Draft, read_draft
from webiml.app.review.pictures import Pictures, facts_of
from webiml.app.review.queue import Queue, Wanted
from webiml.app.review.views import names_of, png, view
from webiml.errors import SettingError
from webiml.store.parquet import FILE_NAME
from webiml.store.reviews import REJECTIONS, Reviews, State, Verdict, reviewer_name
from webiml.types import Reason

CACHE_BYTES = 128 * 1024 * 1024  # pictures that are being looked at, with those that come next
POLL_MS = 2_000  # after which the page asks what others decided
MAX_CHANGES = 5_000  # decisions of one answer
NUMBERS = ("qes", "score", "doubt")  # of a row of the list

Answer = dict[str, Any]


class Session:
    """An open folder.

    Attributes:
        reviewer: who decides where a question names nobody.
        reviews: all decisions as far as they were read; only to be used with `lock` held.
        table: what `table_stamp` said when the cases were opened.
    """

    def __init__(self, cases: Cases, reviewer: str) -> None:
        self.cases = cases
        self.reviewer = reviewer_name(reviewer)
        self.queue = Queue(cases)
        self.pictures = Pictures(cases, Cache(CACHE_BYTES))
        self.reviews = Reviews.read(cases.folder)
        self.table = table_stamp(cases.folder)
        self.lock = threading.RLock()

    def about(self, reviewer: str) -> Answer:
        """What is open, and what the page needs to know once."""
        cases = self.cases
        with self.lock:
            reviews = self.now()
            filters, decisions = self.queue.counts(reviews), len(reviews.all)
        return {
            "what": cases.what,
            "title": cases.title,
            "rows": len(cases.table),
            "reviewer": reviewer,
            "orders": list(cases.orders),
            "reasons": [{"word": reason.value, "words": words} for reason, words in REJECTIONS.items()],
            "filters": filters,
            "threshold": cases.min_qes,
            "roles": list(cases.roles),
            "polls_ms": POLL_MS,
            "decisions": decisions,
        }

    def keys(self, wanted: Wanted, most: int) -> Answer:
        """The queue: keys in order, and how many there are."""
        with self.lock:
            keys, counts = self.queue.keys(wanted, self.now())
        return {
            "total": len(keys),
            "keys": keys[:most],
            "decided": counts["done"],
            "of": counts["todo"] + counts["done"],
            "disputed": counts["disputed"],
        }

    def rows(self, keys: Sequence[str], reviewer: str) -> Answer:
        """What the list shows of some cases."""
        columns = self.cases.table.columns
        shown = [name for name in ("key", "name", "status", "reason", "kind", "source") if name in columns]
        rows = []
        with self.lock:
            reviews = self.now()
            for key in keys:
                number = self.queue.numbers[key]
                row: Answer = {name: columns[name][number] for name in shown}
                row |= {name: columns[name][number] if name in columns else None for name in NUMBERS}
                standing = reviews.standing(key)
                row["state"] = asdict(reviews.state(key, self.cases.machine(key)))
                row["mine"] = next((one.verdict for one in standing if one.reviewer == reviewer), None)
                row["by"] = [{"reviewer": one.reviewer, "verdict": one.verdict} for one in standing]
                rows.append(row)
        return {"rows": rows}

    def case(self, key: str, reviewer: str) -> Answer:
        """All about one case but its pictures; these are not opened."""
        machine = self.cases.machine(key)
        facts = facts_of(self.cases, key)
        roles, size = self.cases.roles_of(key), self.cases.size(key)
        with self.lock:
            reviews = self.now()
            state, shown = reviews.state(key, machine), shown_mask(reviews, key, machine)
            decisions = [asdict(one) for one in reviews.all if one.key == key]
        draft, problem = None, ""
        try:
            draft = read_draft(self.cases.folder, key, reviewer)
        except SettingError as error:
            problem = str(error)
        if size is None:
            problem = "There is no picture to show."
        return {
            "key": key,
            "facts": facts,
            "machine": asdict(machine),
            "state": asdict(state),
            "shown": shown,
            "decisions": decisions,
            "size": size,
            "grid": None if size is None else self.pictures.grid(key),
            "level": self.cases.level(key),
            "views": [] if size is None else names_of(roles, facts, shown is not None or "probability" in roles),
            "transform": facts["transform"],
            "draft": None if draft is None else _as_answer(draft),
            "problem": problem,
        }

    def view(self, key: str, name: str, reviewer: str) -> tuple[bytes, str]:
        """The file of a view, and its media type.

        Raises:
            BadImage: there is none.
        """
        machine = self.cases.machine(key)
        if name not in ("mask", "base"):
            return view(self.pictures, key, name, facts_of(self.cases, key))
        from webiml.app.review.mask import on_grid

        draft = read_draft(self.cases.folder, key, reviewer) if name == "base" else None
        if draft is not None:
            return png(on_grid(self.pictures, key, draft.base)), "image/png"
        with self.lock:
            shown = shown_mask(self.now(), key, machine)
        return png(on_grid(self.pictures, key, shown)), "image/png"

    def changes(self, since: int) -> Answer:
        """The decisions from number `since` on, by whom ever."""
        with self.lock:
            found = self.now().all[since : since + MAX_CHANGES]
            end = min(since, len(self.reviews.all)) + len(found)
        return {"next": end, "decisions": [asdict(one) for one in found]}

    def agreement(self) -> Answer:
        """How far people agree."""
        from webiml.datasets.agreement import agreement, mask_agreement
        from webiml.store.place import Place

        place = Place(str(self.cases.folder))
        reviews = Reviews.read(place)  # its own: masks take a while to compare
        found = mask_agreement(place, reviews) if self.cases.what == "dataset" else agreement(reviews)
        return {
            "reviewers": found.reviewers,
            "pairs": [asdict(pair) for pair in found.pairs],
            "disputed": found.disputed,
        }

    def now(self) -> Reviews:
        """All decisions, with those that others added; to be called and used with the lock held."""
        self.reviews.refresh()
        return self.reviews


def shown_mask(reviews: Reviews, key: str, machine: State) -> str | None:
    """SHA-256 of the drawn mask that people see, in a dispute the one that was accepted; None: the machine's."""
    state = reviews.state(key, machine)
    if state.reason != Reason.DISPUTED:
        return state.mask
    return next((one.mask for one in reversed(reviews.standing(key)) if one.verdict == Verdict.ACCEPT), None)


def _as_answer(draft: Draft) -> Answer:
    return {
        "threshold": draft.threshold,
        "base": draft.base,
        "strokes": [asdict(stroke) for stroke in draft.strokes],
        "count": len(draft.strokes),
    }


def table_stamp(folder: Path) -> tuple[int, int] | None:
    """What tells the table of a dataset from one that took its place; None where there is none, as of results."""
    try:
        found = os.stat(folder / FILE_NAME)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
