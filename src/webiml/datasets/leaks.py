"""Pictures of a dataset that a benchmark has, too: who learns from them cannot be scored on it.

Every picture counts, authentic and manipulated, on both sides: as it is, mirrored, or cut out of the other. What two
edits of one picture differ in does not matter here: either gives the picture away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from webiml.datasets.alike import Candidates, find_crops, find_near
from webiml.datasets.carry import refuse_inside
from webiml.datasets.compare import Doubt, Likeness, compare_all
from webiml.datasets.dropped import Found, Steps, Why, why_of, write_sheet, write_table
from webiml.datasets.hashes import Source, hash_pictures, slim, source_of
from webiml.datasets.looks_table import CACHE, LooksTable
from webiml.datasets.without import refuse_out, write_without
from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.images.sniff import sniff
from webiml.pairs.source import list_pairs
from webiml.pairs.table import ENDINGS
from webiml.store.dataset import read_rows
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place, open_place

TABLE, SHEET = "leaks.parquet", "leaks.jpg"
DISTANCE = 8  # bits of 64, as in the leakage gate of webiml evaluate
_HEAD = 64  # bytes of a file that tell whether it is a picture


@dataclass(frozen=True, slots=True)
class Leaks:
    """What a search found.

    Attributes:
        pairs: rows of the dataset. pictures: of the dataset, each counted once. against: of the benchmarks.
        found: at most one for each picture of each pair, the surest. unread: pictures that could not be read.
    """

    pairs: int
    pictures: int
    against: int
    found: list[Found]
    unread: int

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the pairs that leak."""
        return frozenset(one.key for one in self.found)


def settings_of(distance: int, against: Sequence[str]) -> dict[str, object]:
    """What of a search the new dataset keeps among its settings."""
    return {"leaks": {"distance": distance, "against": len(against)}}


def find_leaks(
    dataset: Place, against: Sequence[str], distance: int, workers: int, max_pixels: int, steps: Steps
) -> Leaks:
    """The pictures of `dataset` that one of the benchmarks has; writes nothing but the hashes kept in `dataset`.

    Args:
        against: folders, of which every picture below counts; tables of pairs; datasets.
        distance: bits of 64 in which the hashes of near pictures may differ.
        steps: called at the beginning of each step of the work.
    Raises:
        SettingError: something is no dataset, or no benchmark, or a benchmark without a picture.
    """
    pairs = 0
    ours: list[Source] = []
    for row in read_rows(dataset):
        pairs += 1
        if row.manipulated_path and row.authentic_path:
            ours += [source_of(dataset, slim(row), role) for role in ("manipulated", "authentic")]
    table = LooksTable(None if dataset.local is None else dataset.local / CACHE)
    theirs: list[tuple[str, Source]] = []
    for name in against:
        place = Path(name) / CACHE
        if "://" not in name:
            table.take(place)
        theirs += [(name, source) for source in benchmark_pictures(name)]
    once = {source.sha256: source for source in ours}
    every = [*once.values(), *(source for _, source in theirs)]
    tick = steps("hash pictures", sum(source.sha256 not in table for source in every))
    digests = [sha256 for _, sha256 in hash_pictures(every, table, workers, max_pixels, tick)]
    there: dict[str, tuple[str, Source]] = {}
    for one, sha256 in zip(theirs, digests[len(once) :], strict=True):
        if sha256 is not None:
            there.setdefault(sha256, one)
    matches = _matches(list(once.values()), there, table, distance, workers, max_pixels, steps)
    found = []
    for source in ours:
        match = matches.get(source.sha256)
        if match is not None and source.row is not None:
            why, sha256, apart, likeness = match
            name, other = there[sha256]
            found.append(
                Found(
                    *(source.row.key, source.row.name, source.role, why, name),
                    other.name if other.row is None else other.row.key,
                    "" if other.row is None else other.role,
                    *(apart, likeness, (source, other)),
                )
            )
    return Leaks(pairs, len(once), len(there), found, digests.count(None))


def write_leaks(folder: Path, leaks: Leaks, max_pixels: int) -> None:
    """Write the table and the sheet of what was found.

    Raises:
        OutputError: they cannot be written.
    """
    write_table(folder / TABLE, leaks.found)
    write_sheet(folder / SHEET, leaks.found, max_pixels)


def refuse_leaky(dataset: Place, against: Sequence[str], out: Path, distance: int) -> None:
    """Refuse before any work what `write_clean` would refuse. Writes nothing.

    Raises:
        SettingError: `out` holds something else, or lies in an input.
    """
    refuse_inside(out, [dataset, *(open_place(name) for name in against)])
    refuse_out(dataset, out, settings_of(distance, against))


