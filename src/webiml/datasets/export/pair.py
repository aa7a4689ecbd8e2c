"""One pair of a dataset, read and checked, and what a format makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.errors import BadImage
from webiml.images.codec import decode_map
from webiml.images.sniff import looks_like, sniff
from webiml.store.dataset import DatasetInfo, Role, read_member
from webiml.store.place import Place
from webiml.types import Reason, Row

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class PairFiles:
    """The files of one pair, as they lie in the dataset.

    Attributes:
        files: bytes by role; a map that the pair does not have is not among them.
        endings: of the pictures, by role: ".jpg", ".png", ... as their bytes say. sha256: of the pictures, by role.
        mask: (H, W) uint8, 0 or 255; None where nothing was segmented, or the mask was not asked for.
        machine: the row without what people decided; None where it was not asked for.
    """

    row: Row
    files: dict[str, bytes]
    endings: dict[str, str]
    sha256: dict[str, str]
    mask: np.ndarray | None = None
    machine: Row | None = None


@dataclass(frozen=True, slots=True)
class Laid:
    """One pair as it goes into an export.

    Attributes:
        own: files that belong to the pair alone, by their names in the export. shared: those that pairs may share.
        members: what goes into an archive, by name. note: whatever else the format needs of the pair.
    """

    row: Row
    own: dict[str, bytes] = field(default_factory=dict)
    shared: dict[str, bytes] = field(default_factory=dict)
    members: dict[str, bytes] = field(default_factory=dict)
    note: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is exported, and how.

    Attributes:
        dataset: name of the dataset. info: what the dataset says of itself.
        schema: of its table, as this version writes it.
        shard_pairs: pairs that an archive holds.
    """

    dataset: str
    info: DatasetInfo
    schema: pa.Schema
    shard_pairs: int

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the dataset's table."""
        return list(self.schema.names)


class Unfit(Exception):
    """A pair that this format cannot hold: one word for the count, and words for a person."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(word, detail)
        self.word, self.detail = word, detail


def read_pair(dataset: Place, row: Row, roles: Sequence[Role], machine: Row | None = None) -> PairFiles:
    """The files of one pair, checked: bytes have the row's SHA-256, maps are whole and have the row's size.

    Args:
        roles: what is wanted. Maps that the row says it does not have are left out.
        machine: the row without what people decided, where that is another one: it says which maps there are.
    Raises:
        BadImage: a file is missing or damaged.
    """
    files: dict[str, bytes] = {}
    endings: dict[str, str] = {}
    hashes: dict[str, str] = {}
    mask = None
    for role in roles:
        if not _has(row if role == "mask" else machine or row, role):
            continue
        data = files[role] = read_member(dataset, row, role)
        if role in ("authentic", "manipulated"):
            hashes[role], endings[role] = _checked_picture(row, role, data)
            continue
        levels = decode_map(data)
        if row.height is not None and levels.shape != (row.height, row.width):
            words = f"{role}: {levels.shape[1]}x{levels.shape[0]} pixels, the picture has {row.width}x{row.height}"
            raise BadImage(Reason.MASK_SIZE if role == "mask" else Reason.MAP_SIZE, words)
        if role == "mask":
            mask = levels
    return PairFiles(row, files, endings, hashes, mask)


def _has(row: Row, role: Role) -> bool:
    if role == "alternative":
        return row.alternative_kind is not None
    return role in ("authentic", "manipulated") or row.mask_area is not None


def _checked_picture(row: Row, role: Role, data: bytes) -> tuple[str, str]:
    wanted = row.authentic_sha256 if role == "authentic" else row.manipulated_sha256
    digest = hashlib.sha256(data).hexdigest()
    if wanted is not None and digest != wanted:
        raise BadImage(Reason.OTHER_BYTES, f"{role}: the stored bytes are not those of the row's SHA-256")
    found = sniff(data)
    if found is None:
        raise BadImage(Reason.NOT_AN_IMAGE, f"{role}: looks like {looks_like(data)}")
    return digest, found.extension
