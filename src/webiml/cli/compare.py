"""`webiml compare`: results of several evaluations in, who wins and by how much out."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.evaluate.compare import Comparison

_OURS = {"compare.json", "compare.md", "compare.html", "compare.tex", ".DS_Store"}


def compare(
    *runs: Path,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    metric: Literal["f1", "iou", "auc", "f1_best"] = "f1",
    published: Path | None = None,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Set the results of several evaluations side by side, and say who wins.

    RUNS are folders that webiml evaluate has written, by one protocol. Compared are the pictures that all of them have
    scored: every run against the first, picture by picture, with a 95 % interval and the p-value of a permutation test
    that keeps pictures of one group together.

    DIR gets compare.html, compare.md, compare.tex and compare.json.

    Examples:

    - `webiml compare result other-result`
    - `webiml compare ours theirs-1 theirs-2 --metric iou --out comparison`
    - `webiml compare ours theirs --published figures.csv --out comparison`

    Exit codes: 0 the runs were compared, 2 a wrong setting or a folder that is no result, 3 the output could not be
    written.

    Parameters
    ----------
    runs
        Folders of results; the first is what the others are compared with.
    out
        Folder of the comparison; made when missing, written anew when it holds one. Without it the table is printed.
    metric
        What decides who wins: F1 or IoU at 0.5, pixel AUC, or F1 at the best threshold of each picture.
    published
        Table of figures that others have published, shown in the same table but never tested: name, benchmark,
        protocol, f1 and, where there are, iou, auc, f1_best, image_auc, n, source.
    json
        Print compare.json on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON, if asked for).
    """
    _refuse_out(out)
    # Heavy imports wait until the flags are known to be right.
    from webiml.evaluate.compare import compare as compare_runs
    from webiml.evaluate.published import read_published
    from webiml.report.comparison import as_record, write_comparison

    found = compare_runs(runs, metric, read_published(published) if published else ())
    page = write_comparison(out, found) if out else None
    if json:
        say(json_format.dumps(as_record(found), allow_nan=False))
    elif not quiet:
        say(_text(found, page))
    return 0


def _text(found: Comparison, page: Path | None) -> str:
    from webiml.cli.evaluate_summary import aligned
    from webiml.cli.summary import line
    from webiml.report.comparison import duel_table, figure_tables, pictures_words, sentence

    lines = []
    for table in [*figure_tables(found), duel_table(found)]:
        lines += [plain(table.title), *aligned(table.header, table.rows, table.text_columns), ""]
    for one in found.published:
        lines.append(line("published", plain(f"{one.name}: {one.source or 'no source is given'}")))
    if found.published_left_out:
        lines.append(line("left out", f"{found.published_left_out:,} published of another protocol or benchmark"))
    lines.append(line("pictures", plain(pictures_words(found))))
    lines += [line("result", plain(sentence(duel, found))) for duel in found.duels]
    if page:
        lines.append(line("next", f"open {plain(str(page))}"))
    return "\n".join(lines)


def _refuse_out(out: Path | None) -> None:
    if out is None:
        return
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is a file: give a folder to --out.")
    if out.is_dir() and any(entry.name not in _OURS for entry in out.iterdir()):
        raise SettingError(f"{out} holds something else than a comparison of webiml compare: give another --out.")