def write_clean(
    dataset: Place, against: Sequence[str], out: Path, distance: int, leaks: Leaks, max_pixels: int, steps: Steps
) -> None:
    """Write the dataset `out`: that at `dataset` without the pairs that leak, and what was found.

    Raises:
        SettingError: `out` holds something else, or was made of others. OutputError: it cannot be written.
    """
    tick = steps("write", leaks.pairs - len(leaks.keys))
    write_without(dataset, out, leaks.keys, settings_of(distance, against), lambda row: tick())
    write_leaks(out, leaks, max_pixels)


def _matches(
    ours: Sequence[Source],
    there: dict[str, tuple[str, Source]],
    table: LooksTable,
    distance: int,
    workers: int,
    max_pixels: int,
    steps: Steps,
) -> dict[str, tuple[Why, str, int | None, Likeness | None]]:
    """By SHA-256 of our pictures: how it is there, which one it is, bits between the hashes, what the pixels say."""
    names = list(there)
    found: dict[str, tuple[Why, str, int | None, Likeness | None]] = {
        one.sha256: (Why.SAME_BYTES, one.sha256, None, None) for one in ours if one.sha256 in there
    }
    whole, mirrored, windows = table.columns([one.sha256 for one in ours])
    their_whole, their_mirrored, their_windows = table.columns(names)
    near = find_near(whole, their_whole, their_mirrored, distance)
    for index in sorted(range(len(near)), key=lambda index: (near.mirrored[index], near.distance[index])):
        why = why_of(-1, bool(near.mirrored[index]))
        sha256 = ours[near.i[index]].sha256
        found.setdefault(sha256, (why, names[near.j[index]], int(near.distance[index]), None))
    doubts: list[Doubt] = []
    of: list[tuple[str, str, int]] = []

    def ask(crops: Candidates, ours_are_small: bool) -> None:
        for index in range(len(crops)):
            i, j = int(crops.i[index]), int(crops.j[index])
            mine, name = (ours[i], names[j]) if ours_are_small else (ours[j], names[i])
            if mine.sha256 in found or (of and of[-1][:2] == (mine.sha256, name)):
                continue  # the nearest window of a picture comes first, and is enough
            other, turned, window = there[name][1], bool(crops.mirrored[index]), int(crops.window[index])
            small, large = (mine, other) if ours_are_small else (other, mine)
            doubts.append(Doubt(len(doubts), small, large, turned, window, masks=False))
            of.append((mine.sha256, name, int(crops.distance[index])))

    ask(find_crops(whole, mirrored, their_windows), ours_are_small=True)
    ask(find_crops(their_whole, their_mirrored, windows), ours_are_small=False)
    tick = steps("compare pictures", len(doubts))
    for doubt, likeness in compare_all(doubts, workers, max_pixels):
        sha256, name, apart = of[doubt.index]
        if likeness is not None and likeness.same_picture:
            why = why_of(doubt.window, doubt.mirrored, likeness)
            found.setdefault(sha256, (why, name, apart, likeness))
        tick()
    return found


# ---------------------------------------------------------------- the pictures of a benchmark


def benchmark_pictures(name: str) -> list[Source]:
    """Every picture of a benchmark: of a dataset, of a table of pairs, or whatever picture lies below a folder.

    Raises:
        SettingError: there is none.
    """
    place = open_place(name)
    if place.exists(FILE_NAME):
        found = [
            source_of(place, slim(row), role)
            for row in read_rows(place)
            if row.manipulated_path and row.authentic_path
            for role in ("manipulated", "authentic")
        ]
    elif place.here.is_dir():
        found = [
            Source(readable(path.relative_to(place.here)), place, file=path) for path in _picture_files(place.here)
        ]
    elif place.here.suffix.lower() in ENDINGS and place.here.is_file():
        files = [
            path
            for pair in list_pairs([place.here]).pairs
            for path in (pair.manipulated, pair.authentic)
            if isinstance(path, Path) and pair.problem is None
        ]
        found = [
            Source(readable(path), Place(Path(os.path.abspath(path)).anchor), file=path)
            for path in dict.fromkeys(files)
        ]
    else:
        raise SettingError(f"--against {name} is no folder, no table of pairs and no dataset; check the path.")
    if not found:
        raise SettingError(f"--against {name} holds no picture; archives are not opened, so unpack them first.")
    return found


def _picture_files(folder: Path) -> Iterator[Path]:
    """All files below whose first bytes are a picture's, sorted; folders that are links are not entered."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(here) / name
            try:
                if not path.is_file():
                    continue
                with open(path, "rb") as file:
                    head = file.read(_HEAD)
            except OSError:
                continue
            if sniff(head) is not None:
                yield path
