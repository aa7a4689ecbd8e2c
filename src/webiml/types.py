"""The words of the project: what flows from a pair of pictures to a mask that can be trusted.

Arrays are RGB uint8 (H, W, 3); sizes are (H, W); points are (x, y) in pixels with the first pixel's centre at (0, 0).

    authentic, manipulated  the two pictures of a pair; the mask belongs to the manipulated one
    SPG                     shared probe group: the authentic picture is the background that was edited
    SDG                     shared donor group: the authentic picture gave the pasted object
    probability             float32 (H, W) in [0, 1], P(pixel is manipulated), at the manipulated picture's size
    mask                    bool (H, W), probability >= 128/255
    validity                bool (H, W), where the aligned authentic picture has something to say
    localization            what a localizer says of one picture: probability, confidence and score
    QES                     share of the suspected area about which the annotator is sure (metrics/qes.py)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Kind(StrEnum):
    """How the two pictures of a pair are related."""

    SPG = "SPG"
    SDG = "SDG"
    IDENTICAL = "identical"
    UNRELATED = "unrelated"


class Status(StrEnum):
    """What became of an input."""

    KEPT = "kept"
    REJECTED = "rejected"  # we looked and are not sure
    FAILED = "failed"  # could not be read or run


class Reason(StrEnum):
    """Why a row is not kept. Closed: readers may rely on it; free text goes into `detail`."""

    # rejected
    IDENTICAL = "identical"
    UNRELATED = "unrelated"
    KIND_UNCERTAIN = "kind_uncertain"  # no kind is probable enough, and neither segmenter is sure
    UNKNOWN_AREA = "unknown_area"  # the authentic picture covers too little of the manipulated one
    NOTHING_FOUND = "nothing_found"  # no pixel reaches 1/16
    LOW_QES = "low_qes"
    TOO_SMALL_AREA = "too_small_area"
    TOO_LARGE_AREA = "too_large_area"
    # failed
    MISSING_AUTHENTIC = "missing_authentic"
    MISSING_MANIPULATED = "missing_manipulated"
    AMBIGUOUS = "ambiguous"  # two files claim the same place
    DUPLICATE_KEY = "duplicate_key"
    BAD_ROW = "bad_row"  # a row of a table that cannot be understood
    IS_URL = "is_url"
    NOT_FOUND = "not_found"
    OUTSIDE_FOLDER = "outside_folder"  # a link that leaves the folder that was given
    SYMLINK_LOOP = "symlink_loop"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_SMALL = "too_small"
    MASK_SIZE = "mask_size"  # a published mask has another size than its picture
    MAP_SIZE = "map_size"  # a saved map has another size than its picture
    WORKER_DIED = "worker_died"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an input could not be used: one reason of the closed list, and words for a person."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One input as it was listed: nothing has been opened yet.

    `key` is safe as a file name, unique and made from `name`, the input's own name. A pair that cannot
    be used carries its `problem` and still becomes a row.
    """

    key: str
    name: str
    authentic: Path | None
    manipulated: Path | None
    problem: Problem | None = None
    root: Path | None = None  # a file whose real path leaves this folder is refused; None: any path is allowed
    source: str = ""
    license: str = ""
    author: str = ""
    authentic_url: str = ""
    manipulated_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)  # carried into the row as input.<name>, never read


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the annotator says of one pair of pictures.

    Attributes:
        probability: (H, W) float32 in [0, 1] in steps of 1/255, at the manipulated picture's size; None when nothing
            was segmented.
        transform: 3x3 float64, maps authentic points (x, y) to manipulated points; None when there is no alignment.
        unknown_fraction: share of the manipulated picture that the aligned authentic one does not cover, [0, 1].
        mask_area: share of the picture inside the mask, [0, 1]. components: 8-connected parts of the mask.
    """

    status: Status
    reason: Reason | None
    detail: str
    kind: Kind
    kind_confidence: float
    probability: np.ndarray | None = None
    transform: np.ndarray | None = None
    unknown_fraction: float | None = None
    qes: float | None = None
    mask_area: float | None = None
    components: int | None = None

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool, True where manipulated: the stored 8-bit probability is at least 128."""
        if self.probability is None:
            return None
        return (self.probability * 255).round() >= 128


