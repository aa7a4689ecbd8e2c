"""`webiml review`: a page on which people decide about doubtful masks."""

from __future__ import annotations

import getpass
from contextlib import suppress
from typing import Annotated

from cyclopts import Group, Parameter

from webiml.app import refuse_without_extra
from webiml.cli.served import serve_app
from webiml.cli.terminal import say
from webiml.settings import ReviewRun

_RUN = Group("Where the page is, and what is said about it", sort_key=2)
_DEFAULT_RUN = ReviewRun()


def review(
    folder: str,
    /,
    *,
    reviewer: str = "",
    run: Annotated[ReviewRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Decide about doubtful masks: look at them on a page in your browser, accept, reject or mend them.

    FOLDER is a dataset, the results of `webiml localize`, or an evaluation. Decisions go to reviews.jsonl in it, each
    safe on the disk before the next case is shown; the machine's own rows stay as they are. `webiml dataset stats`,
    `filter` and `export` go by them. Several people may review one folder at once.

    The address that is printed holds a token, without which nobody gets an answer; it lasts as long as the command
    runs. WEBIML_TOKEN in the environment sets one, which is then not printed.

    Examples:

    - `webiml review dataset`
    - `webiml review results --reviewer ada`
    - `webiml review dataset --port 8000 --no-browser --json`
    - `webiml review dataset --host 0.0.0.0 --allow-host reviews.example.org`

    Ctrl-C, or SIGTERM, is the normal end.

    Exit codes: 0 it was ended, 2 a wrong setting or nothing to review, 3 the output could not be written, 130
    interrupted before it had begun.

    Parameters
    ----------
    folder
        A dataset, the results of webiml localize, or an evaluation, on this machine.
    reviewer
        Who decides; by default your name on this machine. The page can change it.
    """
    refuse_without_extra("webiml review")
    # Heavy imports wait until the flags are known to be right.
    from webiml.app.guard import App, Guard
    from webiml.app.review.open import open_cases
    from webiml.app.review.server import review_app
    from webiml.store.reviews import REVIEWS, Reviews, reviewer_name

    name = reviewer_name(reviewer or _own_name())
    cases = open_cases(folder)
    before = len(Reviews.read(cases.folder).all)

    def make(token: str, hosts: frozenset[str]) -> App:
        return Guard(review_app(cases, name), token=token, hosts=hosts)

    serve_app(make, run, f"Review of {folder}")
    if not run.json and not run.quiet:
        added = len(Reviews.read(cases.folder).all) - before
        were = "decision was" if added == 1 else "decisions were"
        say(f"{added:,} {were} added to {cases.folder / REVIEWS}." if added > 0 else "No decisions were added.")
    return 0


def _own_name() -> str:
    """The user's name on this machine, where there is one."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser().replace(",", " ")
    return "reviewer"
