"""What `datasets.load_dataset(folder)` of Hugging Face opens: Parquet with the pictures in it, and a card.

    data/pairs-000000.parquet ...     authentic, manipulated, mask, probability as pictures, and the row's columns
    README.md                         the card's front matter, which says where the data lies

Source: a column of pictures is {bytes, path}, and the file's metadata `huggingface` names it an Image
(huggingface/datasets src/datasets/features/image.py and features.py); the front matter's `configs`
(huggingface/hub-docs datasetcard.md). That library turns a picture as its EXIF says when it decodes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from webiml.datasets.card import CardCounts, short_card
from webiml.datasets.export.cut import drop_rows, going
from webiml.datasets.export.index import ROWS, read_about, table_record
from webiml.datasets.export.pair import Laid, PairFiles, Plan
from webiml.errors import SettingError
from webiml.store.dataset import Role
from webiml.store.parquet import read_annotations
from webiml.store.place import Place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask", "probability")
CARD = "README.md"
_DESCRIBED = ("kept", "rejected")
_LEFT_OUT = ("authentic_path", "manipulated_path", "shard")
_GROUP_ROWS, _GROUP_BYTES = 100, 64 << 20  # a reader holds a group of rows at a time


def lay(pair: PairFiles) -> Laid:
    """The pictures of a pair, by role and name."""
    key = pair.row.key
    members = {f"{role}/{key}{pair.endings.get(role, '.png')}": data for role, data in pair.files.items()}
    return Laid(pair.row, members=members)


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the tables and the card; what is yielded are the pairs with the name of the table that holds them."""
    schema = _schema(plan)
    counts = CardCounts(_DESCRIBED)
    for number, first in enumerate(pairs):
        name = f"data/pairs-{number:06d}.parquet"
        done: list[Laid] = []
        together = chain([first], islice(pairs, plan.shard_pairs - 1))
        if out.exists(name):  # whole, and of these pairs: a run that was stopped wrote it
            done.extend(Laid(laid.row) for laid in together)
        else:
            _write_table(out, name, _records(together, done), schema)
        for laid in done:
            counts.add(laid.row)
            yield laid, [name]
    out.write(CARD, short_card(counts, plan.dataset).encode())


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the tables and the card; after any stop the same call finishes it.

    Raises:
        SettingError: a table is damaged.
        OutputError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    gone = going(place, keys)
    for name in sorted(gone.archives):
        try:
            with place.reader(name) as old, pq.ParquetFile(old) as file:
                _write_table(place, name, _staying(file, keys), file.schema_arrow)
        except (pa.ArrowException, ValueError) as error:
            raise SettingError(f"{place}/{name} is damaged ({error}): export the dataset again.") from error
    counts = CardCounts(_DESCRIBED)
    for row in read_annotations(place, ROWS):
        if row.key not in keys:
            counts.add(row)
    place.write(CARD, short_card(counts, str((read_about(place) or {}).get("dataset", ""))).encode())
    for name in gone.files:
        place.delete(name)
    drop_rows(place, keys)


def _schema(plan: Plan) -> pa.Schema:
    import pyarrow as pa

    picture = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    fields = [plan.schema.field("key"), *(pa.field(role, picture) for role in ROLES)]
    fields += [one for one in plan.schema if one.name not in ("key", *_LEFT_OUT)]
    features = {"info": {"features": {role: {"_type": "Image"} for role in ROLES}}}
    return pa.schema(fields, {"huggingface": json.dumps(features)})


def _records(pairs: Iterator[Laid], done: list[Laid]) -> Iterator[dict[str, Any]]:
    for laid in pairs:
        record = table_record(laid.row)
        for role in ROLES:
            record[role] = None
        for name, data in laid.members.items():
            role, _, file = name.partition("/")
            record[role] = {"bytes": data, "path": file}
        yield record
        done.append(Laid(laid.row))  # without its bytes: a table may be larger than the memory


def _staying(file: pq.ParquetFile, keys: set[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=16):
        yield from (record for record in batch.to_pylist() if record["key"] not in keys)


def _write_table(out: Place, name: str, records: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write records a group at a time: as many as a reader can hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with out.writer(name) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        group: list[Mapping[str, Any]] = []
        held = 0
        for record in records:
            group.append(record)
            held += sum(len(record[role]["bytes"]) for role in ROLES if record[role] is not None)
            if len(group) >= _GROUP_ROWS or held >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
                group, held = [], 0
        if group:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
