"""Other thresholds on maps that are drawn already: what `webiml annotate` would say, without running a network."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from webiml import __version__
from webiml.datasets.carry import (
    failed,
    is_done,
    pass_on,
    read_files,
    refuse_inside,
    refuse_others,
    tombstones,
    without_removed,
)
from webiml.datasets.carry_reviews import CarriedReviews
from webiml.errors import MAX_DETAIL, BadImage, SettingError, one_line
from webiml.evidence.judge import SURE, Drawn, annotated, asked, decide, judge, segmenter_of
from webiml.images.codec import decode_map, encode_png
from webiml.images.decode import decode
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.settings import AnnotatorSettings
from webiml.store.dataset import DatasetInfo, dataset_info, read_member, read_rows, settings_digest
from webiml.store.dataset_writer import DatasetWriter
from webiml.store.place import Place
from webiml.store.reviews import Reviews, reviewed
from webiml.types import Annotation, Finished, Kind, Problem, Reason, Row, Status

THRESHOLDS = ("min_qes", "min_area", "max_area", "max_unknown")


@dataclass(frozen=True)
class Plan:
    """A dataset that can be judged again.

    Attributes:
        info: what it says of itself. old, new: what it was judged by, and will be. rows: how many it has.
    """

    place: Place
    info: DatasetInfo
    old: AnnotatorSettings
    new: AnnotatorSettings
    rows: int

    @property
    def settings(self) -> dict[str, Any]:
        """What a fresh run at the new thresholds would keep with its dataset."""
        return self.info.settings | {name: getattr(self.new, name) for name in THRESHOLDS}


@dataclass
class Judged:
    """What became of the rows. A row about which people decided counts as they decided."""

    kept: int = 0
    rejected: int = 0
    failed: int = 0
    resumed: int = 0
    """How many an earlier run of the same command had finished."""
    damaged: int = 0
    """Rows that fail now, since a file of theirs is not there or is damaged."""
    decided: int = 0
    """Rows that stay as people decided, whatever the thresholds."""
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(what it was, what it is) to rows, of those that changed: `kept`, `failed`, or the reason of a rejected row."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.kept + self.rejected + self.failed

    def add(self, before: Row, after: Row, reviews: Reviews) -> None:
        """Count one row, which the machine judged again."""
        before, after = reviewed(before, reviews), reviewed(after, reviews)
        self.decided += after.reviewed_by is not None
        name = Status(after.status).value
        setattr(self, name, getattr(self, name) + 1)
        self.damaged += after.status == Status.FAILED and before.status != Status.FAILED
        was, now = (row.reason if row.status == Status.REJECTED else row.status for row in (before, after))
        if was != now:
            self.changes[str(was), str(now)] += 1


def plan_filter(place: Place, thresholds: Mapping[str, float | None]) -> Plan:
    """What the dataset at `place` would be judged by at other thresholds; nothing is written.

    Args: thresholds: of THRESHOLDS; None, or what is missing, stays as it was.
    Raises:
        SettingError: it is no dataset, a threshold is out of its range, or some of its rows do not hold what is needed.
    """
    info = dataset_info(place)
    names = {one.name for one in dataclasses.fields(AnnotatorSettings)} - {"weights"}
    if not names <= info.settings.keys() or info.settings["method"] not in SURE:
        what = "is merged of datasets with other settings" if "mixed" in info.settings else "says no such settings"
        raise SettingError(f"{place} {what}: webiml dataset filter takes what webiml annotate has written.")
    try:
        old = AnnotatorSettings(**{name: info.settings[name] for name in names})
    except TypeError:
        raise SettingError(f"{place} has settings that are no numbers: it was not written by webiml.") from None
    new = replace(old, **{name: value for name, value in thresholds.items() if value is not None})
    rows = unfit = 0
    for row in read_rows(place):
        rows += 1
        unfit += not _can_be_judged(row, SURE[old.method])
    if unfit:
        some = "1 row" if unfit == 1 else f"{unfit:,} rows"
        raise SettingError(
            f"{some} of {place} cannot be judged again: their kind is uncertain, and the version of webiml that made "
            "them did not keep what the other segmenter drew. Annotate the pairs anew, at the thresholds wanted."
        )
    return Plan(place, info, old, new, rows)


def filter_dataset(
    plan: Plan, out: Path, workers: int = 1, on_row: Callable[[Row, Judged], None] | None = None
) -> Judged:
    """Write the dataset that `webiml annotate` would have made at the new thresholds, without running a network.

    What people decided comes along and counts, whatever the thresholds. A row about which somebody decided keeps the
    map that was looked at, also where the other segmenter's would win now.

    A run that was stopped goes on with the same call, to the same bytes but for times.

    Args: on_row: called with every row that is finished, in the order of the keys, and all counts so far.
    Raises:
        SettingError: `out` holds something else, lies in the dataset, or its decisions are damaged.
        OutputError: it cannot be written.
    """
    refuse_inside(out, [plan.place])
    removed = tombstones([plan.place, Place(str(out))])
    counts, reviews = Judged(), Reviews.read(plan.place)
    along = CarriedReviews([reviews])
    settings = plan.settings
    with DatasetWriter.open(
        out,
        format=cast(Literal["folder", "shards"], plan.info.format),
        shard_pairs=plan.info.shard_pairs,
        settings=settings,
        settings_hash=settings_digest(settings),
        package_version=__version__,
    ) as writer:
        pass_on(removed, out)

        def todo() -> Iterator[Row]:
            for row in read_rows(plan.place):
                row = without_removed(row, removed)
                if is_done(writer, row):
                    counts.resumed += 1
                    after = writer.entry(row.key).row
                    along.take(plan.place, row.key, after)
                    counts.add(row, after, reviews)
                else:
                    yield row

        for row, result in _judge_all(plan, todo(), workers, reviews, files=True):
            after = writer.add(result)
            along.take(plan.place, row.key, after)
            counts.add(row, after, reviews)
            if on_row is not None:
                on_row(after, counts)
        refuse_others(writer, counts.rows)
        along.write(Place(str(out)))
        writer.finish()
    return counts


def try_filter(plan: Plan, workers: int = 1, on_row: Callable[[Row, Judged], None] | None = None) -> Judged:
    """What would become of the rows; nothing is written."""
    counts, reviews = Judged(), Reviews.read(plan.place)
    for row, result in _judge_all(plan, read_rows(plan.place), workers, reviews, files=False):
        counts.add(row, result.row, reviews)
        if on_row is not None:
            on_row(result.row, counts)
    return counts


def _judge_all(
    plan: Plan, rows: Iterator[Row], workers: int, reviews: Reviews, files: bool
) -> Iterator[tuple[Row, Finished]]:
    judge_row = _Judge(plan, files, frozenset(reviews.keys()))
    with closing(run_ordered(judge_row, rows, workers, one_thread)) as results:
        for row, result in results:
            if isinstance(result, Crashed):
                result = Finished(failed(row, Problem(Reason.WORKER_DIED, result.detail[:MAX_DETAIL])))
            yield row, result


@dataclass(frozen=True)
class _Judge:
    """Judges one row again, in a worker process."""

    plan: Plan
    files: bool  # whether the files are wanted, too
    decided: frozenset[str]  # keys of rows whose map people have looked at

    def __call__(self, row: Row) -> Finished:
        if row.status == Status.FAILED:
            return Finished(row)
        try:
            return self._judged(row)
        except BadImage as error:
            return Finished(failed(row, Problem(error.reason, error.detail)))
        except Exception as error:  # no memory to decode, say
            return Finished(failed(row, Problem(Reason.INTERNAL_ERROR, one_line(error))))

    def _judged(self, row: Row) -> Finished:
        files = read_files(self.plan.place, row) if self.files else {}
        if row.mask_area is None:  # nothing was drawn: no threshold was asked
            return Finished(row, files)
        maps = {"probability.png": segmenter_of(Kind(row.kind))}
        if row.alternative_kind is not None:
            maps["alternative.png"] = segmenter_of(Kind(row.alternative_kind))
        drawn = {kind: self._drawn(row, files, name) for name, kind in maps.items()}
        found, before = (self._decided(row, drawn, settings) for settings in (self.plan.new, self.plan.old))
        if row.key in self.decided and segmenter_of(found.kind) is not maps["probability.png"]:
            found = self._as_looked_at(row, drawn)
        if self.files and segmenter_of(found.kind) is not maps["probability.png"]:
            files["probability.png"], files["alternative.png"] = files["alternative.png"], files["probability.png"]
            levels = drawn[segmenter_of(found.kind)].levels
            files["mask.png"] = encode_png(np.where(levels >= 128, 255, 0).astype(np.uint8))
        return Finished(annotated(row, found, self._notes(row, before, files)), files)

    def _drawn(self, row: Row, files: Mapping[str, bytes], name: str) -> Drawn:
        """One of the maps of a row, as its segmenter drew it."""
        other = name == "alternative.png"
        data = files.get(name) or read_member(self.plan.place, row, "alternative" if other else "probability")
        size = (row.height or 0, row.width or 0)
        levels = decode_map(data, max(1, size[0] * size[1]))
        if levels.shape != size:
            raise BadImage(Reason.MAP_SIZE, f"{name} is {levels.shape[1]}x{levels.shape[0]}, its row says otherwise")
        transform = row.alternative_transform if other else row.transform
        unknown = row.alternative_unknown_fraction if other else row.unknown_fraction
        return Drawn(levels, None if transform is None else np.reshape(transform, (3, 3)), unknown)

    def _decided(self, row: Row, drawn: Mapping[Kind, Drawn], settings: AnnotatorSettings) -> Annotation:
        if row.kind_probabilities is None:  # a sure row of a version that did not keep them
            kind = Kind(row.kind)
            return judge(kind, row.kind_confidence or 0.0, drawn[segmenter_of(kind)], settings)
        likely = dict(zip(Kind, row.kind_probabilities, strict=True))
        return decide(likely, SURE[settings.method], drawn.__getitem__, settings)

    def _as_looked_at(self, row: Row, drawn: Mapping[Kind, Drawn]) -> Annotation:
        """The row judged with the map that it has, though the other one would win."""
        likely = dict(zip(Kind, row.kind_probabilities or (), strict=False))
        mine, other = (
            judge(kind, likely.get(kind, 0.0), drawn[segmenter_of(kind)], self.plan.new)
            for kind in (Kind(row.kind), Kind(row.alternative_kind))
        )
        return replace(mine, kind_probabilities=likely, alternative=other)

    def _notes(self, row: Row, before: Annotation, files: Mapping[str, bytes]) -> str:
        """What was noticed while the pictures were decoded: it stands behind the annotator's words in the detail."""
        detail = row.detail or ""
        if not before.detail or detail == before.detail:
            return detail[len(before.detail) :]
        if detail.startswith(f"{before.detail}; "):
            return detail[len(before.detail) + 2 :]
        # Another version had other words: look at the pictures again
        notes = []
        for role in ("authentic", "manipulated"):
            data = next((data for name, data in files.items() if name.startswith(role)), None)
            note = decode(
                data or read_member(self.plan.place, row, role), round(self.plan.old.max_megapixels * 1e6)
            ).note
            notes += [f"{role}: {note}"] if note else []
        return "; ".join(notes)


def _can_be_judged(row: Row, sure: float) -> bool:
    """Whether a row holds all that other thresholds could ask for."""
    if row.status == Status.FAILED or row.mask_area is None:
        return True
    kinds = {kind.value: kind for kind in Kind}
    if row.kind not in kinds or not (row.alternative_kind is None or row.alternative_kind in kinds):
        return False
    if any(transform is not None and len(transform) != 9 for transform in (row.transform, row.alternative_transform)):
        return False
    there = {segmenter_of(kinds[kind]) for kind in (row.kind, row.alternative_kind) if kind is not None}
    if row.kind_probabilities is None:
        return row.kind_confidence is not None and row.kind_confidence >= sure
    if len(row.kind_probabilities) != len(Kind) or None in row.kind_probabilities:
        return False
    return set(asked(dict(zip(Kind, row.kind_probabilities, strict=True)), sure)) <= there
