"""`webiml dataset stats`: a dataset or a store in numbers."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from webiml import __version__
from webiml.cli.summary import counted, line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.datasets.agreement import Agreement
    from webiml.datasets.stats import DatasetStats
    from webiml.datasets.store_stats import StoreStats

NAMED = 5  # sources, licences and hosts in text


def stats(dataset: str, /, *, json: bool = False, quiet: bool = False) -> int:
    """Count what is in a dataset or a store.

    The tables are read and the files are listed; nothing is written. Of a dataset that people have reviewed the counts
    are with what they decided, and only masks on which two people differ are opened.

    Examples:

    - `webiml dataset stats dataset`
    - `webiml dataset stats store --json`
    - `webiml dataset stats s3://bucket/dataset`

    Exit codes: 0 it was counted, 2 there is no dataset and no store, 130 interrupted.

    Parameters
    ----------
    dataset
        A dataset or a store: a folder, or an address such as s3://bucket/dataset.
    json
        Print one JSON object on stdout instead of the table.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.stats import dataset_stats
    from webiml.datasets.store_stats import store_stats
    from webiml.store.dataset import is_dataset
    from webiml.store.links import is_store
    from webiml.store.place import open_place

    place = open_place(dataset)
    if is_store(place):
        found, shape, text = (counts := store_stats(place)), "store", _store_text(counts)
    elif is_dataset(place):
        found, shape, text = (counts := dataset_stats(place)), "dataset", _dataset_text(counts)
    else:
        raise SettingError(f"{place} is neither a dataset nor a store of webiml, or is not finished.")
    if json:
        say(json_format.dumps({"shape": shape, **asdict(found), "version": __version__}))
    elif not quiet:
        say(text)
    return 0


def _dataset_text(found: DatasetStats) -> str:
    statuses = "   ".join(f"{status} {rows:,}" for status, rows in found.statuses.items())
    lines = [f"pairs {found.rows:,}   {statuses}"]
    kinds = {kind: sum(rows.values()) for kind, rows in found.kinds.items()}
    lines += [line("kinds", _counted(kinds, len(kinds)))] if kinds else []
    lines += [line("reasons", _counted(found.reasons, len(found.reasons)))] if found.reasons else []
    lines.append(
        line(
            "pictures",
            f"{found.pictures:,} different: {found.authentic_pictures:,} authentic, "
            f"{found.manipulated_pictures:,} manipulated; {found.rows_that_share:,} rows share "
            f"{found.shared_authentic:,} authentic ones",
        )
    )
    for word, values, form in (
        ("megapix.", found.megapixels, "{:.2f}"),
        ("longside", found.long_side, "{:.0f}"),
        ("area", found.mask_area, "{:.2%}"),
        ("QES", found.qes, "{:.3f}"),
    ):
        lines += _percentiles(word, values, form)
    lines += _named("sources", found.sources, found.source_count)
    lines += _named("licences", found.licenses, found.license_count)
    lines.append(line("authors", f"{found.author_count:,}"))
    lines += [line("settings", f"the rows were made with {found.settings:,}")] if found.settings > 1 else []
    lines.append(line("bytes", f"{_bytes(sum(found.bytes.values()))} in {found.files:,} files"))
    lines += _tombstones(found.tombstones)
    lines += _reviews(found.reviews) if found.reviews is not None else []
    return "\n".join(lines)


def _reviews(found: Agreement) -> list[str]:
    """What people decided, and how far each two of them agree."""
    lines = [
        line(
            "reviewed",
            f"{found.rows:,} rows: accepted {found.accepted:,}, with {found.drawn:,} drawn masks · "
            f"rejected {found.rejected:,} · disputed {found.disputed:,}",
        ),
        line("by", _counted(found.reviewers, NAMED)),
    ]
    for pair in found.pairs[:NAMED]:
        words = f"{plain(pair.a)} and {plain(pair.b)}: {pair.agreement:.0%} of {pair.rows:,} rows alike"
        words += "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
        words += "" if pair.mask_iou is None else f", IoU of {pair.masks:,} masks {pair.mask_iou:.2f}"
        lines.append(line("agree", words))
    if len(found.pairs) > NAMED:
        lines.append(line("agree", f"... and {len(found.pairs) - NAMED:,} more couples: --json has them all"))
    if found.unread:
        lines.append(line("damaged", f"masks of {len(found.unread):,} rows cannot be compared; see dataset verify"))
    return lines


def _store_text(found: StoreStats) -> str:
    statuses = "   ".join(f"{status} {links:,}" for status, links in found.statuses.items())
    lines = [f"links {found.links:,}   {statuses}"]
    lines += [line("reasons", _counted(found.reasons, len(found.reasons)))] if found.reasons else []
    lines.append(line("roles", f"{_counted(found.roles, 2)} in {found.groups:,} groups"))
    lines.append(line("pictures", f"{found.pictures:,} different, {_bytes(found.bytes)}"))
    lines += _percentiles("megapix.", found.megapixels, "{:.2f}")
    lines += _named("hosts", found.hosts, found.host_count)
    lines += [line("failing", _counted(found.failing_hosts, NAMED))] if found.failing_hosts else []
    lines += _named("sources", found.sources, len(found.sources.keys() - {""}))
    lines += _named("licences", found.licenses, len(found.licenses.keys() - {""}))
    lines.append(line("authors", f"{found.author_count:,}"))
    runs = " · ".join(f"{rows:,}" for rows in found.generations)
    lines.append(line("runs", f"{len(found.generations):,}, of so many links: {runs}" if runs else "0"))
    lines += _tombstones(found.tombstones)
    return "\n".join(lines)


def _percentiles(word: str, values: Mapping[str, float], form: str) -> list[str]:
    names = {"0": "least", "50": "median", "100": "most"}
    shown = [f"{names.get(percent, percent + ' %')} {form.format(value)}" for percent, value in values.items()]
    return [line(word, " · ".join(shown))] if shown else []


def _named(word: str, counts: Mapping[str, int], count: int) -> list[str]:
    return [line(word, f"{count:,}: {_counted(counts, NAMED)}")] if count else []


def _counted(counts: Mapping[str, int], limit: int) -> str:
    """The first of the counts; names come from files and addresses, so none can act on the terminal."""
    shown = {plain(name)[:80] or "none": rows for name, rows in list(counts.items())[:limit]}
    return counted(shown) + (" ..." if len(counts) > limit else "")


def _tombstones(count: int) -> list[str]:
    return [line("removed", f"{count:,} tombstones")] if count else []


def _bytes(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count} B"
        count /= 1000  # type: ignore[assignment]
    return f"{count:,.2f} TB"
