"""A dataset made again from its manifest and the pictures that came into a store: no network runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from webiml.datasets.carry import failed, is_done, pass_on, refuse_inside, tombstones, without_removed
from webiml.datasets.carry_reviews import CarriedReviews
from webiml.datasets.export.manifest import MANIFEST, ROLES, map_name
from webiml.errors import BadImage, SettingError
from webiml.images.codec import decode_map
from webiml.store.dataset import DatasetInfo, Role
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.links import picture_name, read_links, read_picture
from webiml.store.parquet import read_annotations, read_metadata
from webiml.store.place import Place
from webiml.store.reviews import Reviews
from webiml.types import Finished, Problem, Reason, Row, Status

_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass
class Rebuilt:
    """What became of the rows of a manifest."""

    rows: int = 0
    rebuilt: int = 0
    """Pairs whose pictures both came."""
    missing: int = 0
    """Pairs of which a picture did not come, or is another one now."""
    resumed: int = 0
    """Rows that an earlier run had finished."""


def rebuild(manifest: Place, store: Place, out: Path, on_row: Callable[[], None] | None = None) -> Rebuilt:
    """Make the dataset of a manifest again at `out`, from the pictures that are in `store`.

    A pair whose pictures both came has the row, the pictures, the maps and the decisions that it had. Any other fails
    as NOT_FETCHED, with what became of its link. After any stop the same call goes on; a row that is finished is not
    done again, so to use pictures that came later, give another `out`.

    Raises:
        SettingError: there is no manifest or no store, or `out` holds something else.
        OutputError: `out` cannot be written, or not any more; what is finished stays.
    """
    info = _info(manifest)
    refuse_inside(out, [manifest, store])
    removed = tombstones([manifest, store])
    why = _failures(store)
    reviews = CarriedReviews([Reviews.read(manifest)])
    counts = Rebuilt()
    with DatasetWriter.open(
        out,
        format=info.format,  # type: ignore[arg-type]
        shard_pairs=info.shard_pairs,
        settings=info.settings,
        settings_hash=info.settings_hash,
        package_version=info.package_version,
    ) as writer:
        pass_on(removed, out)
        for row in read_annotations(manifest, MANIFEST):
            counts.rows += 1
            row = without_removed(row, removed)
            if is_done(writer, row):
                counts.resumed += 1
                row = writer.entry(row.key).row
            else:
                row = writer.add(_again(manifest, store, row, why), carried=True)
            reviews.take(manifest, row.key, row)
            came = row.status != Status.FAILED.value
            counts.rebuilt += came
            counts.missing += not came and row.reason == Reason.NOT_FETCHED.value
            if on_row is not None:
                on_row()
        reviews.write(Place(str(out)))
        writer.finish()
    return counts


def _again(manifest: Place, store: Place, row: Row, why: dict[str, str]) -> Finished:
    """One row with its files, or as a row that failed."""
    if row.status == Status.FAILED.value:
        return Finished(row)
    files: dict[str, bytes] = {}
    problems: list[str] = []
    sides: tuple[tuple[str, str | None, str | None], ...] = (
        ("authentic", row.authentic_sha256, row.authentic_path),
        ("manipulated", row.manipulated_sha256, row.manipulated_path),
    )
    for side, sha256, path in sides:
        ending = PurePosixPath(path or "").suffix
        if not _SHA256.fullmatch(sha256 or "") or not _EXTENSION.fullmatch(ending):
            problems.append(f"{side}: the manifest does not say what bytes it must have")
            continue
        try:
            files[f"{side}{ending}"] = read_picture(store, picture_name(str(sha256), ending), str(sha256))
        except BadImage as error:
            reason = why.get(str(sha256), "the store has no link to it")
            problems.append(f"{side}: {reason if error.reason is Reason.NOT_FOUND else error}")
    if problems:
        return Finished(_not_fetched(row, "; ".join(problems)))
    try:
        for role in ROLES:
            if row.mask_area is not None if role != "alternative" else row.alternative_kind is not None:
                files[f"{role}.png"] = _map(manifest, row, role)
    except BadImage as error:
        return Finished(failed(row, Problem(error.reason, f"manifest: {error.detail}")))
    return Finished(row, files)


def _map(manifest: Place, row: Row, role: Role) -> bytes:
    name = map_name(row.key, role)
    try:
        data = manifest.read(name)
    except FileNotFoundError:
        raise BadImage(Reason.NOT_FOUND, f"{name}: no such file") from None
    except OSError as error:
        raise BadImage(Reason.UNREADABLE, f"{name}: {error}") from None
    shape = decode_map(data).shape
    if shape != (row.height, row.width):
        words = f"{name}: {shape[1]}x{shape[0]} pixels, the picture has {row.width}x{row.height}"
        raise BadImage(Reason.MASK_SIZE if role == "mask" else Reason.MAP_SIZE, words)
    return data


def _not_fetched(row: Row, detail: str) -> Row:
    """The row without what was found in pictures that are not there; it still says what bytes they must have."""
    return replace(failed(row, Problem(Reason.NOT_FETCHED, detail)), height=None, width=None)


def _failures(store: Place) -> dict[str, str]:
    """By the SHA-256 that was expected: why a link brought no picture."""
    why: dict[str, str] = {}
    for link in read_links(store):
        if link.path is None and link.expected_sha256:
            status = f" ({link.http_status})" if link.http_status and link.http_status != 200 else ""
            why[link.expected_sha256] = f"{link.reason}{status}"
    return why


def _info(manifest: Place) -> DatasetInfo:
    if not manifest.exists(MANIFEST):
        raise SettingError(f"{manifest} is no manifest: make one with webiml dataset export --format manifest.")
    record: dict[str, Any] = read_metadata(manifest, MANIFEST)
    try:
        for name in ("schema", "shard_pairs", "settings"):
            record[name] = json.loads(record[name])
        return DatasetInfo(**record)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{manifest}/{MANIFEST} was not written by webiml: {error}") from error
