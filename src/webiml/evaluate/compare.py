"""Two results or more on the same pictures: figures side by side, and who wins, by how much, how surely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from webiml.errors import SettingError
from webiml.evaluate.published import Published, same_benchmark
from webiml.evaluate.rows import ImageRow
from webiml.evaluate.saved_run import SavedRun, read_run
from webiml.evaluate.set_figures import groups_of, score_name
from webiml.images.read import readable
from webiml.metrics.detection import auc_of_scores
from webiml.metrics.resampling import Difference, group_index, interval, paired_difference

SURE = 0.05
"""A difference whose p-value lies below it is called one."""

Metric = Literal["f1", "iou", "auc", "f1_best"]
METRICS: dict[Metric, str] = {
    "f1": "F1 at 0.5",
    "iou": "IoU at 0.5",
    "auc": "pixel AUC",
    "f1_best": "F1 at the best threshold of each picture",
}
"""What can be compared picture by picture, in words."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One run on the pictures of a benchmark that all runs share; None where a figure is not defined.

    Attributes:
        run: its name. n: pictures in common. own: pictures that it has in that benchmark. f1_interval: 95 %.
    """

    run: str
    n: int
    own: int
    f1: float | None
    f1_interval: tuple[float, float] | None
    iou: float | None
    auc: float | None
    f1_best: float | None
    image_auc: float | None
    false_alarm_area: float | None


@dataclass(frozen=True, slots=True)
class Duel:
    """The second run against the first on the same n pictures, which fall into so many groups.

    Attributes:
        p_holm: the p-value, corrected for as many comparisons as there are; of one, the same.
    """

    first: str
    second: str
    n: int
    groups: int
    difference: Difference
    p_holm: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that is said of several runs.

    Attributes:
        common: for each run its rows of the pictures that all share, in one order. left_out: how many others each has.
        parts: the figures of every run for each benchmark, and of all together where there are several.
        published: rows of the same protocol and of these benchmarks; published_left_out: how many are not.
    """

    metric: Metric
    runs: tuple[SavedRun, ...]
    common: tuple[tuple[ImageRow, ...], ...]
    left_out: tuple[int, ...]
    parts: dict[str, tuple[Figures, ...]]
    duels: tuple[Duel, ...]
    published: tuple[Published, ...] = ()
    published_left_out: int = 0

    @property
    def n(self) -> int:
        """Pictures that all runs share."""
        return len(self.common[0])


