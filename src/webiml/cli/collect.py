"""`webiml collect`: links in, a store of pictures out."""

from __future__ import annotations

import json as json_format
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from webiml import __version__
from webiml.cli.summary import FILES_NAMED, FILES_SHOWN, counted, line, most_frequent_first
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError
from webiml.settings import CollectRun, CollectSettings

if TYPE_CHECKING:
    from webiml.collect.plan import CollectPlan
    from webiml.collect.run import CollectCounts
    from webiml.collect.sources.read import Source

HOSTS_NAMED = 5  # in the text of a dry run

_MANNERS = Group("How links are asked for", sort_key=1)
_RUN = Group("What is asked for, and how the run is carried out", sort_key=2)
_SETTINGS, _DEFAULT_RUN = CollectSettings(), CollectRun()


@dataclass(frozen=True, slots=True)
class CollectSummary:
    """What became of the links: `fetched + unchanged + refused + failed + skipped == links`, but for doubles."""

    links: int
    """Links that the source named."""
    fetched: int
    """Rows of this run whose picture is in the store."""
    unchanged: int
    """Rows of pictures that were asked for again and are the same."""
    refused: int
    """Rows that we may not ask for, or keep."""
    failed: int
    """Rows that could not be had."""
    skipped: int
    """Links that an earlier run had finished."""
    source: str
    """What the source is."""
    ignored: list[str]
    """What the source holds beside links, the first 20."""
    resumed: int
    """Rows of this run that were finished before it was stopped."""
    reasons: dict[str, int]
    """Reason to rows of this run, the most frequent first."""
    bytes: int
    """Bytes of pictures that came now."""
    seconds: float
    """Wall time."""
    links_per_second: float | None
    """Rows that were finished now, per second; null when there was none to do."""
    store: str
    """The store's folder or address."""
    table: str | None
    """The table of this run, in the store; null when there was nothing to do."""
    dataset: str | None
    """The dataset that was rebuilt, with --dataset."""
    rebuilt: int | None
    """Its pairs whose pictures both came."""
    missing: int | None
    """Its pairs of which a picture did not come; they are failed rows."""
    version: str
    """Version of webiml."""


