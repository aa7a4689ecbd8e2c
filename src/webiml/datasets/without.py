"""A dataset without some of its pairs, as a new dataset; rows, bytes and what people decided are carried over."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from webiml import __version__
from webiml.datasets.carry import carried, is_done, pass_on, tombstones, without_removed
from webiml.datasets.carry_reviews import CarriedReviews
from webiml.errors import SettingError
from webiml.store.dataset import DatasetInfo, dataset_info, read_rows, settings_digest
from webiml.store.dataset_writer import DatasetWriter, refuse_unfit
from webiml.store.place import Place
from webiml.store.reviews import Reviews
from webiml.types import Row


def refuse_out(dataset: Place, out: Path, settings: dict[str, Any]) -> None:
    """Refuse before any work what `write_without` would refuse. Writes nothing.

    Raises:
        SettingError: `out` holds something else, or was made with other settings.
    """
    info = _info(dataset, settings)
    refuse_unfit(
        out,
        format=_format(info),
        shard_pairs=info.shard_pairs,
        settings=info.settings,
        settings_hash=info.settings_hash,
    )


def write_without(
    dataset: Place,
    out: Path,
    dropped: Collection[str],
    settings: dict[str, Any],
    on_row: Callable[[Row], None] | None = None,
) -> None:
    """Write the dataset `out` of all rows of `dataset` but those whose key is in `dropped`; goes on where it stopped.

    A pair whose files are damaged becomes a failed row.

    Args:
        settings: of the command that drops, which `out` keeps beside those of `dataset`; a run with others is refused.
        on_row: called with every row of `out`, also with those that an earlier run has written.
    Raises:
        SettingError: `out` holds something else, or was made of other inputs.
        OutputError: `out` cannot be written; what is finished stays.
    """
    info = _info(dataset, settings)
    removed = tombstones([dataset, Place(str(out))])
    reviews = CarriedReviews([Reviews.read(dataset)])
    with DatasetWriter.open(
        out,
        format=_format(info),
        shard_pairs=info.shard_pairs,
        settings=info.settings,
        settings_hash=info.settings_hash,
        package_version=__version__,
    ) as writer:
        if not writer.done.isdisjoint(dropped):
            raise SettingError(f"{out} was made of other inputs, which have changed since: give another --out.")
        pass_on(removed, out)
        for row in read_rows(dataset):
            if row.key in dropped:
                continue
            row = without_removed(row, removed)
            if is_done(writer, row):
                after = writer.entry(row.key).row
            else:
                after = writer.add(carried(dataset, row), carried=True)
            reviews.take(dataset, row.key, after)
            if on_row is not None:
                on_row(row)
        reviews.write(Place(str(out)))
        writer.finish()


def _info(dataset: Place, settings: dict[str, Any]) -> DatasetInfo:
    info = dataset_info(dataset)
    decided_by = {**info.settings, **settings}
    return replace(info, settings=decided_by, settings_hash=settings_digest(decided_by))


def _format(info: DatasetInfo) -> Literal["folder", "shards"]:
    return cast(Literal["folder", "shards"], info.format)
