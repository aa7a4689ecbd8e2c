"""What a person has drawn and not decided yet: one file a person and case, on the disk stroke by stroke.

    .webiml/review/<32 hex>.jsonl
        {"key", "reviewer", "grid": [h, w], "base": SHA-256 of a drawn mask or null}     the first line
        {"stroke": {"value": 0 or 1, "runs": [start, length, ...]}}    pixels of the grid, row by row
        {"threshold": 1..255 or null}
        {"undo": true}                                                 the last stroke that is not undone goes

A mask begins with what the probability reaches from the threshold on; without one, with the mask that was drawn before
(`base`), or else with the machine's. Then the strokes follow. A crash loses at most the line that was being written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from webiml.app.review.grid import Size
from webiml.errors import SettingError
from webiml.store.atomic import make_folder, output_error
from webiml.store.drawn_masks import is_sha256
from webiml.store.lines import Lines
from webiml.store.reviews import DRAFTS, only_decider

MAX_STROKES = 2_000  # of a draft, with those that were undone
MAX_RUNS = 2_000_000  # of all strokes of a draft
_PYTHON_RUNS = 3_000  # up to which a loop over runs is faster than a pass over all pixels


@dataclass(frozen=True, slots=True)
class Stroke:
    """Pixels that were marked (value 1) or cleared (0).

    Attributes: runs: start and length in turn, flat indices of the grid row by row, ascending, none of them twice.
    """

    value: int
    runs: list[int]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has drawn so far.

    Attributes:
        base: SHA-256 of the drawn mask that it began with; None: the machine's mask.
        threshold: level, 1..255, that was chosen for the probability; None: none was.
        strokes: in their order, without those that were undone. lines: of its file.
    """

    grid: Size
    base: str | None
    threshold: int | None = None
    strokes: list[Stroke] = field(default_factory=list)
    lines: int = 0


def read_draft(folder: Path, key: str, reviewer: str) -> Draft | None:
    """The draft of that person for that case; None where there is none.

    Raises:
        SettingError: its file holds something else.
    """
    path = _path(folder, key, reviewer)
    draft: Draft | None = None
    try:
        for _, record in Lines(path).read():
            draft = _begun(record) if draft is None else _with(draft, record)
    except (SettingError, OSError, ValueError, KeyError, TypeError):
        raise SettingError(f"Your draft for {key} cannot be read ({path.name}): drop it and draw anew.") from None
    return draft


def add_to_draft(folder: Path, key: str, reviewer: str, begun: Draft, line: dict[str, Any] | None = None) -> Draft:
    """Write one more line of a draft, safe on the disk before this returns.

    Args:
        begun: how a new draft begins, with its grid and base; a draft that is there keeps its own.
        line: {"stroke": {"value", "runs"}}, {"threshold"} or {"undo"}; None only begins the draft.
    Raises:
        SettingError: the line is none of these, does not fit the grid, or the draft is full; nothing was written.
        OutputError: it cannot be written.
    """
    if line is not None:
        line = checked_line(line, begun.grid)
    path = _path(folder, key, reviewer)
    with only_decider(folder):
        draft = read_draft(folder, key, reviewer)
        if draft is not None and draft.grid != begun.grid:
            raise SettingError(f"Your draft for {key} was drawn on a picture of another size: drop it and draw anew.")
        make_folder(path.parent)
        with Lines(path) as lines:
            if draft is None:
                draft = replace(begun, lines=1)
                lines.add({"key": key, "reviewer": reviewer, "grid": list(begun.grid), "base": begun.base})
            if line is None:
                return draft
            _refuse_more(draft, line)
            after = _with(draft, line)
            lines.add(line)
    return after


def drop_draft(folder: Path, key: str, reviewer: str) -> None:
    """Forget the draft, if there is one.

    Raises:
        OutputError: its file cannot be removed.
    """
    path = _path(folder, key, reviewer)
    with only_decider(folder):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(error, path) from error


