"""`webiml dataset remove`: pictures out of stores, datasets and exports, so that they never come back."""

from __future__ import annotations

import json as json_format
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import line
from webiml.cli.terminal import complain, plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.datasets.remove import Removal, TakenOut
    from webiml.store.place import Place

SHOWN = 5  # keys of a place named in text


def remove(
    *places: str,
    sha256: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    author: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    url: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    source: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    key: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    note: str = "",
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Take pictures out of stores, datasets and exports for good, and keep them from coming back.

    PLACES are stores, datasets, exports, or folders above them. A picture that is named in any way below goes out of
    all of them: out of every table, shard and archive, wherever the same bytes lie, whatever they are called there. A
    pair goes as a whole; its other picture stays in other pairs and in a store. Of a pair its key stays, and a
    tombstone, so that neither `webiml collect` nor `webiml annotate` brings it back.

    Give all places at once: what one of them knows of a picture helps to find it in the others. After any interruption
    the same command goes on; without anything to look for it only ends what was stopped.

    Examples:

    - `webiml dataset remove data --author "Jane Doe" --dry-run`
    - `webiml dataset remove store dataset export --url https://example.org/picture.jpg --yes`
    - `webiml dataset remove data --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --yes`

    Exit codes: 0 it is done, also when nothing was found, 2 a wrong setting, 3 something could not be written or
    deleted (the same command goes on), 130 interrupted.

    Parameters
    ----------
    places
        Stores, datasets, exports, or folders that hold them.
    sha256
        SHA-256 of a picture's bytes. Each of these flags may be given several times.
    author
        Author, as a table names him or her; upper and lower case do not count.
    url
        Address of a picture, or of the page that shows it; exactly as it stands in the table.
    source
        Source, as a table names it.
    key
        Key of a pair. Its manipulated picture goes everywhere.
    note
        Words that each tombstone keeps, such as the number of a request. They are kept as they are: name nobody.
    yes
        Do it without asking.
    dry_run
        Only say what would go; nothing is written.
    json
        Print one JSON object on stdout instead of the text.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if not places:
        raise SettingError("Give a store, a dataset or an export, such as webiml dataset remove data --author NAME.")
    from webiml.datasets.remove import remove as take_out
    from webiml.store.removed_rows import Asked

    asked = Asked(sha256=sha256, url=url, author=author, source=source, key=key)
    undrawn: list[str] = []

    def agreed(planned: Removal) -> bool:
        return yes or not planned.matched or _agree(planned)

    def redraw(dataset: Place, report: Literal["", "plain", "pictures"], card: str) -> None:
        undrawn.extend(_redraw(dataset, report, card))

    removal = take_out(places, asked, note=note, dry_run=dry_run, confirm=agreed, redraw=redraw)
    if json:
        say(json_format.dumps({**asdict(removal), "not_redrawn": undrawn, "version": __version__}))
    elif not quiet:
        say(_text(removal, undrawn))
    return 0


def _agree(planned: Removal) -> bool:
    """Ask the person at the terminal; without one nothing is deleted that --yes did not agree to."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingError("This deletes for good: look with --dry-run first, then give --yes.")
    complain(_text(planned, []))
    complain("Take this out for good? Type yes:")
    return sys.stdin.readline().strip().lower() == "yes"


def _redraw(dataset: Place, report: str, card: str) -> list[str]:
    """Make the page and the card of a dataset again; the names of those that could not be made."""
    from webiml.datasets.card import write_card
    from webiml.report.html import write_report
    from webiml.report.words import REASON_MEANING

    missing = []
    try:
        if report:
            write_report(dataset.here, report == "pictures")
    except SettingError:  # it lies elsewhere, or is not finished: its next run draws the page
        missing.append(f"{dataset}/report.html")
    try:
        if card:
            write_card(dataset, dataset, "README.md", card, REASON_MEANING)
    except SettingError:
        missing.append(f"{dataset}/README.md")
    return missing


def _text(removal: Removal, undrawn: list[str]) -> str:
    """A line a place, and what follows from it; what came from tables and paths cannot act on the terminal."""
    lines = []
    for one in removal.places:
        lines += _about(one)
    if not removal.matched:
        lines.append("nothing was found" + ("" if removal.tombstones else ", and nothing was changed"))
    if removal.tombstones:
        word = "would refuse" if removal.dry_run else "refuses"
        things = "thing" if removal.tombstones == 1 else "things"
        lines.append(line("tombstone", f"each place {word} {removal.tombstones:,} {things} from now on"))
    for name in undrawn:
        lines.append(line("deleted", f"{plain(name)}, which must be made again"))
    if removal.dry_run:
        lines.append(line("next", "without --dry-run the same command takes this out; now nothing was"))
    elif not removal.places:
        lines.append(line("next", "nothing was taken out"))
    elif removal.matched:
        lines.append(line("next", "copies that lie elsewhere, and what has learned from it, are as they were"))
    return "\n".join(lines)


def _about(one: TakenOut) -> list[str]:
    rows = "rows of links" if one.shape == "store" else "pairs"
    ended = "   (ends a removal that was stopped)" if one.resumed else ""
    lines = [f"{one.shape} {plain(one.place)}   {rows} {one.rows:,}   pictures {one.pictures:,}{ended}"]
    if one.keys:
        named = ", ".join(plain(key) for key in one.keys[:SHOWN])
        more = f" and {one.rows - SHOWN:,} more" if one.rows > SHOWN else ""
        lines.append(line("links" if one.shape == "store" else "keys", named + more))
    if one.sheets:
        lines.append(line("deleted", f"{', '.join(one.sheets)}: they may show it"))
    again = [*one.shards, *(["report.html"] if one.report else []), *(["README.md"] if one.card else [])]
    if again:
        lines.append(
            line("anew", ", ".join(again[:SHOWN]) + (f" and {len(again) - SHOWN:,} more" if len(again) > SHOWN else ""))
        )
    return lines
