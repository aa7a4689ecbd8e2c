"""Whether a dataset is whole: every row's files are there, are what the row says, and nothing else lies beside them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace

import numpy as np

from webiml.datasets.carry import file_names, without_removed
from webiml.datasets.faults import Fault, Finding, Verified, whole_png
from webiml.datasets.journal_rows import journal_findings
from webiml.datasets.listed import Listed, Names
from webiml.datasets.verify_reviews import read_for_verify, review_findings
from webiml.errors import MAX_DETAIL, BadImage, SettingError, one_line
from webiml.evidence.judge import components
from webiml.images.codec import decode_map
from webiml.images.decode import decode
from webiml.metrics.qes import qes
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.store.dataset import FOLDERS, INFO, Role, dataset_info, read_member, read_rows
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place
from webiml.store.removed import read_removed
from webiml.store.rows import from_record
from webiml.store.shards import read_tar_member
from webiml.types import Kind, Reason, Row, Status

MAX_PIXELS = 10_000_000_000  # the largest --max-megapixels: what annotate has decoded can be decoded

_STATUSES, _REASONS, _KINDS = frozenset(Status), frozenset(Reason), frozenset(Kind)


def verify_dataset(
    place: Place, workers: int = 1, *, quick: bool = False, on_row: Callable[[], None] | None = None
) -> Verified:
    """Look at every row and every file of a finished dataset.

    Args: quick: only whether the files are there and hold anything; no picture is read. on_row: called after each row.
    Raises:
        SettingError: it is no dataset, or its table cannot be read.
    """
    dataset_info(place)
    if place.exists(INFO) and not place.exists(".webiml/finished"):
        raise SettingError(f"{place} is not finished: run the command that writes it again, then look at it.")
    removed = read_removed(place)
    there, reviews = Listed(place), read_for_verify(place)
    findings: list[Finding] = []
    keys = array("q")  # hashes of them
    members = array("q")  # hashes of what tars must hold, each behind the name of its tar
    rows, files, before = 0, 0, ""
    for row, found in looked_at(RowCheck(place, quick), read_rows(place), workers):
        rows += 1
        reviews.meet(row)
        if (left := without_removed(row, removed)) is not row and left != row:
            findings.append(Finding(row.key, Fault.REMOVED, "was taken out at somebody's request, and is there"))
        if isinstance(found, Crashed):
            findings.append(Finding(row.key, Fault.UNREADABLE, found.detail[:MAX_DETAIL]))
        else:
            findings += found
        if row.key <= before:
            findings.append(Finding(row.key, Fault.ORDER, "comes twice, or behind a larger key"))
        keys.append(hash(row.key))
        if row.key != before:
            with suppress(BadImage):  # that is found with the row's words
                names = names_of(row)
                files += len(names)
                if row.shard is not None:
                    members.extend(map(hash, names))
                else:
                    findings += [
                        Finding(row.key, Fault.MISSING, f"{name} is {fault}")
                        for name in sorted(names)
                        if (fault := there.ask(name))
                    ]
        before = row.key
        if on_row is not None:
            on_row()
    findings += _of_shards(place, there.shards, Names(members))
    findings += [Finding(name, Fault.STRAY, f"no row has {name}") for name in there.strays()]
    if place.exists(INFO):
        findings += journal_findings(place, keys)
    wrong, masks = review_findings(place, reviews, workers, quick=quick)
    return Verified("dataset", rows, files + masks, (*findings, *wrong), tuple(reviews.notes))


def looked_at(look: RowCheck, rows: Iterator[Row], workers: int) -> Iterator[tuple[Row, list[Finding] | Crashed]]:
    """Each row with what is wrong with it and its files; not whether they are there."""
    if look.quick:
        yield from ((row, look(row)) for row in rows)
        return
    with closing(run_ordered(look, rows, workers, one_thread)) as results:
        yield from results


def names_of(row: Row) -> set[str]:
    """Where the files of a row must lie: below the dataset, or `shard-000000.tar/<member>`.

    Raises:
        BadImage: they cannot be named.
    """
    files = file_names(row)
    if row.shard is not None:
        return {f"{row.shard}/{row.key}.{name}" for name in files.values()} | {f"{row.shard}/{row.key}.json"}
    return {f"{FOLDERS[role]}/{row.key}.{name.partition('.')[2]}" for role, name in files.items()}


def _of_shards(place: Place, shards: list[str], members: Names) -> Iterator[Finding]:
    """What is wrong with the tars as such: members that no row has, rows whose member is not there."""
    for shard in shards:
        try:
            with place.reader(shard) as opened, tarfile.open(fileobj=opened, mode="r:") as tar:
                for member in tar:
                    name = f"{shard}/{member.name}"
                    if not members.meet(name):
                        twice = " twice" if name in members else ""
                        yield Finding(member.name[:200], Fault.STRAY, f"{shard} has it{twice}, and no row asks for it")
        except (OSError, tarfile.TarError, ValueError, EOFError) as error:
            yield Finding(shard, Fault.UNREADABLE, f"{shard}: {error}")
    for name in [] if members.all_met else sorted(_not_met(place, members)):
        shard, _, member = name.partition("/")
        yield Finding(member.partition(".")[0], Fault.MISSING, f"{shard} has no {member}")


def _not_met(place: Place, members: Names) -> Iterator[str]:
    """What rows ask for and no tar has. Only hashes were held, so the rows are read once more."""
    for row in read_rows(place):
        if row.shard is not None:
            with suppress(BadImage):
                yield from filter(members.meet, names_of(row))


@dataclass(frozen=True)
class RowCheck:
    """Looks at one row and its files, in a worker process."""

    place: Place
    quick: bool

    def __call__(self, row: Row) -> list[Finding]:
        """What is wrong with the row, and with those of its files that are there."""
        found = [Finding(row.key, Fault.WORD, words) for words in _wrong_words(row)]
        if not self.quick and row.status != Status.FAILED:
            try:
                found += [Finding(row.key, fault, words) for fault, words in self._wrong_files(row)]
            except Exception as error:  # no memory to decode, say
                found.append(Finding(row.key, Fault.UNREADABLE, one_line(error)))
        return found

    def _wrong_files(self, row: Row) -> Iterator[tuple[Fault, str]]:
        size = (row.height, row.width)
        pictures: tuple[tuple[Role, str | None], ...] = (
            ("authentic", row.authentic_sha256),
            ("manipulated", row.manipulated_sha256),
        )
        for role, sha256 in pictures:
            try:
                data = read_member(self.place, row, role)
                if hashlib.sha256(data).hexdigest() != sha256:
                    yield Fault.OTHER_BYTES, f"{role}: its bytes have another SHA-256 than its row says"
                    continue
                shape = decode(data, MAX_PIXELS).rgb.shape[:2]
                if role == "manipulated" and shape != size:
                    yield Fault.SIZE, f"{role} is {_size(shape)}, its row says {_size(size)}"
            except BadImage as error:
                if error.reason is not Reason.NOT_FOUND:  # that is found where files are listed
                    yield Fault.UNREADABLE, f"{role}: {error}"
        maps: dict[str, np.ndarray] = {}
        roles: tuple[Role, ...] = ("mask", "probability", "alternative")
        for role in roles:
            if (row.alternative_kind if role == "alternative" else row.mask_area) is None:
                continue
            try:
                data = read_member(self.place, row, role)
                if not whole_png(data):
                    yield Fault.UNREADABLE, f"{role}: some bytes of it have changed"
                    continue
                maps[role] = decode_map(data, max(1, (row.height or 0) * (row.width or 0)))
                if maps[role].shape != size:
                    yield Fault.SIZE, f"{role} is {_size(maps.pop(role).shape)}, its row says {_size(size)}"
            except BadImage as error:
                if error.reason is Reason.TOO_MANY_PIXELS:
                    yield Fault.SIZE, f"{role} has more pixels than its row says"
                elif error.reason is not Reason.NOT_FOUND:
                    yield Fault.UNREADABLE, f"{role}: {error}"
        yield from _wrong_maps(row, maps)
        if row.shard is not None:
            yield from self._wrong_record(row)

    def _wrong_record(self, row: Row) -> Iterator[tuple[Fault, str]]:
        """The row as its tar has it, without the time, must be that of the table."""
        try:
            there = from_record(json.loads(read_tar_member(self.place, str(row.shard), f"{row.key}.json")))
        except BadImage as error:
            if error.reason is not Reason.NOT_FOUND:
                yield Fault.UNREADABLE, f"{row.key}.json: {error}"
        except (ValueError, TypeError, AttributeError) as error:
            yield Fault.SHARD, f"{row.key}.json is no row: {error}"
        else:
            if there != replace(row, annotated_at=None):
                yield Fault.SHARD, f"{row.key}.json in {row.shard} says otherwise than {FILE_NAME}"


def _wrong_words(row: Row) -> Iterator[str]:
    if row.status not in _STATUSES:
        yield f"there is no status {row.status!r:.80}"
    if row.reason is not None and row.reason not in _REASONS:
        yield f"there is no reason {row.reason!r:.80}"
    for kind in (row.kind, row.alternative_kind):
        if kind is not None and kind not in _KINDS:
            yield f"there is no kind {kind!r:.80}"
    if (row.reason is None) != (row.status == Status.KEPT):
        yield "a reason goes with every row that is not kept, and with no other"
    pictures = (row.authentic_path, row.manipulated_path)
    if row.status == Status.FAILED and pictures != (None, None):
        yield "a failed row has no pictures"
    if row.status != Status.FAILED and None in pictures:
        yield "a row that was looked at has two pictures"
    try:
        names = names_of(row)
    except BadImage as error:
        yield error.detail
        return
    for path in pictures:
        if path is not None and (path if row.shard is None else f"{row.shard}/{path}") not in names:
            yield f"{path!r:.200} is not where its picture lies"


def _wrong_maps(row: Row, maps: dict[str, np.ndarray]) -> Iterator[tuple[Fault, str]]:
    levels = maps.get("probability")
    if levels is None:
        return
    inside = levels >= 128
    if "mask" in maps and not np.array_equal(maps["mask"], np.where(inside, 255, 0)):
        yield Fault.MASK, "the mask is not the probability at 128 or more"
    numbers = {"qes": qes(levels), "mask_area": float(inside.mean()), "components": components(inside)}
    for name, value in numbers.items():
        if getattr(row, name) != value:
            yield Fault.SCORE, f"{name} is {getattr(row, name)} in its row, and {value} of the stored map"


def _size(shape: tuple[int | None, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