@dataclass(frozen=True, slots=True)
class Localization:
    """What a localizer says of one picture.

    Attributes:
        probability: (H, W) float32 in [0, 1], P(pixel is manipulated), at the picture's own size.
        confidence: (H, W) float32 in [0, 1], P(the pixel is on the right side of 0.5).
        score: P(the picture holds a manipulated area), [0, 1].
        threshold: what counts as manipulated begins at this probability.
    """

    probability: np.ndarray
    confidence: np.ndarray
    score: float
    threshold: float = 0.5

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, True where manipulated: the stored 8-bit probability is at least 255 thresholds, rounded."""
        return (self.probability * 255).round() >= math.floor(255 * self.threshold + 0.5)

    @property
    def area(self) -> float:
        """Share of the picture inside the mask, [0, 1]."""
        return float(self.mask.mean())


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `annotations.parquet`: every input has exactly one. Further columns of a table follow as `input.*`."""

    key: str
    """File-name safe, unique in the dataset; names the pair's files."""
    name: str
    """The input's own name, as it was given."""
    status: str
    """kept, rejected (looked at, not sure) or failed (could not be read or run)."""
    reason: str | None = None
    """Why it is not kept, one of a closed list; null when kept."""
    detail: str | None = None
    """Free text for a person: what was wrong, or what was noticed while decoding."""
    kind: str | None = None
    """SPG, SDG, identical or unrelated; null only when the pair could not be read."""
    kind_confidence: float | None = None
    """How sure the kind is, [0, 1]."""
    transform: list[float] | None = None
    """Row-major 3x3 map of authentic points to manipulated points (x, y, pixels); null when not aligned."""
    unknown_fraction: float | None = None
    """Share of the manipulated picture that the aligned authentic one does not cover, [0, 1]; SPG only."""
    qes: float | None = None
    """Quality Evaluation Score of the stored 8-bit map: pixels >= 240 over pixels >= 16; null when none is >= 16."""
    mask_area: float | None = None
    """Share of the picture inside the mask, [0, 1]; null when nothing was segmented."""
    components: int | None = None
    """8-connected parts of the mask."""
    height: int | None = None
    """Height in pixels of the manipulated picture, after its EXIF rotation; the masks have this size."""
    width: int | None = None
    """Width in pixels of the manipulated picture."""
    authentic_path: str | None = None
    """Where the authentic bytes lie, relative to the dataset (in a shard: the member's name); null when not read."""
    manipulated_path: str | None = None
    """Where the manipulated bytes lie, relative to the dataset (in a shard: the member's name)."""
    shard: str | None = None
    """The tar file that holds the pair; null in a folder dataset."""
    authentic_sha256: str | None = None
    """SHA-256 of the authentic file's bytes."""
    manipulated_sha256: str | None = None
    """SHA-256 of the manipulated file's bytes."""
    source: str | None = None
    """Where the pair comes from, as the input said."""
    license: str | None = None
    """Licence of the pictures, as the input said."""
    author: str | None = None
    """Author, as the input said."""
    authentic_url: str | None = None
    """Address of the authentic picture, as the input said; never fetched here."""
    manipulated_url: str | None = None
    """Address of the manipulated picture, as the input said; never fetched here."""
    annotated_at: str | None = None
    """When the pair was finished, UTC, ISO 8601, seconds. The one column that differs between two equal runs."""
    weights: str | None = None
    """Names and hashes of the networks that were used; empty for --method prior."""
    settings_hash: str | None = None
    """First 16 hex digits of the SHA-256 of the settings that decide results (file metadata holds the settings)."""
    package_version: str | None = None
    """Version of webiml."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further columns of the input table; column `input.<name>` each."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One input when its work is done: its row, and the files that belong to it."""

    row: Row
    files: dict[str, bytes] = field(default_factory=dict)
    """By role and ending: authentic.<ext>, manipulated.<ext>, mask.png, probability.png; empty when it failed."""
