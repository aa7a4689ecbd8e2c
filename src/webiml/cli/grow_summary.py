"""What `webiml grow` says: a few lines for a person, or one JSON object for a program."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from webiml import __version__
from webiml.cli.summary import counted, line, most_frequent_first
from webiml.cli.terminal import plain
from webiml.settings.grow import GrowSettings

if TYPE_CHECKING:
    from webiml.grow.plan import GrowPlan
    from webiml.grow.run import Generation, Grown

_HOSTS_NAMED = 5


def summary_json(grown: Grown, settings: GrowSettings, seconds: float) -> str:
    """What a run has done, as one line of JSON."""
    collected = grown.collected
    record = {
        "generation": str(grown.generations[-1].folder) if grown.generations else None,
        "collect": {
            "source": grown.source,
            "links": collected.links,
            "skipped": collected.skipped,
            **{name: collected.statuses[name] for name in ("fetched", "unchanged", "refused", "failed")},
            "reasons": most_frequent_first(collected.reasons),
            "bytes": collected.bytes,
            "store": settings.store,
        },
        "waiting": grown.waiting,
        "generations": [
            {"folder": str(one.folder), "resumed": one.resumed, "changed": one.changed, **asdict(one.record)}
            for one in grown.generations
        ],
        "seconds": seconds,
        "version": __version__,
    }
    return json.dumps(record)


def summary_text(grown: Grown, settings: GrowSettings, seconds: float) -> str:
    """What a run has done, in a few lines for a person."""
    collected = grown.collected
    names = ("fetched", "unchanged", "refused", "failed")
    asked = [f"{name} {collected.statuses[name]:,}" for name in names if collected.statuses[name]]
    lines = ["   ".join([f"links {collected.links:,}", *asked])]
    if collected.reasons:
        lines.append(line("reasons", counted(most_frequent_first(collected.reasons))))
    for one in grown.generations:
        lines += _about(one)
    if grown.waiting:
        lines.append(line("waiting", f"{grown.waiting:,} pairs of which a picture has not come; the store says why"))
    if not grown.generations:
        lines.append(line("nothing", "new: no generation was made, and none was changed"))
        return "\n".join(lines)
    lines.append(line("time", f"{seconds:,.1f} s"))
    folder = settings.generations
    lines.append(
        line(
            "next",
            f"open {plain(str(grown.generations[-1].folder / 'report.html'))}; "
            f"webiml dataset merge {plain(str(folder))}/* --out whole joins all",
        )
    )
    return "\n".join(lines)


def plan_json(planned: GrowPlan) -> str:
    """What a run would do, as one line of JSON."""
    return json.dumps({"dry_run": True, **asdict(planned), "version": __version__})


def plan_text(planned: GrowPlan) -> str:
    """What a run would do, in a few lines for a person."""
    lines = [f"links {planned.links:,}   to ask for {planned.to_ask:,}"]
    if planned.unfinished:
        words = f"{planned.unfinished_annotated:,} of {planned.unfinished_pairs:,} pairs annotated"
        lines.append(line("stopped", f"{plain(planned.unfinished)}, {words}; it is finished first"))
    hosts = most_frequent_first(planned.hosts)
    if hosts:
        named = counted({plain(host): count for host, count in list(hosts.items())[:_HOSTS_NAMED]})
        more = f" and {len(hosts) - _HOSTS_NAMED:,} more" if len(hosts) > _HOSTS_NAMED else ""
        lines.append(line("hosts", named + more))
    lines.append(line("pairs", f"{planned.pairs:,} new in the store; the links bring at most {planned.at_most_more:,}"))
    if planned.waiting:
        lines.append(line("waiting", f"{planned.waiting:,} pairs of which a picture has not come"))
    lines += [line("settings", plain(f"{words}; earlier generations stay")) for words in planned.changed]
    steps = " · ".join(f"{name} {seconds:,.1f} s" for name, seconds in planned.seconds.items())
    lines.append(line("cost", steps + (f", {planned.bytes / 1e6:,.1f} MB" if planned.bytes is not None else "")))
    if planned.seconds_a_pair is not None:
        each = f"{planned.seconds_a_pair:.3g} s"
        if planned.bytes_a_pair is not None:
            each += f" and {planned.bytes_a_pair / 1e6:.3g} MB"
        lines.append(line("a pair", f"{each}, measured: {planned.rates}"))
        if planned.at_most_more:
            most = planned.seconds_a_pair * planned.at_most_more
            lines.append(line("at most", f"{most:,.1f} s more, for the pairs that the links may bring"))
    else:
        lines.append(line("a pair", "no rate is known yet: there is no generation, and no pair to measure one with"))
    lines.append(line("next", "without --dry-run the same command does it; now nothing was written"))
    return "\n".join(lines)


def _about(one: Generation) -> list[str]:
    record = one.record
    statuses = "   ".join(f"{name} {record.statuses.get(name, 0):,}" for name in ("kept", "rejected", "failed"))
    lines = [f"generation {record.number:06d}   new pairs {record.pairs:,}   {statuses}"]
    if one.resumed:
        lines.append(line("resumed", "an earlier run had begun it"))
    dropped = {
        "duplicates": sum(record.steps["dedup"].found.values()),
        "leaks": record.steps["leaks"].found["pairs"] if "leaks" in record.steps else 0,
    }
    if any(dropped.values()):
        lines.append(line("dropped", counted({name: count for name, count in dropped.items() if count})))
    if record.reasons:
        lines.append(line("reasons", counted(most_frequent_first(record.reasons))))
    lines += [line("settings", plain(f"{words}; earlier generations stay")) for words in one.changed]
    lines.append(line("steps", " · ".join(f"{name} {step.seconds:,.1f} s" for name, step in record.steps.items())))
    return lines
