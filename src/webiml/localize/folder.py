"""Many pictures in, one folder of results out; whatever goes wrong is a row.

    results.jsonl            one line a picture, written when its files are safe on the disk: the journal of the run
    results.parquet          the same rows in the order of their keys
    masks/ probability/ confidence/ overlays/      <key>.png, each of the picture's own size
    .webiml/                 what a run needs to go on: localize.json, lock, finished

One process writes. Whatever stops a run, the next one goes on after the last whole line of results.jsonl.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webiml import __version__
from webiml.errors import MAX_DETAIL, BadImage, SettingError, one_line
from webiml.images.read import readable
from webiml.localize.pictures import ListedPicture, same_file, with_keys
from webiml.localize.rows import (
    SCHEMA_VERSION,
    Outcome,
    PictureRow,
    from_record,
    refuse_record,
    to_record,
    write_table,
)
from webiml.runners.cores import few_threads, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.settings import LocalizeRun, LocalizeSettings
from webiml.store.atomic import make_folder, output_error, sweep, sync_folder, write_bytes
from webiml.store.lines import Lines
from webiml.store.lock import only_writer
from webiml.store.rows import is_safe_key
from webiml.types import Problem, Reason

if TYPE_CHECKING:
    from webiml.localize.localizer import Localizer

MAPS = ("masks", "probability", "confidence", "overlays")
"""The folders beside the table; each holds <key>.png of every localized picture."""
LINES, TABLE = "results.jsonl", "results.parquet"
TOP = 20  # most suspicious pictures that are remembered for the summary
_STATE = ".webiml"
_ABOUT = f"{_STATE}/localize.json"
_HARMLESS = {_STATE, ".DS_Store", "lost+found"}  # what a folder may hold and still count as empty


@dataclass
class Localized:
    """What became of the pictures of a run, those that were finished before it included."""

    localized: int = 0
    failed: int = 0
    marked: int = 0
    """Localized pictures of which anything is marked."""
    resumed: int = 0
    """How many of them were finished before this run."""
    reasons: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    """Keys of the pictures, in the order of their rows."""
    top: list[tuple[float, tuple[int, ...], PictureRow]] = field(default_factory=list)
    """A heap of the TOP rows with the highest scores."""

    @property
    def inputs(self) -> int:
        """Rows of both kinds: as many as the pictures."""
        return self.localized + self.failed

    @property
    def most_suspicious(self) -> list[PictureRow]:
        """At most TOP localized rows, the highest score first."""
        return [row for *_, row in sorted(self.top, key=lambda one: (-one[0], one[2].key))]

    def add(self, row: PictureRow) -> None:
        """Count one row."""
        self.keys.append(row.key)
        if row.status == Outcome.FAILED:
            self.failed += 1
            self.reasons[row.reason or ""] += 1
            return
        self.localized += 1
        self.marked += bool(row.area)
        small = replace(row, regions=None)  # a row may hold a hundred polygons
        heapq.heappush(self.top, (row.score or 0.0, _backwards(row.key), small))
        if len(self.top) > TOP:
            heapq.heappop(self.top)


def localize_folder(
    pictures: Sequence[ListedPicture],
    out: Path,
    settings: LocalizeSettings,
    run: LocalizeRun,
    on_row: Callable[[PictureRow], None] | None = None,
    *,
    on_resume: Callable[[Localized], None] | None = None,
) -> Localized:
    """Localize `pictures` into the folder `out`: one row for every picture, whatever it holds.

    A run that was stopped, killed or out of disk goes on with the same call, does no finished picture again and ends
    with the same bytes but for the seconds. The result does not depend on `run.workers`. A picture that is finished
    there already keeps its key; a new one never takes it.

    Args:
        pictures: as `list_pictures` gives them; done in the order of their keys.
        on_row: called with every row when it is finished and safe on the disk, in the order of the keys.
        on_resume: called once before work starts, with the counts of what was finished before.
    Raises:
        SettingError: `out` holds something else, was made with other settings, weights or pictures, or is being
            written by another run; or there is no such localizer. Nothing has been touched.
        OutputError: `out` cannot be written, or not any more; what is finished stays.
    """
    counts = Localized()
    decided_by = provenance(settings, run)
    with _opened(out, decided_by) as lines:
        offsets, names = _finished(lines)
        done = _done(pictures, names)
        for key, picture in done.items():
            row = _row_at(lines, offsets[key])
            _refuse_other_file(picture, row, out)
            counts.add(row)
        counts.resumed = counts.inputs
        if on_resume is not None:
            on_resume(counts)
        with closing(localize_pictures(_todo(pictures, names), settings, run)) as results:
            for number, (row, files) in enumerate(results):
                if number == 0:
                    _begin(out, decided_by)
                for name, data in files.items():
                    write_bytes(out / name, data)
                offsets[row.key] = lines.add(to_record(row))
                counts.add(row)
                if on_row is not None:
                    on_row(row)
        marker = out / _STATE / "finished"  # there while results.parquet holds every row of results.jsonl
        if not (marker.exists() and (out / TABLE).exists()):
            rows = (_row_at(lines, offsets[key]) for key in sorted(offsets))
            write_table(out / TABLE, rows, _metadata(out))
            write_bytes(marker, b"")
    return counts


def localize_pictures(
    pictures: Sequence[ListedPicture], settings: LocalizeSettings, run: LocalizeRun, *, maps: bool = True
) -> Generator[tuple[PictureRow, dict[str, bytes]], None, None]:
    """Row and files of each picture, in the order given; nothing is written.

    Args:
        maps: whether the files (name in the folder to PNG) are made; else they are empty.
    """
    cores = usable_cores()
    workers = max(1, min(run.workers or cores, len(pictures)))
    start = partial(_start_worker, settings, max(1, cores // workers))
    with closing(run_ordered(partial(localize_file, maps=maps), pictures, workers, start)) as results:
        for picture, result in results:
            yield _died(picture, result) if isinstance(result, Crashed) else result


def provenance(settings: LocalizeSettings, run: LocalizeRun) -> dict[str, Any]:
    """What decides the results of a folder: the settings, and the localizer's name and SHA-256.

    Raises:
        SettingError: there is no such localizer.
    """
    from webiml.localize.hub import find
    from webiml.nets import weights

    place = find(settings.weights, revision=settings.revision or None, download=run.download)
    digest = weights.digest(place.stem, place.folder)
    decided_by = asdict(settings) | {"weights": f"{place.name}:{digest}", "schema": SCHEMA_VERSION}
    del decided_by["revision"]  # the hash says more
    return decided_by


def finished_pictures(pictures: Sequence[ListedPicture], out: Path) -> int:
    """How many of the pictures are finished in a folder, which may not exist yet. Nothing is written."""
    with Lines(out / LINES) as lines:
        return len(_done(pictures, _finished(lines)[1]))


def read_results(out: Path) -> Iterator[PictureRow]:
    """The rows of a folder of results in the order of results.jsonl, finished or not.

    Raises:
        SettingError: it is no folder of results, or results.jsonl was changed.
    """
    if not (out / LINES).is_file():
        raise SettingError(f"{out} is not a folder of results: {LINES} is not there.")
    with Lines(out / LINES) as lines:
        for _, record in lines.read():
            try:
                yield from_record(record)
            except ValueError as error:
                raise refuse_record(lines.path, error) from None


def about_results(out: Path) -> dict[str, Any]:
    """What decided the results of a folder, by name.

    Raises:
        SettingError: it is no folder of results.
    """
    about = _read_about(out)
    if about is None:
        raise SettingError(f"{out} is not a folder of results: {_ABOUT} is not there.")
    return about


def refuse_unfit(out: Path, decided_by: dict[str, Any]) -> None:
    """Refuse what `localize_folder` would refuse, but for want of permission or space. Writes nothing.

    Raises:
        SettingError: `out` holds something else, or was made with other settings or weights.
    """
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is a file: give a folder to --out.")
    there = _read_about(out)
    if there is None:
        if out.is_dir() and any(entry.name not in _HARMLESS for entry in out.iterdir()):
            raise SettingError(f"{out} is not empty and is not a folder of results: give another --out.")
        return
    differs = [
        f"{name} is {there.get(name, 'not set')} there and {decided_by.get(name, 'not set')} now"
        for name in sorted(there.keys() | decided_by.keys())
        if there.get(name) != decided_by.get(name)
    ]
    if differs:
        raise SettingError(
            f"{out} was made with other settings ({'; '.join(differs)}): use the same, or give another --out."
        )


# ---------------------------------------------------------------- in the workers

# What a worker process holds from picture to picture; set by `_start_worker`.
_localizer: Localizer
_settings: LocalizeSettings


def _start_worker(settings: LocalizeSettings, threads: int) -> None:
    global _localizer, _settings
    from webiml.localize.localizer import Localizer  # in the workers only: the parent stays small

    few_threads(threads)
    # What had to be downloaded was, by `provenance`
    _localizer = Localizer.load(settings.weights, revision=settings.revision or None, threads=threads)
    _settings = settings


def localize_file(picture: ListedPicture, maps: bool = True) -> tuple[PictureRow, dict[str, bytes]]:
    """Read, decode and localize one picture, in a worker process. What goes wrong is the row's reason, never raised."""
    started = time.perf_counter()
    row = _row(picture)
    try:
        if picture.problem is not None:
            raise BadImage(picture.problem.reason, picture.problem.detail)
        row, files = _localize(picture, row, maps)
    except BadImage as error:
        row, files = _failed(row, Problem(error.reason, error.detail)), {}
    except Exception as error:  # a bug of ours, or no memory: one row, not the end of the run
        row, files = _failed(row, Problem(Reason.INTERNAL_ERROR, one_line(error))), {}
    return replace(row, seconds=round(time.perf_counter() - started, 3)), files


