"""Many pairs of files in, one dataset out: the annotator over every pair, and whatever goes wrong as a row."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from webiml import __version__
from webiml.annotate.provenance import networks, provenance
from webiml.errors import MAX_DETAIL, BadImage, SettingError, one_line
from webiml.evidence.judge import annotated
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.store.dataset import DatasetWriter
from webiml.store.links import read_picture
from webiml.store.place import open_place
from webiml.store.removed import read_removed
from webiml.store.removed_rows import Wanted, by_tombstones, pair_without
from webiml.types import Annotation, Finished, Pair, Problem, Reason, Row, Status, Stored

AnnotatePair = Callable[[np.ndarray, np.ndarray], Annotation]
"""(authentic, manipulated), RGB uint8 (H, W, 3) each, to an Annotation."""


@dataclass
class Counts:
    """What became of the inputs of a run, those that were finished before it included."""

    kept: int = 0
    rejected: int = 0
    failed: int = 0
    resumed: int = 0
    """How many of them were finished before this run."""
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    changed: bool = False
    """Whether the run wrote anything into the dataset."""

    @property
    def inputs(self) -> int:
        """Rows of all three kinds: as many as the inputs."""
        return self.kept + self.rejected + self.failed

    def add(self, row: Row) -> None:
        """Count one row."""
        name = Status(row.status).value
        setattr(self, name, getattr(self, name) + 1)
        if row.reason is not None:
            self.reasons[row.reason] += 1
        if row.kind is not None:
            self.kinds[row.kind] += 1


def annotate_dataset(
    pairs: Sequence[Pair],
    out: Path,
    settings: AnnotatorSettings,
    run: AnnotateRun,
    on_row: Callable[[Row], None] | None = None,
    *,
    on_resume: Callable[[Counts], None] | None = None,
    annotator: Callable[[AnnotatorSettings], AnnotatePair] | None = None,
) -> Counts:
    """Annotate `pairs` into the dataset at `out`: one row for every pair, whatever it holds.

    A run that was stopped, killed or out of disk goes on with the same call, does no finished pair again and ends with
    the same bytes but for times. The result does not depend on `run.workers`.

    Args:
        pairs: with unique keys; done in the order of their keys.
        on_row: called with every row when it is finished and safe on the disk, in the order of the keys.
        on_resume: called once before work starts, with the counts of what was finished before.
        annotator: picklable; makes the annotator in each worker process. By default `Annotator(settings)`.
    Raises:
        SettingError: `out` holds something else, was made with other settings or from other files, or is being written
            by another run. Nothing has been touched.
        OutputError: `out` cannot be written, or not any more; what is finished stays.
    """
    counts = Counts()
    decided_by, settings_hash = provenance(settings)
    with DatasetWriter.open(
        out,
        format=run.format,
        shard_pairs=run.shard_pairs,
        settings=decided_by,
        settings_hash=settings_hash,
        package_version=__version__,
    ) as dataset:
        again: set[str] = set()  # pairs whose pictures a store has got since
        for pair in pairs:
            if pair.key in dataset.done:
                entry = dataset.entry(pair.key)
                if entry.row.reason == Reason.NOT_FETCHED and pair.problem is None:
                    again.add(pair.key)
                    continue
                _refuse_other_input(pair, entry.row, entry.sizes, out)
                counts.add(entry.row)
                counts.resumed += 1
        if on_resume is not None:
            on_resume(counts)
        removed = by_tombstones(read_removed(open_place(out)))
        finished = dataset.done - again
        todo = _without_clashes(sorted((p for p in pairs if p.key not in finished), key=_key), finished)
        start = partial(_start_worker, settings, annotator or _default_annotator, removed)
        with closing(run_ordered(annotate_pair_files, todo, run.workers or usable_cores(), start)) as results:
            for pair, result in results:
                row = dataset.add(_died(pair, result) if isinstance(result, Crashed) else result)
                counts.add(row)
                if on_row is not None:
                    on_row(row)
        counts.changed = dataset.finish()
    return counts


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


# What a worker process holds from pair to pair; set by `_start_worker`.
_annotator: AnnotatePair
_max_pixels: int
_weights: str  # name:digest of each network, separated by blanks
_removed: Wanted  # what was taken out of this dataset and must not come back


def _start_worker(
    settings: AnnotatorSettings,
    factory: Callable[[AnnotatorSettings], AnnotatePair],
    removed: Wanted = Wanted(frozenset()),  # noqa: B008 (frozen)
) -> None:
    global _annotator, _max_pixels, _weights, _removed
    one_thread()
    _removed = removed
    _annotator = factory(settings)
    _max_pixels = round(settings.max_megapixels * 1e6)
    _weights = " ".join(f"{name}:{digest}" for name, digest in networks(settings).items())


def _default_annotator(settings: AnnotatorSettings) -> AnnotatePair:
    from webiml.annotate.annotator import Annotator  # in the workers only: the parent stays small

    return Annotator(settings)


def _refuse_other_input(pair: Pair, row: Row, sizes: dict[str, int], out: Path) -> None:
    """A finished key whose input is now another one must not pass as done."""
    if row.reason == Reason.REMOVED:  # nothing is left that could be compared
        return
    changed = row.name != pair.name
    for role, path in (("authentic", pair.authentic), ("manipulated", pair.manipulated)):
        stored = next((size for name, size in sizes.items() if name.partition(".")[0] == role), None)
        try:
            changed = changed or (stored is not None and path is not None and _size(path) != stored)
        except OSError:
            continue  # gone since: its row stays as it was made
    if changed:
        raise SettingError(f"{out} has a finished pair {pair.key} that was made from other files: give another --out.")


def _size(path: Path | Stored) -> int:
    return path.size if isinstance(path, Stored) else path.stat().st_size


def _without_clashes(pairs: Sequence[Pair], done: Iterable[str]) -> list[Pair]:
    """Fail pairs whose key is a finished one but for upper and lower case: on some disks their files would be one."""
    folded = {key.casefold() for key in done} if pairs else set()
    words = "differs only by upper and lower case from a pair that the dataset has: annotate it into another --out"
    clash = Problem(Reason.DUPLICATE_KEY, words)
    return [replace(pair, problem=clash) if pair.key.casefold() in folded else pair for pair in pairs]


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


def _died(pair: Pair, crashed: Crashed) -> Finished:
    return Finished(_failed(_row(pair), Problem(Reason.WORKER_DIED, crashed.detail[:MAX_DETAIL])))


def _key(pair: Pair) -> str:
    return pair.key
