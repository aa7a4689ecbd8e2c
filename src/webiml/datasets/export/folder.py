"""Pictures, masks and probabilities as plain files, with one table that says where each comes from.

    authentic/ manipulated/ masks/ probability/      <key>.<ext>
    rows.csv                                         one row a pair: its files, what was found, licence and provenance

`webiml annotate` and `webiml evaluate` read rows.csv as a table of pairs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from webiml.datasets.export.cut import drop_rows, going
from webiml.datasets.export.index import json_record
from webiml.datasets.export.pair import Laid, PairFiles, Plan
from webiml.store.dataset import Role
from webiml.store.place import Place

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask", "probability")
TABLE = "rows.csv"
_FOLDERS = {"authentic": "authentic", "manipulated": "manipulated", "mask": "masks", "probability": "probability"}


def lay(pair: PairFiles) -> Laid:
    """The files of a pair, in the folder of their role."""
    own = {_name(pair, role): data for role, data in pair.files.items()}
    return Laid(pair.row, own, note={role: _name(pair, role) for role in pair.files})


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the table; what is yielded are the pairs with the names of their files."""
    further = [name for name in plan.columns if name not in ("key", "authentic_path", "manipulated_path", "shard")]
    header = ["key", *ROLES, *further]
    with out.writer(TABLE) as file:
        file.write(_line(header))
        for laid in pairs:
            record = json_record(laid.row)
            file.write(_line([laid.row.key, *(laid.note.get(r, "") for r in ROLES), *(record.get(n) for n in further)]))
            yield laid, list(laid.own)


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the export; after any stop the same call finishes it.

    Raises:
        OutputError: it cannot be written.
    """
    gone = going(place, keys)
    if place.exists(TABLE):
        with place.reader(TABLE) as old, place.writer(TABLE) as new:
            lines = csv.reader(io.TextIOWrapper(old, encoding="utf-8", newline=""))
            for line in lines:
                if line[0] not in keys or lines.line_num == 1:
                    new.write(_line(line))
    for name in gone.files:
        place.delete(name)
    drop_rows(place, keys)


def _name(pair: PairFiles, role: str) -> str:
    return f"{_FOLDERS[role]}/{pair.row.key}{pair.endings.get(role, '.png')}"


def _line(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue().encode("utf-8", "backslashreplace")
