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

import importlib
import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


THUMBNAIL_SIDE = 512  # pixels, the longer side of the thumbnail that an annotation or a localization keeps


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
    # rejected by a person, see store/reviews.py
    WRONG_MASK = "wrong_mask"
    NOT_A_PAIR = "not_a_pair"
    NOT_MANIPULATED = "not_manipulated"
    CHANGED_ALL_OVER = "changed_all_over"
    UNCLEAR = "unclear"
    OTHER_FAULT = "other_fault"
    DISPUTED = "disputed"  # one person accepts it, another rejects it
    # failed
    MISSING_AUTHENTIC = "missing_authentic"
    MISSING_MANIPULATED = "missing_manipulated"
    AMBIGUOUS = "ambiguous"  # two files claim the same place
    DUPLICATE_KEY = "duplicate_key"
    BAD_ROW = "bad_row"  # a row of a table that cannot be understood
    IS_URL = "is_url"
    NOT_FOUND = "not_found"
    OUTSIDE_FOLDER = "outside_folder"  # a link that leaves the folder that was given
    NOT_FETCHED = "not_fetched"  # a link of the pair was not fetched into the store
    REMOVED = "removed"  # taken out of the data at somebody's request
    OTHER_BYTES = "other_bytes"  # the stored bytes are not those that their SHA-256 names
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


class LinkStatus(StrEnum):
    """What became of a link."""

    FETCHED = "fetched"
    UNCHANGED = "unchanged"  # asked again: the server, or the bytes, say that it is still the same
    REFUSED = "refused"  # not asked for, or not kept: we may not, or were asked not to
    FAILED = "failed"  # it could not be had, or is no picture


class LinkReason(StrEnum):
    """Why a link brought no picture. Closed: readers may rely on it, and `--retry` takes these words."""

    # refused
    ROBOTS = "robots"
    OPTED_OUT = "opted_out"  # its server says noai, noimageai, noindex, or reserves text and data mining
    PRIVATE_ADDRESS = "private_address"  # its host, or one that it leads to, is no public one
    BAD_ADDRESS = "bad_address"  # not http or https, no host, or a password in it
    REMOVED = "removed"  # taken out of the store at somebody's request
    # failed
    GONE = "gone"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    HTTP_ERROR = "http_error"
    NO_SUCH_HOST = "no_such_host"
    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    TOO_BIG = "too_big"
    CUT_SHORT = "cut_short"  # fewer bytes came than were announced
    TOO_MANY_REDIRECTS = "too_many_redirects"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    BAD_IMAGE = "bad_image"  # it begins as a picture does, but its header cannot be read
    TOO_MANY_PIXELS = "too_many_pixels"
    HASH_MISMATCH = "hash_mismatch"
    NOT_FOUND = "not_found"  # a file of a folder that cannot be read
    BAD_ROW = "bad_row"  # a row of the source that cannot be understood
    LOST = "lost"  # its picture was in the store and is damaged or gone; the next run asks for it again
    WORKER_DIED = "worker_died"  # three workers of a cluster, one after the other, while they asked for it and others
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Link:
    """One picture that a source names.

    Attributes:
        name: the picture's own name in its source; with group and role it tells one link from another.
        group: pictures that were made from one authentic picture share it.
        url: its address, as the source says; empty where `path` names a file.
        sha256: what its bytes must have, 64 hex digits; empty where the source says none.
        source, license, author, page: as the source says; `page` is where a person finds the picture.
        extra: further columns, kept as `input.<name>`, never read.
        problem: why this row of the source cannot be understood, in words; it still becomes a row.
        path: a file on this machine instead of an address.
    """

    name: str
    group: str
    role: Literal["authentic", "manipulated"]
    url: str = ""
    sha256: str = ""
    source: str = ""
    license: str = ""
    author: str = ""
    page: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in a store, on this machine or elsewhere.

    Attributes:
        store: the store's folder or its address, such as s3://bucket/store.
        name: where the picture lies in the store. sha256: of its bytes. size: of its bytes.
    """

    store: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One input as it was listed: nothing has been opened yet.

    `key` is safe as a file name, unique and made from `name`, the input's own name. A pair that cannot
    be used carries its `problem` and still becomes a row.
    """

    key: str
    name: str
    authentic: Path | Stored | None
    manipulated: Path | Stored | None
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
        kind_probabilities: how probable each kind is, [0, 1]; a kind that is missing is not.
        alternative: what the other segmenter says, where the kind is uncertain and both were asked.
        thumbnail: (h, w, 3) uint8, the manipulated picture with its long side at most 512, for a notebook; None when
            nobody kept it.
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
    kind_probabilities: dict[Kind, float] = field(default_factory=dict)
    alternative: Annotation | None = None
    thumbnail: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool, True where manipulated: the stored 8-bit probability is at least 128."""
        if self.probability is None:
            return None
        return (self.probability * 255).round() >= 128

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return _notebook().annotation_html(self)

    def _repr_png_(self) -> bytes | None:
        """The same as one picture, where a notebook becomes a document of another kind."""
        return _notebook().annotation_png(self)


@dataclass(frozen=True, slots=True)
class Localization:
    """What a localizer says of one picture.

    Attributes:
        probability: (H, W) float32 in [0, 1], P(pixel is manipulated), at the picture's own size.
        confidence: (H, W) float32 in [0, 1], P(the pixel is on the right side of 0.5).
        score: P(the picture holds a manipulated area), [0, 1].
        threshold: what counts as manipulated begins at this probability.
        thumbnail: (h, w, 3) uint8, the picture with its long side at most 512, for a notebook; None when nobody kept
            it.
    """

    probability: np.ndarray
    confidence: np.ndarray
    score: float
    threshold: float = 0.5
    thumbnail: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, True where manipulated: the stored 8-bit probability is at least 255 thresholds, rounded."""
        return (self.probability * 255).round() >= math.floor(255 * self.threshold + 0.5)

    @property
    def area(self) -> float:
        """Share of the picture inside the mask, [0, 1]."""
        return float(self.mask.mean())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return _notebook().localization_html(self)

    def _repr_png_(self) -> bytes | None:
        """The same as one picture, where a notebook becomes a document of another kind."""
        return _notebook().localization_png(self)


