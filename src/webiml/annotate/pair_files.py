"""One pair of files to its row and its files: what a worker process does, of either runner."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from webiml.annotate.provenance import networks
from webiml.errors import MAX_DETAIL, BadImage, one_line
from webiml.evidence.judge import annotated
from webiml.runners.cores import one_thread
from webiml.settings import AnnotatorSettings
from webiml.store.links import read_picture
from webiml.store.removed_rows import Wanted, pair_without
from webiml.types import Annotation, Finished, Pair, Problem, Reason, Row, Status, Stored

AnnotatePair = Callable[[np.ndarray, np.ndarray], Annotation]
"""(authentic, manipulated), RGB uint8 (H, W, 3) each, to an Annotation."""

Factory = Callable[[AnnotatorSettings], AnnotatePair]
"""Makes the annotator in each worker process; picklable."""


def annotate_pair_files(pair: Pair) -> Finished:
    """Read, decode and annotate one pair, in a worker process. What goes wrong is the row's reason, never raised."""
    try:
        return _annotate(pair)
    except Exception as error:  # no memory to decode, say
        return Finished(_failed(_row(pair), Problem(Reason.INTERNAL_ERROR, one_line(error))))


def _annotate(pair: Pair) -> Finished:
    from webiml.images.codec import encode_png, to_8bit

    row = _row(pair)
    if (left := pair_without(row, _removed)) is not row:
        return Finished(left)
    if pair.problem is not None:
        return Finished(_failed(row, pair.problem))
    authentic, manipulated = _side(pair.authentic, pair, "authentic"), _side(pair.manipulated, pair, "manipulated")
    row = replace(row, authentic_sha256=authentic.sha256, manipulated_sha256=manipulated.sha256)
    if (left := pair_without(row, _removed)) is not row:
        return Finished(left)
    if manipulated.rgb is not None:
        row = replace(row, height=manipulated.rgb.shape[0], width=manipulated.rgb.shape[1])
    if authentic.rgb is None or manipulated.rgb is None:
        problems = [side.problem for side in (authentic, manipulated) if side.problem is not None]
        return Finished(_failed(row, Problem(problems[0].reason, "; ".join(problem.detail for problem in problems))))

    files = {f"authentic{authentic.extension}": authentic.data, f"manipulated{manipulated.extension}": manipulated.data}
    try:
        found = _annotator(authentic.rgb, manipulated.rgb)
        if found.probability is not None:
            levels = to_8bit(found.probability)
            files["mask.png"] = encode_png(np.where(levels >= 128, 255, 0).astype(np.uint8))
            files["probability.png"] = encode_png(levels)
        if found.alternative is not None and found.alternative.probability is not None:
            files["alternative.png"] = encode_png(to_8bit(found.alternative.probability))
    except Exception as error:  # a bug of ours, or no memory: one row, not the end of the run
        return Finished(_failed(row, Problem(Reason.INTERNAL_ERROR, one_line(error))))
    notes = "; ".join(filter(None, (authentic.note, manipulated.note)))
    return Finished(annotated(replace(row, weights=_weights), found, notes), files)


@dataclass(frozen=True, slots=True)
class _Side:
    """One picture of a pair: its pixels, or the problem with them."""

    data: bytes = b""
    sha256: str | None = None
    rgb: np.ndarray | None = None
    extension: str = ""
    note: str = ""
    problem: Problem | None = None


def _side(path: Path | Stored | None, pair: Pair, name: str) -> _Side:
    from webiml.images.decode import decode
    from webiml.images.read import read_bytes

    if path is None:
        reason = Reason.MISSING_AUTHENTIC if name == "authentic" else Reason.MISSING_MANIPULATED
        return _Side(problem=Problem(reason, f"{name}: no file was given"))
    sha256 = None
    try:
        if isinstance(path, Stored):
            data = read_picture(path.store, path.name, path.sha256)
        else:
            data = read_bytes(path, pair.root)
        sha256 = hashlib.sha256(data).hexdigest()
        picture = decode(data, _max_pixels)
    except BadImage as error:
        return _Side(sha256=sha256, problem=Problem(error.reason, f"{name}: {error.detail or error.reason.value}"))
    return _Side(data, sha256, picture.rgb, picture.extension, f"{name}: {picture.note}" if picture.note else "")


# What a worker process holds from pair to pair; set by `start_worker`.
_annotator: AnnotatePair
_max_pixels: int
_weights: str  # name:digest of each network, separated by blanks
_removed: Wanted  # what was taken out of this dataset and must not come back


def start_worker(
    settings: AnnotatorSettings,
    factory: Factory,
    removed: Wanted = Wanted(frozenset()),  # noqa: B008 (frozen)
) -> None:
    """Make this process ready for `annotate_pair_files`: loads what the annotator needs."""
    global _annotator, _max_pixels, _weights, _removed
    one_thread()
    _removed = removed
    _annotator = factory(settings)
    _max_pixels = round(settings.max_megapixels * 1e6)
    _weights = " ".join(f"{name}:{digest}" for name, digest in networks(settings).items())


def default_annotator(settings: AnnotatorSettings) -> AnnotatePair:
    """What `webiml annotate` takes."""
    from webiml.annotate.annotator import Annotator  # in the workers only: the parent stays small

    return Annotator(settings)


def _row(pair: Pair) -> Row:
    return Row(
        key=pair.key,
        name=pair.name,
        status=Status.FAILED.value,
        source=pair.source or None,
        license=pair.license or None,
        author=pair.author or None,
        authentic_url=pair.authentic_url or None,
        manipulated_url=pair.manipulated_url or None,
        extra=dict(pair.extra),
    )


def _failed(row: Row, problem: Problem) -> Row:
    return replace(row, status=Status.FAILED.value, reason=problem.reason.value, detail=problem.detail or None)


def died(pair: Pair, detail: str) -> Finished:
    """The row of a pair that killed its worker process."""
    return Finished(_failed(_row(pair), Problem(Reason.WORKER_DIED, detail[:MAX_DETAIL])))
