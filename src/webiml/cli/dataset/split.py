"""`webiml dataset split`: a dataset in parts that share nothing."""

from __future__ import annotations

import json as json_format
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from webiml import __version__
from webiml.cli.summary import line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.datasets.groups import Alike
    from webiml.datasets.split import Divided, Plan
    from webiml.store.place import Place


def split(
    dataset: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    parts: str = "train=0.8,val=0.1,test=0.1",
    seed: int = 0,
    near: bool = False,
    workers: int = 0,
    dry_run: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Divide a dataset; pairs that belong together stay together.

    Pairs that share a picture, the address of the authentic picture or a group are in one part, and so is everything
    that hangs together through others. All rows go somewhere, as they are. Where, the seed and the keys decide, so a
    dataset that has grown is divided nearly as before. The same command resumes after any interruption.

    Examples:

    - `webiml dataset split dataset --out parts`
    - `webiml dataset split dataset --out parts --parts train=0.9,test=0.1 --seed 7`
    - `webiml dataset split dataset --out parts --near`

    Exit codes: 0 the run finished, 2 a wrong setting, 3 the output could not be written, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset: a folder, or an address such as s3://bucket/dataset.
    out
        Folder of the parts, a dataset each; made when missing, continued when it is there.
    parts
        Names and shares of the parts.
    seed
        Another seed, another division.
    near
        Keep pictures together, too, that look alike although their bytes differ; each has to be hashed for that.
    workers
        Processes that hash with --near; 0 takes one for each core. Results do not depend on it.
    dry_run
        Say what the parts would be, write nothing.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.split import plan_split, read_parts, split_dataset
    from webiml.runners.progress import Progress
    from webiml.store.dataset import dataset_info
    from webiml.store.place import open_place

    shares, place = read_parts(parts), open_place(dataset)
    dataset_info(place)
    started, done = time.monotonic(), None
    plan = plan_split(place, shares, seed, _alike(place, workers, quiet) if near else None)
    if not dry_run:
        with Progress("split", len(plan.of_row), quiet=quiet) as progress:
            done = split_dataset(plan, out, lambda counts: progress.update(counts.rows))
    seconds = time.monotonic() - started
    if json:
        say(json_format.dumps(_record(plan, done, out, seconds)))
    elif not quiet:
        say(_text(plan, done, out, seconds))
    return 0


def _alike(place: Place, workers: int, quiet: bool) -> Alike:
    from webiml.datasets.split_alike import alike_pictures
    from webiml.runners.progress import Progress
    from webiml.store.parquet import FILE_NAME, count_rows

    with Progress("hash pictures", 2 * count_rows(place, FILE_NAME), quiet=quiet) as progress:
        return alike_pictures(place, workers, on_picture=progress.add)


def _record(plan: Plan, done: Divided | None, out: Path, seconds: float) -> dict[str, Any]:
    record: dict[str, Any] = {
        "dry_run": done is None,
        "input": str(plan.place),
        "rows": len(plan.of_row),
        "parts": [asdict(part) for part in plan.parts],
        "off": plan.off,
        "largest_group": plan.largest,
        "seed": plan.seed,
        "seconds": round(seconds, 3),
        "out": str(out),
        "version": __version__,
    }
    return record if done is None else record | {"resumed": done.resumed, "damaged": done.damaged}


def _text(plan: Plan, done: Divided | None, out: Path, seconds: float) -> str:
    width = max(len("part"), *(len(part.name) for part in plan.parts))
    lines = [f"{'part':<{width}}   {'rows':>9}   {'kept':>9}   {'groups':>9}   {'share':>7}   {'wanted':>7}"]
    lines += [
        f"{part.name:<{width}}   {part.rows:9,}   {part.kept:9,}   {part.groups:9,}   {part.share:7.1%}   "
        f"{part.wanted:7.1%}"
        for part in plan.parts
    ]
    largest = f"the largest group that belongs together has {plan.largest:,} rows"
    lines.append(line("off", f"{100 * plan.off:.1f} percentage points at most; {largest}"))
    if done is None:
        lines.append(line("next", f"without --dry-run the same command writes {plain(str(out))}; now nothing was"))
        return "\n".join(lines)
    if done.damaged:
        lines.append(line("damaged", f"{done.damaged:,} rows fail now; webiml dataset verify names what is wrong"))
    resumed = f"; {done.resumed:,} were already written" if done.resumed else ""
    lines.append(line("time", f"{done.rows:,} in {seconds:.1f} s{resumed}"))
    lines.append(line("parts", plain(", ".join(str(out / part.name) for part in plan.parts))))
    return "\n".join(lines)
