"""A dataset without its pictures: from it `webiml collect` fetches them again, and the dataset is rebuilt.

    manifest.parquet      all columns of the rows: addresses, SHA-256, licences, what was found
    masks/<key>.png probability/<key>.png alternative/<key>.png
    reviews.jsonl reviews/<sha256>.png    what people decided about the pairs, where they did (store/reviews.py)

Rows and maps are the machine's, so that the dataset can be made again as it was; rows.parquet has them as people have
reviewed them. The metadata of manifest.parquet is that of the dataset's own table. A pair without addresses cannot be
fetched again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from webiml.datasets.carry_reviews import drop_reviews
from webiml.datasets.export.cut import cut_table, drop_rows, going
from webiml.datasets.export.index import open_table, table_record
from webiml.datasets.export.pair import Laid, PairFiles, Plan
from webiml.store.dataset import Role
from webiml.store.place import Place
from webiml.types import Row

ROLES: tuple[Role, ...] = ("mask", "probability", "alternative")
MANIFEST = "manifest.parquet"
_FOLDERS = {"mask": "masks", "probability": "probability", "alternative": "alternative"}


def map_name(key: str, role: Role) -> str:
    """Where a map of a pair lies in a manifest."""
    return f"{_FOLDERS[role]}/{key}.png"


def fetchable(row: Row) -> bool:
    """Whether the row has the addresses of both pictures, and what their bytes must be."""
    return bool(row.authentic_url and row.manipulated_url and row.authentic_sha256 and row.manipulated_sha256)


def lay(pair: PairFiles) -> Laid:
    """The maps of a pair."""
    own = {map_name(pair.row.key, role): data for role, data in pair.files.items()}  # type: ignore[arg-type]
    return Laid(pair.row, own, note=pair.machine or pair.row)


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the table; what is yielded are the pairs with the names of their maps."""
    info = {name: text if isinstance(text, str) else json.dumps(text) for name, text in asdict(plan.info).items()}
    with open_table(out, MANIFEST, plan.schema, info) as add:
        for laid in pairs:
            add(table_record(laid.note))
            yield laid, list(laid.own)


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the manifest; after any stop the same call finishes it.

    Raises:
        SettingError: the table cannot be read.
        OutputError: it cannot be written.
    """
    files = going(place, keys).files
    cut_table(place, MANIFEST, keys)
    for name in files:
        place.delete(name)
    drop_reviews(place, keys)
    drop_rows(place, keys)
