"""The results of `webiml localize` as cases for a person to look at: one picture each, without an authentic one.

The pictures lie where they were, the maps in the folder. A picture is shown only while its bytes are still those that
were localized: the map of one picture laid over another would mislead whoever looks.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from webiml.app.review.cases import CaseTable, Role, What
from webiml.errors import BadImage, SettingError
from webiml.images.codec import decode_map
from webiml.images.decode import decode
from webiml.images.read import read_bytes, readable
from webiml.localize.folder import LINES, about_results, read_results
from webiml.localize.rows import Outcome, PictureRow
from webiml.store.reviews import State
from webiml.types import Reason


class LocalizationCases:
    """Results of `webiml localize`; see `Cases`. Made by `LocalizationCases.open`; may be used by several threads."""

    what: What = "localizations"
    orders: tuple[str, ...] = ("doubt", "score", "area", "name")
    roles: tuple[Role, ...] = ("manipulated", "probability", "confidence")
    min_qes: float | None = None

    def __init__(self, folder: Path, rows: dict[str, PictureRow], level: int, max_pixels: int) -> None:
        self.folder = folder
        self.title = readable(folder.resolve().name)
        self.table = _table(list(rows.values()))
        self._rows, self._level, self._max_pixels = rows, level, max_pixels

    @classmethod
    def open(cls, path: Path) -> LocalizationCases:
        """The results in a folder, finished or not.

        Raises:
            SettingError: it is no folder of results, or was changed by somebody else.
        """
        about = about_results(path)
        rows = {row.key: replace(row, regions=None) for row in read_results(path)}  # a row may hold a hundred polygons
        if not rows:
            raise SettingError(f"{readable(path)} holds no picture yet: let webiml localize finish one.")
        threshold, megapixels = number(about.get("threshold")), number(about.get("max_megapixels"))
        if threshold is None or megapixels is None or not 0 < threshold < 1 or not 0 < megapixels <= 10_000:
            raise SettingError(f"{readable(path)} does not say its threshold and --max-megapixels: localize again.")
        level = max(1, math.floor(255 * threshold + 0.5))  # as Localization.mask has it
        return cls(path, rows, level, round(megapixels * 1e6))

    def column(self, name: str) -> list[Any]:
        """The values of a column of `orders`."""
        return self.table.columns[name]

    def machine(self, key: str) -> State:
        """What the localizer says; see `Cases`."""
        row = self._rows[key]
        return State(row.status, row.reason)

    def facts(self, key: str) -> dict[str, Any]:
        """What is shown beside the picture; see `Cases`."""
        row = self._rows[key]
        names = ("name", "status", "reason", "detail", "area", "threshold", "components", "views", "weights", "notes")
        known = {name: getattr(row, name) for name in (*names, "height", "width", "sha256")}
        return {**known, "score": number(row.score)}

    def roles_of(self, key: str) -> tuple[Role, ...]:
        """All, but none of a picture that failed; see `Cases`."""
        return () if self._rows[key].status == Outcome.FAILED else self.roles

    def level(self, key: str) -> int:
        """Where --threshold lies in the stored probability; see `Cases`."""
        self._rows[key]
        return self._level

    def size(self, key: str) -> tuple[int, int] | None:
        """Height and width of the picture; see `Cases`."""
        row = self._rows[key]
        if row.status == Outcome.FAILED or not _is_size(row.height) or not _is_size(row.width):
            return None
        return int(row.height or 0), int(row.width or 0)

    def picture(self, key: str, role: Role) -> np.ndarray:
        """The picture, its probability or its confidence; see `Cases`."""
        row, size = self._rows[key], self.size(key)
        if size is None:
            raise BadImage(Reason.NOT_FOUND, f"it was not localized ({row.reason or 'failed'})")
        if role == "manipulated":
            found = decode(self._bytes(row), self._max_pixels).rgb
        elif role in ("probability", "confidence"):
            found = decode_map(read_bytes(self.folder / role / f"{key}.png", self.folder), self._max_pixels)
        else:
            raise BadImage(Reason.NOT_FOUND, f"results of webiml localize have no {role}")
        if found.shape[:2] != size:
            raise BadImage(Reason.MAP_SIZE, f"the {role} has another size than its row says")
        return found

    def _bytes(self, row: PictureRow) -> bytes:
        """The bytes that were localized.

        A relative path is one of where `webiml localize` was started: most often this folder, or one above the results.
        """
        changed = False
        for path in _places(row.name, self.folder):
            try:
                data = read_bytes(path, None)
            except BadImage:
                continue
            if hashlib.sha256(data).hexdigest() == row.sha256:
                return data
            changed = True
        if changed:
            raise BadImage(Reason.OTHER_BYTES, f"{row.name} has changed since it was localized")
        words = f"{row.name} is not there any more; if its path is relative, start webiml review where localize was"
        raise BadImage(Reason.NOT_FOUND, words)


def is_results(path: Path) -> bool:
    """Whether a folder holds results of `webiml localize`."""
    return (path / LINES).is_file() and (path / ".webiml" / "localize.json").is_file()


def number(value: object) -> float | None:
    """A finite number of a file; None where it holds something else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 else None  # not NaN, not infinite, no whole number beyond all floats


def _places(name: str, folder: Path) -> Iterator[Path]:
    yield Path(name)
    if not os.path.isabs(name):
        yield from (above / name for above in folder.resolve().parents)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _table(rows: list[PictureRow]) -> CaseTable:
    scores = [number(row.score) for row in rows]
    nothing = [None] * len(rows)
    return CaseTable(
        {
            "key": [row.key for row in rows],
            "name": [str(row.name) for row in rows],
            "status": [str(row.status) for row in rows],
            "reason": [None if row.reason is None else str(row.reason) for row in rows],
            "kind": nothing,
            "source": nothing,
            "score": scores,
            "area": [number(row.area) for row in rows],
            "doubt": [None if score is None else abs(score - 0.5) for score in scores],
        }
    )