def collect(
    source: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"])],
    dataset: Path | None = None,
    config: Path | None = None,
    settings: Annotated[CollectSettings, Parameter(name="*", group=_MANNERS)] = _SETTINGS,
    run: Annotated[CollectRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Fetch the pictures that links name, politely, into a store.

    SOURCE is one of

    - a table of links (.csv, .tsv, .parquet, .jsonl), one row per pair or per picture
    - the manifests of PS-Battles, originals.tsv and photoshops.tsv in one folder
    - a saved forum listing (.json) of posts and comments
    - a manifest that `webiml dataset export --format manifest` wrote
    - a folder of pairs, which are copied into the store

    robots.txt and opt-out headers are obeyed, hosts are asked slowly, private addresses never. Every link ends as a
    row. The same command resumes after any interruption, and later asks only for what is new.

    Examples:

    - `webiml collect links.csv --out store --contact you@example.org`
    - `webiml collect links.csv --out store --contact you@example.org --retry timeout,server_error`
    - `webiml collect links.csv --out s3://bucket/store --contact https://example.org/crawler`
    - `webiml collect manifest --out store --dataset dataset --contact you@example.org`

    Exit codes: 0 the run finished (also with refused or failed links), 1 a link was refused or failed and --strict was
    given, 2 a wrong setting, 3 the store could not be written, 130 interrupted.

    Parameters
    ----------
    source
        What names the links.
    out
        The store, a folder or an address such as s3://bucket/store; made when missing, continued when it is there.
    dataset
        With a manifest as SOURCE: rebuild its dataset in this folder, of the pictures that came.
    config
        YAML file of the settings below, such as `host_rate: 2.0`; flags win over it.
    """
    # Heavy imports wait until the flags are known to be right.
    from webiml.cli.progress import CollectProgress
    from webiml.collect.sources.read import read_source
    from webiml.store.place import open_place

    listed = read_source(source, run.reader)
    place = open_place(out)
    if listed.reaches_network and not settings.contact:
        raise SettingError(
            "Give --contact, an e-mail address or a page where the owner of a server reaches you, "
            "such as --contact you@example.org."
        )
    if dataset is not None and not listed.is_manifest:
        raise SettingError(f"--dataset is for a manifest as SOURCE, and {source} is {listed.kind}.")
    if run.dry_run:
        from webiml.collect.plan import plan

        planned = plan(listed.links, place, settings, run)
        if run.json:
            say(json_format.dumps({"dry_run": True, "source": listed.kind, **asdict(planned), "version": __version__}))
        elif not run.quiet:
            say(_plan_text(planned))
        return 0

    if listed.reaches_network:
        import webiml.collect.fetch  # noqa: F401 (says which extra is missing before anything is written)
    from webiml.collect.run import collect as collect_links

    started, rebuilt = time.monotonic(), None
    with CollectProgress(listed.total, quiet=run.quiet) as progress:
        counts = collect_links(listed.links, place, settings, run, progress.count)
        if dataset is not None:
            progress.note("rebuilding the dataset")
            from webiml.datasets.rebuild import rebuild

            rebuilt = rebuild(open_place(source), place, dataset)
    summary = _gather(listed, counts, str(place), time.monotonic() - started)
    if rebuilt is not None:
        summary = replace(summary, dataset=str(dataset), rebuilt=rebuilt.rebuilt, missing=rebuilt.missing)
    if run.json:
        say(json_format.dumps(asdict(summary)))
    elif not run.quiet:
        say(_text(summary))
    return 1 if run.strict and summary.refused + summary.failed else 0


def _gather(listed: Source, counts: CollectCounts, store: str, seconds: float) -> CollectSummary:
    from webiml.store.links import table_name

    now = counts.rows - counts.resumed
    return CollectSummary(
        links=counts.links,
        fetched=counts.statuses["fetched"],
        unchanged=counts.statuses["unchanged"],
        refused=counts.statuses["refused"],
        failed=counts.statuses["failed"],
        skipped=counts.skipped,
        source=listed.kind,
        ignored=list(listed.ignored[:FILES_NAMED]),
        resumed=counts.resumed,
        reasons=most_frequent_first(counts.reasons),
        bytes=counts.bytes,
        seconds=round(seconds, 3),
        links_per_second=round(now / seconds, 3) if now > 0 and seconds else None,
        store=store,
        table=None if counts.generation is None else table_name(counts.generation),
        dataset=None,
        rebuilt=None,
        missing=None,
        version=__version__,
    )


def _text(summary: CollectSummary) -> str:
    counts = [(name, getattr(summary, name)) for name in ("fetched", "unchanged", "refused", "failed", "skipped")]
    shown = [f"{name} {count:,}" for name, count in counts if count or name == "fetched"]
    lines = ["   ".join([f"links {summary.links:,}", *shown])]
    lines.append(line("source", summary.source))
    lines += [line("beside", plain(words)) for words in summary.ignored[:FILES_SHOWN]]
    if summary.reasons:
        lines.append(line("reasons", " · ".join(f"{name} {count:,}" for name, count in summary.reasons.items())))
    if summary.table is None:
        lines.append(line("nothing to do", "every link was finished by an earlier run; --retry or --refresh ask again"))
    else:
        lines.append(line("pictures", f"{summary.bytes / 1e6:,.1f} MB in {summary.seconds:,.1f} s"))
        lines.append(line("every row", f"{plain(summary.store)}/{summary.table}"))
    if summary.dataset is not None:
        words = f"{summary.rebuilt:,} pairs rebuilt, {summary.missing:,} without a picture"
        lines.append(line("dataset", f"{plain(summary.dataset)}: {words}"))
    else:
        lines.append(line("next", f"webiml annotate {plain(summary.store)} --out dataset; the same command resumes"))
    return "\n".join(lines)


def _plan_text(planned: CollectPlan) -> str:
    hosts = most_frequent_first(planned.hosts)
    named = counted({plain(host): count for host, count in list(hosts.items())[:HOSTS_NAMED]})
    more = f" and {len(hosts) - HOSTS_NAMED:,} more" if len(hosts) > HOSTS_NAMED else ""
    lines = [
        f"links {planned.links:,}   to ask for {planned.to_ask:,}   finished before {planned.skipped:,}   "
        f"not understood {planned.problems:,}",
        *([line("hosts", named + more)] if hosts else []),
        line("at least", f"{planned.seconds:,.0f} s, by --host-rate and the host with most links"),
        "Nothing was asked for and nothing was written.",
    ]
    return "\n".join(lines)