def compare(folders: Sequence[Path], metric: Metric = "f1", published: Sequence[Published] = ()) -> Comparison:
    """Set results side by side.

    A picture is the same in two runs when benchmark, key and the bytes of picture and mask are; one that a run has
    skipped or does not know is left out for all of them.

    Raises:
        SettingError: fewer than two results, one cannot be read, their protocols differ, or they share no picture.
    """
    if len(folders) < 2:
        raise SettingError("Give two results or more to compare: webiml compare RUN RUN...")
    _refuse_twice(folders)
    runs = _named_apart([read_run(folder) for folder in folders])
    if len({run.protocol.name for run in runs}) > 1:
        named = ", ".join(f"{run.name} {run.protocol.name}" for run in runs)
        raise SettingError(f"These runs were scored by different protocols ({named}): evaluate again by one of them.")
    by_picture = [_by_picture(run) for run in runs]
    shared = [one for one in by_picture[0] if all(one in rows for rows in by_picture[1:])]
    if not shared:
        named = "; ".join(f"{run.name}: {', '.join(_benchmarks(run.rows)) or 'none'}" for run in runs)
        raise SettingError(
            f"These runs have no picture in common, so nothing can be compared. Benchmarks of each: {named}."
        )
    common = tuple(tuple(rows[one] for one in shared) for rows in by_picture)
    names = _benchmarks(common[0])
    fitting = [one for one in published if one.protocol == runs[0].protocol.name]
    fitting = [one for one in fitting if any(same_benchmark(one.benchmark, name) for name in names)]
    return Comparison(
        metric=metric,
        runs=tuple(runs),
        common=common,
        left_out=tuple(len(rows) - len(shared) for rows in by_picture),
        parts=_parts(runs, common, names),
        duels=_duels(runs, common, metric),
        published=tuple(fitting),
        published_left_out=len(published) - len(fitting),
    )


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of several tests, corrected so that all of them together are wrong as rarely as one.

    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 1979.
    """
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        largest = max(largest, min(1.0, values[place] * (len(values) - rank)))
        corrected[place] = largest
    return corrected


_Picture = tuple[str, str, str | None, str | None]


def _by_picture(run: SavedRun) -> dict[_Picture, ImageRow]:
    found: dict[_Picture, ImageRow] = {}
    for row in run.rows:
        picture = (row.benchmark, row.key, row.sha256, row.mask_sha256)
        if picture in found:
            raise SettingError(f"{readable(run.folder)} is damaged: it has two rows of {row.benchmark} {row.key}.")
        found[picture] = row
    return found


def _parts(
    runs: Sequence[SavedRun], common: Sequence[Sequence[ImageRow]], names: Sequence[str]
) -> dict[str, tuple[Figures, ...]]:
    parts = {}
    for name in names:
        parts[name] = tuple(
            _figures(
                run, [row for row in rows if row.benchmark == name], sum(row.benchmark == name for row in run.rows)
            )
            for run, rows in zip(runs, common, strict=True)
        )
    if len(names) > 1:
        pairs = zip(runs, common, strict=True)
        parts["all together"] = tuple(_figures(run, rows, len(run.rows)) for run, rows in pairs)
    return parts


def _figures(run: SavedRun, rows: Sequence[ImageRow], own: int) -> Figures:
    judged = [row for row in rows if _judged(row, run)]
    known = [row for row in judged if row.f1 is not None]
    ends = interval(np.array([row.f1 for row in known], np.float64), groups_of(known)) if known else None
    name = score_name(rows, run.protocol)
    told = [(getattr(row, name), row.manipulated) for row in rows]
    scores, manipulated = np.array([score for score, _ in told], np.float64), np.array([one for _, one in told], bool)
    return Figures(
        run=run.name,
        n=len(rows),
        own=own,
        f1=_mean(row.f1 for row in judged),
        f1_interval=ends,
        iou=_mean(row.iou for row in judged),
        auc=_mean(row.auc for row in judged),
        f1_best=_mean(row.f1_best for row in judged),
        image_auc=auc_of_scores(scores, manipulated) if np.isfinite(scores).all() else None,
        false_alarm_area=_mean(row.marked for row in rows if not row.manipulated),
    )


def _judged(row: ImageRow, run: SavedRun) -> bool:
    """Whether the protocol takes the picture into the means of its pixel figures."""
    return row.manipulated or run.protocol.authentic == "zero"


def _duels(runs: Sequence[SavedRun], common: Sequence[Sequence[ImageRow]], metric: Metric) -> tuple[Duel, ...]:
    """Each run against the first, on the pictures of which both have the figure."""
    duels = []
    for run, rows in zip(runs[1:], common[1:], strict=True):
        both = [pair for pair in zip(common[0], rows, strict=True) if all(_judged(row, run) for row in pair)]
        pairs = [pair for pair in both if None not in (getattr(pair[0], metric), getattr(pair[1], metric))]
        if not pairs:
            names = f"{runs[0].name} and {run.name}"
            raise SettingError(f"{names} share no picture that has {METRICS[metric]}: give another --metric.")
        first, second = (np.array([getattr(pair[side], metric) for pair in pairs], np.float64) for side in (0, 1))
        groups = groups_of([pair[0] for pair in pairs])
        found = paired_difference(first, second, groups)
        count = int(group_index(groups).max()) + 1
        duels.append(Duel(runs[0].name, run.name, len(pairs), count, found, found.p))
    corrected = holm([duel.difference.p for duel in duels])
    return tuple(replace(duel, p_holm=p) for duel, p in zip(duels, corrected, strict=True))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _benchmarks(rows: Iterable[ImageRow]) -> list[str]:
    return list(dict.fromkeys(row.benchmark for row in rows))


def _refuse_twice(folders: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for folder in folders:
        real = folder.resolve()
        if real in seen:
            raise SettingError(f"{readable(folder)} was given twice: a result is not compared with itself.")
        seen.add(real)


def _named_apart(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """The runs, those whose folders are called alike by their whole path."""
    names = [run.name for run in runs]
    return [replace(run, name=readable(run.folder)) if names.count(run.name) > 1 else run for run in runs]
