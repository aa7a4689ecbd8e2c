"""Many forged pairs as a folder that `webiml annotate FOLDER/pairs.csv` reads.

    pairs.csv                one row a pair; singles.csv: manipulated pictures alone; skipped.csv: what was left out
    authentic/ manipulated/ masks/ donor_masks/      <key>.png
    objects/                 parts found in the pictures, kept so that they are looked for once
    labels/                  objects that `masks` knows of; only with it
    .forge/                  what a run needs to go on: forge.json, rows.jsonl, lock

One process writes. A pair is finished when its line is in rows.jsonl, which is written when its files are safe on the
disk: whatever stops a run, the next one goes on after the last finished pair, to the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from webiml.errors import BadImage, SettingError
from webiml.forge.edits import Remover
from webiml.forge.forged_pair import ForgedPair
from webiml.forge.labels import InstanceMasks, store_labels
from webiml.forge.named import function_named
from webiml.forge.objects import parts_of, stored_name
from webiml.forge.pair import JITTERED, forge_pair
from webiml.forge.pictures import SkippedPicture, SourcePicture, read_picture
from webiml.images.codec import encode_png
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.settings import ForgeSettings
from webiml.store.atomic import make_folder, sweep, write_bytes
from webiml.store.lines import Lines
from webiml.store.lock import only_writer
from webiml.types import Problem, Reason

FOLDERS = ("authentic", "manipulated", "masks", "donor_masks")
COLUMNS = ("key", "authentic", "manipulated", "mask", "donor_mask", "kind", "operations", "transforms", "pictures")
COLUMNS += ("source", "license", "share_alike", "author")
OBJECTS, LABELS = "objects", "labels"
_STATE, _LINES = ".forge", "rows.jsonl"
_SHARE_ALIKE = re.compile(r"\bSA\b|share.?alike|GPL", re.IGNORECASE)
_HARMLESS = {_STATE, ".DS_Store", "lost+found"}


@dataclass
class Made:
    """What a run made, those pairs included that were finished before."""

    kinds: dict[str, int] = field(default_factory=dict)
    resumed: int = 0
    failed: int = 0
    skipped: list[SkippedPicture] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        """Finished pairs and single pictures."""
        return sum(self.kinds.values())

    def add(self, row: dict[str, str]) -> None:
        """Count one row."""
        kind = forged_as(row)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


def forge_folder(
    pictures: Sequence[SourcePicture],
    out: Path,
    settings: ForgeSettings,
    count: int,
    *,
    workers: int = 1,
    remover: str | Remover = "",
    masks: InstanceMasks | None = None,
    skipped: Sequence[SkippedPicture] = (),
    on_start: Callable[[Made], None] | None = None,
    on_pair: Callable[[], None] | None = None,
) -> Made:
    """Forge `count` pairs into the folder `out`, or go on there. The same bytes, whatever the number of workers.

    Args:
        pictures: as `list_pictures` gives them; each is read once before work starts, a broken one is skipped.
        remover: `package.module:function` or a picklable callable (rgb, hole) -> rgb; empty: none.
        masks: where the objects of pictures without labels come from; None: they are found by colour alone.
        skipped: what was skipped while listing, for skipped.csv.
        on_start: called once with what was finished before. on_pair: after every further pair.
    Raises:
        SettingError: `out` holds something else or was made otherwise, or the pictures are too few.
        OutputError: `out` cannot be written, or not any more; what is finished stays.
    """
    workers = max(1, workers)
    sound, broken = _sound(pictures, workers)
    made = Made(skipped=[*skipped, *broken])
    if masks is not None:
        masks.labellers([one for one in sound if one.mask is None])  # raises before anything is written
    with _opened(out, _provenance(sound, settings, remover, masks)) as rows:
        if masks is not None:
            sound, unlabelled = store_labels(sound, masks, out / LABELS, workers)
            made.skipped += unlabelled
        forge = partial(_of_pictures, pictures=sound, settings=settings, objects=out / OBJECTS, remover=remover)
        _fill(out, rows, made, forge, count, workers, on_start, on_pair)
    return made


def forge_documents(
    out: Path,
    settings: ForgeSettings,
    split: str,
    count: int,
    *,
    workers: int = 1,
    on_start: Callable[[Made], None] | None = None,
    on_pair: Callable[[], None] | None = None,
) -> Made:
    """As `forge_folder`, of pages that are rendered here.

    Args:
        split: whose typefaces and layouts, "train" or "val".
    Raises:
        SettingError: `out` holds something else or was made otherwise, or a typeface is not installed.
        OutputError: as `forge_folder`.
    """
    from webiml.forge.document.forgery import forge_document  # with its typefaces, which photographs do without

    made = Made()
    with _opened(out, settings.decides() | {"split": split}) as rows:
        forge = partial(forge_document, settings=settings, split=split)
        _fill(out, rows, made, forge, count, max(1, workers), on_start, on_pair)
    return made


def _fill(
    out: Path,
    rows: dict[str, dict[str, str]],
    made: Made,
    forge: Callable[[str], ForgedPair],
    count: int,
    workers: int,
    on_start: Callable[[Made], None] | None,
    on_pair: Callable[[], None] | None,
) -> None:
    """Forge what is not among the finished `rows` yet, add it to them and to `made`, and write the tables."""
    for row in rows.values():
        made.add(row)
    made.resumed = made.pairs
    if on_start:
        on_start(made)
    todo = [key for key in pair_keys(count) if key not in rows]
    work = partial(_forge, forge=forge, objects=out / OBJECTS)
    failures: list[SkippedPicture] = []
    with closing(run_ordered(work, todo, workers, one_thread)) as results, Lines(out / _STATE / _LINES) as journal:
        for key, result in results:
            if isinstance(result, str):
                raise SettingError(result)
            if isinstance(result, Crashed):
                made.failed += 1
                failures.append(SkippedPicture(key, Problem(Reason.INTERNAL_ERROR, result.detail[:300])))
                continue
            row, files = result
            for name, data in files.items():
                if not name.startswith(OBJECTS) or not (out / name).exists():
                    write_bytes(out / name, data)
            journal.add(row)
            rows[key] = row
            made.add(row)
            if on_pair:
                on_pair()
    _write_tables(out, [rows[key] for key in sorted(rows)], [*made.skipped, *failures])


def pair_keys(count: int) -> Iterator[str]:
    """Keys of the first `count` pairs of any folder."""
    return (f"pair-{index:07d}" for index in range(count))


def forged_as(row: dict[str, str]) -> str:
    """The one of FORGE_KINDS as which a row of the tables was made; to annotate, a jittered pair is SPG."""
    if not row.get("authentic"):
        return "single"
    return "jittered" if row["operations"].split(" ")[0] == JITTERED else row["kind"]


def finished_pairs(out: Path) -> int:
    """How many pairs are finished in a folder, which may not exist yet. Nothing is written."""
    return len(_read_rows(out)) if (out / _STATE).is_dir() else 0


def refuse_foreign(out: Path) -> None:
    """Raise SettingError when `out` holds something that is no folder of forged pairs."""
    if out.exists() and not out.is_dir():
        raise SettingError(f"--out {out} is a file; give a folder.")
    if out.is_dir() and not (out / _STATE).is_dir() and any(one.name not in _HARMLESS for one in out.iterdir()):
        raise SettingError(f"--out {out} holds other files; give an empty or a new folder.")


def load_remover(name: str) -> Remover:
    """The function that `package.module:function` names.

    Raises:
        SettingError: it cannot be imported or is no function.
    """
    return function_named(name, "--remover", "rgb, hole")


# ---------------------------------------------------------------- in the workers


def _check(picture: SourcePicture) -> Problem | None:
    try:
        read_picture(picture)
    except BadImage as error:
        return Problem(error.reason, error.detail)
    return None


def _of_pictures(
    key: str, pictures: Sequence[SourcePicture], settings: ForgeSettings, objects: Path, remover: str | Remover
) -> ForgedPair:
    fill = load_remover(remover) if isinstance(remover, str) and remover else remover or None
    return forge_pair(key, pictures, settings, objects=objects, remover=cast("Remover | None", fill))


def _forge(
    key: str, forge: Callable[[str], ForgedPair], objects: Path
) -> tuple[dict[str, str], dict[str, bytes]] | str:
    """Row and files of one pair; a sentence when it cannot be made."""
    try:
        pair = forge(key)
    except SettingError as error:
        return str(error)
    files = {f"manipulated/{key}.png": encode_png(pair.manipulated), f"masks/{key}.png": _map_png(pair.mask)}
    if not pair.single:
        files[f"authentic/{key}.png"] = encode_png(pair.authentic)
    if pair.donor_mask is not None:
        files[f"donor_masks/{key}.png"] = _map_png(pair.donor_mask)
    row = _row(pair, files)
    for picture in pair.sources:
        if isinstance(picture, SourcePicture) and not (objects / stored_name(picture)).exists():
            files[f"{OBJECTS}/{stored_name(picture)}"] = encode_png(parts_of(picture, objects))
    return row, files


def _map_png(mask: Any) -> bytes:
    return encode_png(mask.view("uint8") * 255)


def _row(pair: ForgedPair, files: Iterable[str]) -> dict[str, str]:
    place = {name.partition("/")[0]: name for name in files}
    licences = list(dict.fromkeys(one.license for one in pair.sources if one.license))
    return {
        "key": pair.key,
        "authentic": place.get("authentic", ""),
        "manipulated": place["manipulated"],
        "mask": place["masks"],
        "donor_mask": place.get("donor_masks", ""),
        "kind": pair.kind.value,
        "operations": " ".join(one.replace(" ", "_") for one in pair.operations),
        "transforms": json.dumps([[round(float(v), 9) for v in one.ravel()] for one in pair.transforms]),
        "pictures": " + ".join(one.key for one in pair.sources),
        "source": " + ".join(one.source for one in pair.sources),
        "license": " + ".join(licences),
        "share_alike": " + ".join(one for one in licences if _SHARE_ALIKE.search(one)),
        "author": " + ".join(one.author for one in pair.sources if one.author),
    }


# ---------------------------------------------------------------- the folder


def _sound(pictures: Sequence[SourcePicture], workers: int) -> tuple[list[SourcePicture], list[SkippedPicture]]:
    """Pictures that can be read, and the others."""
    sound, broken = [], []
    with closing(run_ordered(_check, pictures, workers)) as results:
        for picture, problem in results:
            if isinstance(problem, Crashed):
                problem = Problem(Reason.INTERNAL_ERROR, problem.detail[:300])
            if problem is None:
                sound.append(picture)
            else:
                broken.append(SkippedPicture(picture.key, problem))
    return sound, broken


def _provenance(
    pictures: Sequence[SourcePicture], settings: ForgeSettings, remover: str | Remover, masks: InstanceMasks | None
) -> dict[str, Any]:
    """What decides the bytes of a folder."""
    listed = "\n".join(f"{one.key} {one.sha256} {one.scene} {one.mask is not None}" for one in pictures)
    named = remover if isinstance(remover, str) else f"{remover.__module__}:{getattr(remover, '__qualname__', '?')}"
    decides = settings.decides() | {"pictures": hashlib.sha256(listed.encode()).hexdigest()[:16], "remover": named}
    return decides | ({"labels": masks.name} if masks else {})


@contextmanager
def _opened(out: Path, provenance: dict[str, Any]) -> Iterator[dict[str, dict[str, str]]]:
    """The finished rows by key; nobody else writes there meanwhile."""
    refuse_foreign(out)
    with only_writer(out, f"{_STATE}/lock"):
        about = out / _STATE / "forge.json"
        if about.exists():
            there = json.loads(about.read_bytes())
            for name in {**provenance, **there}:
                if there.get(name) != provenance.get(name):
                    raise SettingError(
                        f"{out} was made with {name} {there.get(name)!r}, not {provenance.get(name)!r}; give another "
                        "--out, or the same pictures and settings."
                    )
        else:
            write_bytes(about, json.dumps(provenance, sort_keys=True).encode())
        for name in (*FOLDERS, OBJECTS):
            make_folder(out / name)
            sweep(out / name)
        sweep(out)
        yield _read_rows(out)


def _read_rows(out: Path) -> dict[str, dict[str, str]]:
    """Rows of whole lines; what a kill cut short does not count."""
    with Lines(out / _STATE / _LINES) as lines:
        return {row["key"]: row for _, row in lines.read()}


def _write_tables(out: Path, rows: Sequence[dict[str, str]], skipped: Sequence[SkippedPicture]) -> None:
    pairs, singles = ([row for row in rows if bool(row["authentic"]) is wanted] for wanted in (True, False))
    write_bytes(out / "pairs.csv", _csv(COLUMNS, pairs))
    if singles:
        columns = [name for name in COLUMNS if name not in ("authentic", "donor_mask", "kind", "transforms")]
        write_bytes(out / "singles.csv", _csv(columns, singles))
    left_out = [{"name": o.name, "reason": o.problem.reason.value, "detail": o.problem.detail} for o in skipped]
    if left_out:
        write_bytes(out / "skipped.csv", _csv(("name", "reason", "detail"), left_out))
    else:
        (out / "skipped.csv").unlink(missing_ok=True)


def _csv(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
