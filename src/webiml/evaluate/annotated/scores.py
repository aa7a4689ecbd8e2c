"""A dataset of ours against published masks: every row of the truth is one scored pair."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from webiml import __version__
from webiml.errors import MAX_DETAIL, SettingError
from webiml.evaluate.annotated.figures import KindFigures, MaskFigures, ScoredPair, kind_figures, mask_figures
from webiml.evaluate.annotated.pairs import LEVEL, score_pair, skipped
from webiml.evaluate.annotated.truth import Matched, Published, list_masks, match, read_truth_table
from webiml.images.read import readable
from webiml.metrics.calibration import Reliability
from webiml.runners.cores import one_thread, usable_cores
from webiml.runners.local import Crashed, run_ordered
from webiml.runners.where import commit
from webiml.store.atomic import make_folder, replacing, write_bytes
from webiml.store.dataset import DatasetInfo, dataset_info, read_rows
from webiml.types import Kind, Problem, Reason, Row

RESULT, TABLE = "result.json", "per_image.parquet"
COMMAND = "evaluate-annotations"
NAMED = 20  # skipped pairs, and pairs without truth, that a result names
_ROWS_A_GROUP = 1000
_HARMLESS = {".DS_Store", "lost+found"}  # what a folder may hold and still count as empty


@dataclass(frozen=True, slots=True)
class AnnotationScores:
    """What result.json holds."""

    command: str
    """evaluate-annotations."""
    dataset: str
    """The folder that was scored."""
    truth: str
    """The table or the folder with the published masks."""
    threshold: str
    """What of a stored mask counts as marked, and that no size was changed."""
    n: int
    """Pairs that were scored: the rows of the truth less those that were skipped."""
    skipped: dict[str, int]
    """Reason to rows of the truth that could not be scored, the most frequent first."""
    skipped_pairs: tuple[str, ...]
    """The first 20 of them, each with what was wrong."""
    unscored: int
    """Rows of the dataset of which nothing is published."""
    unscored_pairs: tuple[str, ...]
    """The first 20 of them."""
    ignored: tuple[str, ...]
    """Other files in the folder of --masks."""
    kinds: KindFigures | None
    """Right and wrong kinds; null when the truth knows no kinds, as with --masks."""
    masks: dict[str, MaskFigures]
    """Over all pairs under `all`, and by true kind under SPG and SDG where there are such."""
    fingerprint: str
    """SHA-256 over the keys, the manipulated pictures and the published masks that were scored."""
    settings: dict[str, Any]
    """The settings that decided the dataset, as it says itself."""
    weights: tuple[str, ...]
    """Names and hashes of the networks that made it, as its rows say."""
    dataset_version: str
    """Version of webiml that wrote the dataset."""
    version: str
    """Version of webiml that scored it."""
    commit: str | None
    """Commit of the checkout that scored it; null for an installed package."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What there is to score; nothing has been opened but the tables.

    Attributes:
        source: the table or the folder of the truth. ignored: other files in that folder.
    """

    dataset: Path
    info: DatasetInfo
    source: Path
    matched: Matched
    ignored: tuple[str, ...] = ()


def plan_scores(dataset: Path, *, truth: Path | None = None, masks: Path | None = None) -> Planned:
    """Read the truth and find the pair of each published mask; no mask is opened.

    Args:
        dataset: made by `webiml annotate`, of either shape, finished.
        truth, masks: one of them: a table with the columns key, mask and perhaps kind and group or component; or a
            folder of masks that are called by their keys.
    Raises:
        SettingError: the dataset or the truth cannot be read, or the dataset lacks keys of the truth.
    """
    if (truth is None) == (masks is None):
        raise SettingError("Give one of --truth TABLE and --masks DIR: where the published masks are.")
    info = dataset_info(dataset)
    ignored: list[str] = []
    if masks is not None:
        source = masks
        published, ignored = list_masks(masks)
    else:
        source = truth or Path()
        published = read_truth_table(source)
    return Planned(dataset, info, source, match(published, read_rows(dataset), dataset, source), tuple(ignored))


def score_annotations(
    planned: Planned, workers: int = 0, on_pair: Callable[[ScoredPair], object] | None = None
) -> tuple[AnnotationScores, list[ScoredPair]]:
    """Compare the masks of a dataset with published ones.

    Args:
        workers: processes; 0 takes one for each core. The result does not depend on it.
        on_pair: called with each pair when it is done.
    Returns:
        The figures, and one row for every row of the truth, sorted by name.
    Raises:
        SettingError: the dataset's table cannot be read to its end.
    """
    dataset, matched = planned.dataset, planned.matched
    pairs = [skipped(one) for one in matched.problems]
    pixels: dict[str, Reliability] = {}
    fingerprint = hashlib.sha256()
    rest = _Rest(matched)
    count = max(1, min(workers or usable_cores(), len(matched.by_key)))
    with closing(run_ordered(partial(score_pair, dataset), rest.tasks(dataset), count, one_thread)) as results:
        for (row, one), result in results:
            if isinstance(result, Crashed):
                result = skipped(one, row, Problem(Reason.WORKER_DIED, result.detail[:MAX_DETAIL])), None
            pair, bins = result
            pairs.append(pair)
            if pair.skipped is None:
                line = (pair.key, row.manipulated_sha256, pair.truth_sha256, pair.kind)
                fingerprint.update(json.dumps(line).encode() + b"\n")
            for part in ("all", pair.kind):
                if bins is not None and part is not None:
                    pixels[part] = pixels[part] + bins if part in pixels else bins
            if on_pair is not None:
                on_pair(pair)
    left_out = [pair for pair in pairs if pair.skipped is not None]
    scores = AnnotationScores(
        command=COMMAND,
        dataset=readable(dataset),
        truth=readable(planned.source),
        threshold=f"stored value {LEVEL} of 255 and above; published masks above 127; no size is changed",
        n=len(pairs) - len(left_out),
        skipped=dict(Counter(pair.skipped or "" for pair in left_out).most_common()),
        skipped_pairs=tuple(f"{pair.name}: {pair.detail or pair.skipped}" for pair in left_out[:NAMED]),
        unscored=rest.count,
        unscored_pairs=tuple(rest.names),
        ignored=planned.ignored[:NAMED],
        kinds=kind_figures(pairs),
        masks=_by_kind(pairs, pixels),
        fingerprint=fingerprint.hexdigest(),
        settings=json.loads(json.dumps(planned.info.settings), parse_constant=lambda _: None),  # no NaN of a stranger
        weights=tuple(sorted(rest.weights)),
        dataset_version=planned.info.package_version,
        version=__version__,
        commit=commit(),
    )
    return scores, sorted(pairs, key=lambda pair: pair.name)


def write_scores(out: Path, scores: AnnotationScores, pairs: Sequence[ScoredPair]) -> None:
    """Write OUT/result.json and OUT/per_image.parquet, each in one step.

    Raises:
        OutputError: one of them cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    make_folder(out)
    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
    columns = [(one.name, str(one.type).removesuffix(" | None"), "None" in str(one.type)) for one in fields(ScoredPair)]
    schema = pa.schema([pa.field(name, types[kind], nullable=null) for name, kind, null in columns])
    rows = iter(pairs)
    with replacing(out / TABLE) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := [asdict(pair) for pair in islice(rows, _ROWS_A_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
    write_bytes(out / RESULT, json.dumps(asdict(scores), indent=1, allow_nan=False).encode() + b"\n")


def refuse_unfit(out: Path, dataset: Path, source: Path | None) -> None:
    """Refuse a place for the result that holds something else. Writes nothing.

    Raises:
        SettingError: it is a file, lies in what is scored, or is not empty and holds no result of this command.
    """
    for place in (dataset, source):
        if place is not None and place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise SettingError(f"--out {out} lies inside {place}, which is scored; choose another place.")
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is a file: give a folder to --out.")
    if not out.is_dir() or all(entry.name in _HARMLESS for entry in out.iterdir()):
        return
    try:
        there = json.loads((out / RESULT).read_bytes())
        ours = isinstance(there, dict) and there.get("command") == COMMAND
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise SettingError(f"{out} is not empty and holds no result of webiml {COMMAND}: give another --out.")


class _Rest:
    """Hands out the rows with their published masks, and counts those that have none."""

    def __init__(self, matched: Matched) -> None:
        self.matched = matched
        self.passed = {one.name for one in matched.problems}  # named in the truth, so not without truth
        self.count = 0
        self.names: list[str] = []
        self.weights: set[str] = set()

    def tasks(self, dataset: Path) -> Iterator[tuple[Row, Published]]:
        for row in read_rows(dataset):
            if row.key in self.matched.by_key:
                if row.weights:
                    self.weights.add(row.weights)
                yield replace(row, extra={}), self.matched.by_key[row.key]
            elif row.key not in self.passed and row.name not in self.passed:
                self.count += 1
                if len(self.names) < NAMED:
                    self.names.append(row.name)


def _by_kind(pairs: Sequence[ScoredPair], pixels: dict[str, Reliability]) -> dict[str, MaskFigures]:
    parts: dict[str, Sequence[ScoredPair]] = {"all": pairs}
    for kind in (Kind.SPG, Kind.SDG):
        if of_kind := [pair for pair in pairs if pair.kind == kind and pair.iou is not None]:
            parts[kind.value] = of_kind
    return {name: mask_figures(part, pixels.get(name)) for name, part in parts.items()}
