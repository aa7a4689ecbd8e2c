"""What people change in a Session: drafts, decisions, and undoing them; each is safe on the disk before it returns."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from webiml.app.review.drafts import Draft, add_to_draft, drop_draft, read_draft
from webiml.app.review.session import Answer, Session, shown_mask, table_stamp
from webiml.errors import BadImage, OutputError, SettingError
from webiml.store import reviews as store_reviews
from webiml.store.parquet import FILE_NAME
from webiml.store.reviews import Decision, Verdict
from webiml.types import Reason, Status


def draw(session: Session, key: str, reviewer: str, line: dict[str, Any]) -> Answer:
    """One more line of the draft; it is safe on the disk.

    Raises:
        SettingError: it is none. BadImage: the case has no picture. OutputError: it cannot be written.
    """
    machine = session.cases.machine(key)
    _refuse_other_table(session)
    with session.lock:
        begun = Draft(session.pictures.grid(key), shown_mask(session.now(), key, machine))
    draft = add_to_draft(session.cases.folder, key, reviewer, begun, line)
    return {"count": len(draft.strokes), "threshold": draft.threshold, "base": draft.base}


def drop(session: Session, key: str, reviewer: str) -> Answer:
    """Forget the draft."""
    session.cases.machine(key)
    drop_draft(session.cases.folder, key, reviewer)
    return {}


def decide(
    session: Session,
    key: str,
    reviewer: str,
    verdict: Verdict,
    *,
    reason: Reason | None = None,
    note: str = "",
    threshold: int | None = None,
    seen: tuple[str | None] | None = None,
) -> Answer:
    """One decision; an acceptance takes the mask that the person sees with all that he drew.

    Args:
        threshold: level that the person chose; None: the draft's. seen: SHA-256 of the drawn mask that the page
            showed (None: the machine's), if it says; else what stands now.
    Raises:
        SettingError, BadImage: it cannot be. OutputError: it cannot be written.
    """
    from webiml.app.review.mask import Mask, accepted

    machine, mask = session.cases.machine(key), Mask()
    _refuse_other_table(session)
    if verdict == Verdict.ACCEPT and machine.status != Status.FAILED:
        draft = read_draft(session.cases.folder, key, reviewer)
        with session.lock:
            reviews = session.now()
            shown = shown_mask(reviews, key, machine) if seen is None else seen[0]
            if shown is not None and shown not in [one.mask for one in reviews.all if one.key == key]:
                raise SettingError("Nobody has drawn that mask: load the case again.")
        mask = accepted(session.pictures, key, shown, draft, threshold)
        if threshold is None and draft is not None:
            threshold = draft.threshold
    with session.lock:
        decision = store_reviews.decide(
            session.cases.folder,
            session.reviews,
            machine,
            key,
            reviewer,
            verdict,
            reason=reason,
            note=note,
            mask=mask.png,
            mask_area=mask.area,
            components=mask.components,
            threshold=threshold if verdict == Verdict.ACCEPT and mask.png is not None else None,
        )
        answer = {
            "decision": asdict(decision),
            "state": asdict(session.reviews.state(key, machine)),
            "decisions": [asdict(one) for one in session.reviews.all if one.key == key],
        }
    if verdict == Verdict.ACCEPT:  # what was drawn has become the mask; of a rejected pair it is kept
        with suppress(OutputError):  # the decision stands
            drop_draft(session.cases.folder, key, reviewer)
    return answer


def undo(session: Session, reviewer: str) -> Answer:
    """Take back this person's newest decision; a mask that was drawn for it becomes his draft again.

    Raises:
        SettingError: there is none. OutputError: it cannot be written.
    """
    _refuse_other_table(session)
    with session.lock:
        last = session.now().newest(reviewer)
        if last is None:
            raise SettingError("There is no decision of yours to undo.")
        try:
            machine = session.cases.machine(last.key)
        except KeyError:
            raise SettingError(f"{last.key}, of your last decision, is not here any more.") from None
        store_reviews.decide(
            session.cases.folder, session.reviews, machine, last.key, reviewer, Verdict.UNDO, undoes=last.id
        )
        state = session.reviews.state(last.key, machine)
    _give_back(session, last, reviewer)
    return {"key": last.key, "state": asdict(state)}


def _refuse_other_table(session: Session) -> None:
    """A row may have gone, or be another pair, since the table was read."""
    if table_stamp(session.cases.folder) != session.table:
        raise SettingError(
            f"{FILE_NAME} was written anew since this page was started: end webiml review and start it again."
        )


def _give_back(session: Session, last: Decision, reviewer: str) -> None:
    if last.mask is None:
        return
    try:
        add_to_draft(session.cases.folder, last.key, reviewer, Draft(session.pictures.grid(last.key), last.mask))
    except (BadImage, SettingError, OutputError):  # the undo stands; the mask still lies in reviews/
        return
