"""`webiml grow`: whatever is new, from links to one more generation of a dataset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from webiml.cli.config import check_values, read_yaml
from webiml.cli.grow_summary import plan_json, plan_text, summary_json, summary_text
from webiml.cli.terminal import say
from webiml.errors import SettingError
from webiml.settings.annotate import AnnotateRun, AnnotatorSettings
from webiml.settings.collect import CollectRun, CollectSettings
from webiml.settings.grow import GrowCard, GrowDedup, GrowLeaks, GrowSettings

if TYPE_CHECKING:
    from webiml.grow.run import Begin

_SECTIONS: dict[str, tuple[type, ...]] = {
    "collect": (CollectSettings, CollectRun),
    "annotate": (AnnotatorSettings, AnnotateRun),
    "dedup": (GrowDedup,),
    "leaks": (GrowLeaks,),
    "card": (GrowCard,),
}
_FLAGS = ("strict", "dry_run", "json", "quiet")  # of the single commands; here those of grow itself count


def grow(config: Path, /, *, dry_run: bool = False, json: bool = False, quiet: bool = False) -> int:
    """Make one more generation of a dataset of whatever is new: collect, annotate, dedup, leaks, card.

    CONFIG is a YAML file that says where the links come from, where the store and the generations lie, and how each
    step is done. A generation is a dataset that holds what is new since the earlier ones, and is never changed. Run
    again, the command touches only what is new, so it may run every night. After any interruption the same command
    goes on; a generation is visible whole or not at all. Two runs at once do no harm: the second ends with exit code 2.

    Examples:

    - `webiml grow cats.yaml`
    - `webiml grow cats.yaml --dry-run`
    - `webiml grow cats.yaml --quiet` in a crontab: silent when nothing is wrong

    A short CONFIG: `source: links.csv`, `store: store`, `generations: generations` and
    `collect: {contact: you@example.org}`, a line each.

    Exit codes: 0 the run finished, also when nothing was new, 2 a wrong setting or another run is at work, 3 something
    could not be written, 130 interrupted.

    Parameters
    ----------
    config
        YAML file. Paths in it are relative to it.
    dry_run
        Say what would be done and what it would cost; ask for nothing, write nothing.
    json
        Print one JSON object on stdout instead of the text.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    settings = read_settings(config)
    # Heavy imports wait until the file is known to be right
    if dry_run:
        from webiml.grow.plan import plan

        planned = plan(settings)
        if json or not quiet:
            say(plan_json(planned) if json else plan_text(planned))
        return 0
    from webiml.grow.run import grow as grow_generation

    started = time.monotonic()
    with _progress(quiet) as begin:
        grown = grow_generation(settings, begin)
    seconds = round(time.monotonic() - started, 3)
    if json or not quiet:
        say(summary_json(grown, settings, seconds) if json else summary_text(grown, settings, seconds))
    return 0


def read_settings(path: Path) -> GrowSettings:
    """What a CONFIG says, every key and value checked; paths in it are taken from where it lies.

    Raises:
        SettingError: it cannot be read, or a key or a value does not fit.
    """
    known = {"source": str, "store": str, "generations": str, "against": tuple[str, ...]}
    content = read_yaml(path, str(path), "source: links.csv")
    values = check_values(content, known | dict.fromkeys(_SECTIONS, dict), str(path))
    for name in ("source", "store", "generations"):
        if not values.get(name):
            raise SettingError(f"{path} does not say {name}: add a line such as `{name}: {_EXAMPLES[name]}`.")
    made: dict[str, Any] = {}
    for section, types in _SECTIONS.items():
        hints = {name: hint for one in types for name, hint in get_type_hints(one).items()}
        names = {one: [f.name for f in fields(one) if f.name not in _FLAGS] for one in types}
        allowed = {name: hints[name] for one in types for name in names[one]}
        given = check_values(values.get(section, {}), allowed, f"{path}: {section}")
        if given.get("weights") is not None:
            given["weights"] = path.parent / given["weights"]
        for one in types:
            try:
                part = one(**{name: given[name] for name in names[one] if name in given})
            except SettingError as error:
                raise SettingError(f"{path}: {section}: {error}") from None
            made[section if one is types[0] else f"{section}_run"] = part
    if not made["card"].name:
        made["card"] = GrowCard(path.stem)
    return GrowSettings(
        source=_from_here(path, values["source"]),
        store=_from_here(path, values["store"]),
        generations=Path(_from_here(path, values["generations"])),
        against=tuple(_from_here(path, one) for one in values.get("against", ())),
        **made,
    )


_EXAMPLES = {"source": "links.csv", "store": "store", "generations": "generations"}


def _from_here(path: Path, name: str) -> str:
    return name if "://" in name else str(path.parent / name)


@contextmanager
def _progress(quiet: bool) -> Iterator[Begin]:
    """A bar, or lines, for one step after the other."""
    from webiml.runners.progress import Progress

    shown: list[Progress] = []

    def end() -> None:
        while shown:
            shown.pop().__exit__(None, None, None)

    def begin(what: str, total: int, done: int = 0) -> Any:
        end()
        progress = Progress(what, total, done, quiet=quiet).__enter__()
        shown.append(progress)

        def tick(words: str = "", done: int | None = None) -> None:
            progress.add(words) if done is None else progress.update(done, words)

        return tick

    try:
        yield begin
    finally:
        end()