def _notebook() -> Any:
    """What draws for a notebook; it lies far above this module and is looked up when somebody wants to see it."""
    return importlib.import_module("webiml.report.notebook")


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
    kind_probabilities: list[float] | None = None
    """How probable SPG, SDG, identical and unrelated are, in this order, [0, 1]; null when it could not be read."""
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
    alternative_kind: str | None = None
    """The other kind whose segmenter was asked, since no kind was sure; its map is in alternative/."""
    alternative_transform: list[float] | None = None
    """Of the alternative, what `transform` is of the row."""
    alternative_unknown_fraction: float | None = None
    """Of the alternative, what `unknown_fraction` is of the row."""
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
    reviewed_by: str | None = None
    """Who decided about the row, names in their order with `, ` between them; null where nobody did. This and the four
    below are null in annotations.parquet: decisions lie in reviews.jsonl, and readers lay them over the row."""
    reviewed_at: str | None = None
    """When the newest of these decisions was taken, UTC, ISO 8601, milliseconds."""
    machine_status: str | None = None
    """What `status` was before anybody decided."""
    machine_reason: str | None = None
    """What `reason` was before anybody decided."""
    drawn_mask: str | None = None
    """SHA-256 of the mask that a person drew, reviews/<sha256>.png; null where the machine's mask stands."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further columns of the input table; column `input.<name>` each."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One input when its work is done: its row, and the files that belong to it."""

    row: Row
    files: dict[str, bytes] = field(default_factory=dict)
    """By role and ending: authentic.<ext>, manipulated.<ext>, mask.png, probability.png; empty when it failed."""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One row of `links/NNNNNN.parquet`: every link that a run of `webiml collect` tried has exactly one.

    Further columns of a source follow as `input.*`.
    """

    link: str
    """Tells one link from another: first 16 hex digits of the SHA-256 of group, role and name."""
    name: str
    """The picture's own name in its source."""
    group: str
    """Pictures that were made from one authentic picture share it."""
    role: str
    """authentic or manipulated."""
    url: str
    """Its address, as the source says; empty of a file of a folder."""
    status: str
    """fetched, unchanged (asked again, still the same), refused (we may not) or failed (it could not be had)."""
    reason: str | None = None
    """Why there is no picture, one of a closed list; null when fetched or unchanged."""
    detail: str | None = None
    """Free text for a person."""
    final_url: str | None = None
    """Where redirects ended; null when there was none."""
    http_status: int | None = None
    """Last status that a server gave."""
    redirects: int | None = None
    """Redirects that were followed."""
    attempts: int | None = None
    """Times that it was asked for in this run; 0 when it never was."""
    sha256: str | None = None
    """SHA-256 of its bytes, which names them in the store; null when there are none."""
    bytes: int | None = None
    """How many bytes it has."""
    path: str | None = None
    """Where the bytes lie, relative to the store."""
    height: int | None = None
    """Height in pixels, after its EXIF rotation, as its header says."""
    width: int | None = None
    """Width in pixels."""
    content_type: str | None = None
    """What the server called it; not believed."""
    etag: str | None = None
    """The server's name for these bytes, for asking again."""
    last_modified: str | None = None
    """The server's time for these bytes, for asking again."""
    fetched_at: str | None = None
    """When the link was finished, UTC, ISO 8601, seconds."""
    expected_sha256: str | None = None
    """What the source says its bytes must have."""
    source: str | None = None
    """Where the link comes from, as the source says."""
    license: str | None = None
    """Licence of the picture, as the source says."""
    author: str | None = None
    """Author, as the source says."""
    page: str | None = None
    """Where a person finds the picture, as the source says."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further columns of the source; column `input.<name>` each."""
