"""A dataset out in one of the formats: read and checked by workers, whole or not at all, the same bytes after any stop.

What an export holds is written in any order, export.json last: it makes the folder an export. Until then
.webiml/exporting.json says what is being written, so that the same call goes on and any other is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from webiml import __version__
from webiml.datasets.carry import tombstones, without_removed
from webiml.datasets.carry_reviews import CarriedReviews
from webiml.datasets.export import benco, coco, fiftyone, folder, huggingface, manifest, shards
from webiml.datasets.export.begin import (
    BEGUN,
    LOCK,
    digest_of,
    digest_of_reviews,
    name_of,
    refuse_foreign,
    refuse_inside,
)
from webiml.datasets.export.index import (
    OWN,
    ROWS,
    SHARED,
    open_table,
    put,
    read_about,
    rows_schema,
    schema_of,
    table_record,
    write_about,
)
from webiml.datasets.export.pair import Laid, PairFiles, Plan, Unfit, read_pair
from webiml.errors import BadImage, OutputError, one_line
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.store.dataset import Role, dataset_info, read_rows
from webiml.store.lock import only_writer
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place
from webiml.store.removed import Removed, add_removed
from webiml.store.reviews import Reviews, read_reviewed, reviewed
from webiml.types import Reason, Row, Status

EXPORT_SCHEMA = 1
NAMED = 20  # pairs that were left out and are named
Choice = Literal["kept", "rejected", "all"]


class Format(Protocol):
    """What a module of a format offers."""

    ROLES: tuple[Role, ...]

    def lay(self, pair: PairFiles) -> Laid:
        """The pair as it goes into the export; in a worker."""
        ...

    def write(self, out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
        """Write archives and lists; yields each pair with the names of its files."""
        ...

    def remove_pairs(self, place: Place, keys: set[str]) -> None:
        """Take pairs out of an export again."""
        ...


FORMATS: dict[str, Format] = {
    "folder": folder,
    "webdataset": shards,
    "imdl-benco": benco,
    "coco": coco,
    "huggingface": huggingface,
    "fiftyone": fiftyone,
    "manifest": manifest,
}


@dataclass
class Exported:
    """What became of the pairs that were to be exported."""

    pairs: int = 0
    """Pairs in the export."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Pairs that were left out, by reason."""
    named: list[tuple[str, str, str]] = field(default_factory=list)
    """Key, reason and words of the first of them."""
    without_url: int = 0
    """Pairs of a manifest that cannot be fetched again."""
    changed: bool = True
    """False where the export was there already."""


@dataclass(frozen=True, slots=True)
class _Skipped:
    word: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Todo:
    row: Row
    machine: Row  # without what people decided


def wanted(row: Row, status: Choice, format: str, removed: Removed) -> bool:
    """Whether a row is to be exported, as people have reviewed it; one without files has a place in a manifest only."""
    if without_removed(row, removed).reason == Reason.REMOVED.value:
        return False
    if row.status == Status.FAILED.value:
        return status == "all" and format == "manifest"
    return status in ("all", row.status)


def count_wanted(dataset: Place, out: Place, format: str, status: Choice) -> int:
    """Pairs that would be exported, as far as their rows tell. Nothing is written.

    Raises:
        SettingError: there is no dataset, or the two lie in each other.
    """
    refuse_inside(dataset, out)
    removed = tombstones([dataset, out])
    return sum(wanted(row, status, format, removed) for row in read_reviewed(dataset))