def checked_line(line: dict[str, Any], grid: Size) -> dict[str, Any]:
    """The line as it is kept; of what came from outside nothing is believed.

    Raises:
        SettingError: it is no line of a draft on this grid.
    """
    if len(line) != 1:
        raise SettingError("A draft takes one of stroke, threshold and undo at a time.")
    [(name, value)] = line.items()
    if name == "undo" and value is True:
        return {"undo": True}
    if name == "threshold":
        return {"threshold": None if value is None else checked_threshold(value)}
    if name == "stroke" and isinstance(value, dict):
        return {"stroke": {"value": _checked_value(value.get("value")), "runs": _checked_runs(value.get("runs"), grid)}}
    raise SettingError("A draft takes a stroke (value and runs), a threshold (or null), or undo: true.")


def checked_threshold(value: object) -> int:
    """The level, if it is one.

    Raises:
        SettingError: it is none.
    """
    if type(value) is not int or not 1 <= value <= 255:
        raise SettingError("A threshold is a whole number from 1 to 255.")
    return value


def strokes_on_grid(strokes: list[Stroke], grid: Size) -> np.ndarray:
    """(h, w) int8: 1 where the last stroke on a pixel marked it, 0 where it cleared it, -1 where there was none."""
    flat = np.full(grid[0] * grid[1], -1, np.int8)
    for stroke in strokes:
        starts, lengths = stroke.runs[::2], stroke.runs[1::2]
        if len(starts) <= _PYTHON_RUNS:
            for start, length in zip(starts, lengths, strict=True):
                flat[start : start + length] = stroke.value
        else:
            steps = np.zeros(len(flat) + 1, np.int8)
            steps[starts] += 1
            steps[np.add(starts, lengths)] -= 1
            flat[np.cumsum(steps[:-1], dtype=np.int8) > 0] = stroke.value
    return flat.reshape(grid)


def _begun(record: dict[str, Any]) -> Draft:
    height, width = record["grid"]
    base = record["base"]
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise ValueError("no grid")
    if base is not None and not is_sha256(base):
        raise ValueError("no mask")
    return Draft((height, width), base, lines=1)


def _with(draft: Draft, record: dict[str, Any]) -> Draft:
    """The draft with one more line, which may come from a file that somebody changed."""
    line = checked_line(record, draft.grid)
    strokes, threshold = draft.strokes, draft.threshold
    if "stroke" in line:
        strokes = [*strokes, Stroke(**line["stroke"])]
    elif "threshold" in line:
        threshold = line["threshold"]
    else:
        strokes = strokes[:-1]
    return Draft(draft.grid, draft.base, threshold, strokes, draft.lines + 1)


def _refuse_more(draft: Draft, line: dict[str, Any]) -> None:
    if "undo" in line:
        return
    runs = sum(len(stroke.runs) for stroke in draft.strokes) // 2 + len(line.get("stroke", {}).get("runs", ())) // 2
    if draft.lines > MAX_STROKES or runs > MAX_RUNS:
        raise SettingError("This draft is full: accept the mask and go on from there, or drop it.")


def _checked_value(value: object) -> int:
    if type(value) is not int or value not in (0, 1):
        raise SettingError("A stroke's value is 1 (manipulated) or 0 (authentic).")
    return value


def _checked_runs(runs: object, grid: Size) -> list[int]:
    """The runs, if they are ascending, apart from one another and inside the grid."""
    if not isinstance(runs, list) or not runs or len(runs) % 2 or len(runs) > 2 * MAX_RUNS:
        raise SettingError("A stroke's runs are a list of starts and lengths in turn, and not empty.")
    if not all(type(number) is int for number in runs):
        raise SettingError("A stroke's runs are whole numbers.")
    pixels = grid[0] * grid[1]
    if min(runs) < 0 or max(runs) > pixels:
        raise SettingError(f"A stroke's runs lie in the grid of {grid[0]} x {grid[1]} pixels.")
    starts, lengths = np.array(runs[::2], np.int64), np.array(runs[1::2], np.int64)
    ends = starts + lengths
    if np.any(lengths < 1) or np.any(ends[:-1] > starts[1:]) or ends[-1] > pixels:
        raise SettingError("A stroke's runs ascend, do not overlap, and end inside the grid.")
    return runs


def _path(folder: Path, key: str, reviewer: str) -> Path:
    """A file name that holds nothing from outside."""
    return folder / DRAFTS / (hashlib.sha256(f"{reviewer}\n{key}".encode()).hexdigest()[:32] + ".jsonl")