def _localize(picture: ListedPicture, row: PictureRow, maps: bool) -> tuple[PictureRow, dict[str, bytes]]:
    from webiml.images.codec import encode_png, to_8bit
    from webiml.images.decode import decode
    from webiml.images.draw import overlay
    from webiml.images.read import read_bytes
    from webiml.localize.regions import regions

    data = read_bytes(picture.path, picture.root)
    row = replace(row, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    try:
        decoded = decode(data, round(_settings.max_megapixels * 1e6))
    except BadImage as error:
        return _failed(row, Problem(error.reason, error.detail)), {}
    rgb = decoded.rgb
    try:
        found = replace(_localizer.localize(rgb, views=_settings.views), threshold=_settings.threshold)
        mask = found.mask
        parts, components = regions(mask, found.probability)
        files = {}
        if maps:
            files["masks"] = encode_png(mask.view("uint8") * 255)
            files["probability"] = encode_png(to_8bit(found.probability))
            files["confidence"] = encode_png(to_8bit(found.confidence))
            files["overlays"] = encode_png(overlay(rgb, mask, strength=0.4), level=1)  # photographs resist
    except Exception as error:
        return _failed(row, Problem(Reason.INTERNAL_ERROR, one_line(error))), {}
    row = replace(
        row,
        status=Outcome.LOCALIZED.value,
        height=rgb.shape[0],
        width=rgb.shape[1],
        score=round(float(found.score), 6),
        area=float(mask.mean()),
        threshold=_settings.threshold,
        components=components,
        regions=parts,
        weights=f"{_localizer.name}:{_localizer.digest}",
        views=_settings.views,
        notes=decoded.note or None,
    )
    return row, {f"{name}/{row.key}.png": png for name, png in files.items()}


def _row(picture: ListedPicture) -> PictureRow:
    return PictureRow(picture.key, picture.name, Outcome.FAILED.value, package_version=__version__)


def _failed(row: PictureRow, problem: Problem) -> PictureRow:
    return replace(row, reason=problem.reason.value, detail=problem.detail or None)


def _died(picture: ListedPicture, crashed: Crashed) -> tuple[PictureRow, dict[str, bytes]]:
    return _failed(_row(picture), Problem(Reason.WORKER_DIED, crashed.detail[:MAX_DETAIL])), {}


# ---------------------------------------------------------------- the folder


@contextmanager
def _opened(out: Path, decided_by: dict[str, Any]) -> Iterator[Lines]:
    """results.jsonl of a folder that is begun or gone on with; nobody else writes there meanwhile."""
    try:
        refuse_unfit(out, decided_by)
        with only_writer(out, f"{_STATE}/lock"), Lines(out / LINES) as lines:
            refuse_unfit(out, decided_by)  # another run may have begun it just now
            for folder in (out, out / _STATE, *(out / name for name in MAPS)):
                sweep(folder)
            yield lines
    except OSError as error:
        raise output_error(error, out) from error


def _read_about(out: Path) -> dict[str, Any] | None:
    try:
        about = json.loads((out / _ABOUT).read_bytes())
        if isinstance(about, dict):
            return about
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        pass
    raise SettingError(f"{out / _ABOUT} cannot be read: give another --out.")


def _finished(lines: Lines) -> tuple[dict[str, int], dict[str, str]]:
    """Where the line of each finished key starts, and the key of each finished file."""
    offsets: dict[str, int] = {}
    names: dict[str, str] = {}
    for offset, record in lines.read():
        key, name = record.get("key"), record.get("name")
        if not isinstance(key, str) or not is_safe_key(key) or key in offsets or not isinstance(name, str):
            raise refuse_record(lines.path, ValueError(f"not the row of a picture: {key!r:.100}"))
        offsets[key] = offset
        names[same_file(name)] = key
    return offsets, names


def _done(pictures: Sequence[ListedPicture], names: dict[str, str]) -> dict[str, ListedPicture]:
    """The pictures that are finished, by key, in the order of the keys."""
    found = {names[path]: one for one in pictures if (path := same_file(one.name)) in names}
    return dict(sorted(found.items()))


def _todo(pictures: Sequence[ListedPicture], names: dict[str, str]) -> list[ListedPicture]:
    """The others, in the order of their keys, of which none is taken."""
    left = [one for one in pictures if same_file(one.name) not in names]
    return sorted(with_keys(left, names.values()), key=lambda one: one.key)


def _refuse_other_file(picture: ListedPicture, row: PictureRow, out: Path) -> None:
    """A finished file that is now another one must not pass as done."""
    with suppress(OSError):  # gone since: its row stays as it was made
        if row.bytes is not None and picture.path.stat().st_size != row.bytes:
            raise SettingError(f"{readable(picture.path)} has changed since {out} was made: give another --out.")


def _row_at(lines: Lines, offset: int) -> PictureRow:
    try:
        return from_record(lines.at(offset))
    except ValueError as error:
        raise refuse_record(lines.path, error) from None


def _begin(out: Path, decided_by: dict[str, Any]) -> None:
    """Make the folder ready for a further row. Not before there is one: a localizer that cannot run leaves no trace."""
    if _read_about(out) is None:
        for name in MAPS:
            make_folder(out / name)
        write_bytes(out / _ABOUT, json.dumps(decided_by, indent=1).encode() + b"\n")
    marker = out / _STATE / "finished"
    if marker.exists():
        marker.unlink()
        sync_folder(marker.parent)


def _metadata(out: Path) -> dict[str, str]:
    about = about_results(out)
    return {"schema": str(about.pop("schema")), "settings": json.dumps(about), "package_version": __version__}


def _backwards(key: str) -> tuple[int, ...]:
    """Sorts as the key does, the other way round: of equal scores the heap lets go of the last key first."""
    return (*(-ord(character) for character in key), 1)