def export_dataset(
    dataset: Place,
    out: Place,
    format: str,
    status: Choice = "kept",
    shard_pairs: int = 1000,
    workers: int = 0,
    on_pair: Callable[[], None] | None = None,
) -> Exported:
    """Write `dataset` to `out`, one of FORMATS. The dataset is not changed; pictures are copied as they came, and
    statuses and masks are those that people have reviewed. A manifest keeps the machine's rows, and the decisions.

    A run that was stopped goes on with the same call and ends with the same bytes, whatever `workers`.

    Args:
        on_pair: called whenever a pair is done.
    Raises:
        SettingError: there is no dataset, or `out` holds something else. Nothing has been touched.
        OutputError: `out` cannot be written, or not any more; the same call goes on.
    """
    info = dataset_info(dataset)
    schema = schema_of(dataset, FILE_NAME)
    reviews = Reviews.read(dataset)
    about = {
        "schema": EXPORT_SCHEMA,
        "format": format,
        "webiml": __version__,
        "dataset": name_of(dataset),
        "table_sha256": digest_of(dataset),
        "reviews_sha256": digest_of_reviews(reviews),
        "status": status,
        "shard_pairs": shard_pairs,
    }
    if format == "coco":
        coco.check_extra()
    removed = tombstones([dataset, out])
    refuse_inside(dataset, out)
    refuse_foreign(out, about)
    with only_writer(out.local, LOCK) if out.local is not None else nullcontext():
        done = read_about(out)
        if done is not None:
            out.delete(BEGUN)
            return Exported(done["rows"], Counter(done["skipped"]), [], done["without_url"], changed=False)
        write_about(out, about, BEGUN)
        add_removed(out, removed.tombstones)
        plan = Plan(about["dataset"], info, schema, shard_pairs)
        every = (_Todo(reviewed(row, reviews), row) for row in read_rows(dataset))
        todo = (one for one in every if wanted(one.row, status, format, removed))
        along = CarriedReviews([reviews] if format == "manifest" else [])
        exported = _write(todo, _Lay(dataset, out, format), plan, workers, along, on_pair or (lambda: None))
        along.write(out)
        counts = {"rows": exported.pairs, "skipped": dict(sorted(exported.skipped.items()))}
        write_about(out, about | counts | {"without_url": exported.without_url})
        out.delete(BEGUN)
    return exported


def _write(
    todo: Iterable[_Todo], lay: _Lay, plan: Plan, workers: int, along: CarriedReviews, on_pair: Callable[[], None]
) -> Exported:
    exported = Exported()
    with closing(_laid(todo, lay, workers)) as results:

        def good() -> Iterator[Laid]:
            for row, result in results:
                on_pair()
                if isinstance(result, Laid):
                    yield result
                    continue
                exported.skipped[result.word] += 1
                if len(exported.named) < NAMED:
                    exported.named.append((row.key, result.word, result.detail))

        with open_table(lay.out, ROWS, rows_schema(plan.schema)) as add:
            for laid, files in FORMATS[lay.format].write(lay.out, good(), plan):
                add(table_record(laid.row) | {OWN: files, SHARED: list(laid.shared)})
                exported.pairs += 1
                if lay.format == "manifest":
                    along.take(lay.dataset, laid.row.key, laid.row)
                if lay.format == "manifest" and laid.row.status != Status.FAILED.value:
                    exported.without_url += not manifest.fetchable(laid.row)
    return exported


@dataclass(frozen=True)
class _Lay:
    """Reads one pair and writes what belongs to it alone; in a worker process."""

    dataset: Place
    out: Place
    format: str

    def __call__(self, todo: _Todo) -> Laid | _Skipped | OutputError:
        form, row, machine = FORMATS[self.format], todo.row, todo.machine
        try:
            roles = () if row.status == Status.FAILED.value else form.ROLES
            given = machine if self.format == "manifest" else row  # from a manifest the dataset is made again
            laid = form.lay(replace(read_pair(self.dataset, given, roles, machine), row=row, machine=machine))
            for name, data in laid.own.items():
                put(self.out, name, data)
        except BadImage as error:
            return _Skipped(error.reason.value, error.detail)
        except Unfit as error:
            return _Skipped(error.word, error.detail)
        except OutputError as error:
            return error
        except Exception as error:  # no memory to decode, say
            return _Skipped(Reason.INTERNAL_ERROR.value, one_line(error))
        return replace(laid, own=dict.fromkeys(laid.own, b""))


def _laid(todo: Iterable[_Todo], lay: _Lay, workers: int) -> Generator[tuple[Row, Laid | _Skipped]]:
    """Every row with what became of it, in their order."""
    processes = workers or usable_cores()
    if processes == 1:  # nothing is decoded but our own maps, so no process of its own is needed
        results: Any = ((one, lay(one)) for one in todo)
    else:
        results = run_ordered(lay, todo, processes, one_thread)
    with closing(results):
        for one, result in results:
            if isinstance(result, OutputError):
                raise result
            if isinstance(result, Crashed):
                result = _Skipped(Reason.WORKER_DIED.value, result.detail)
            yield one.row, result
