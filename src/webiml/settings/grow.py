"""Settings of `webiml grow`: what its YAML file holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from webiml.errors import SettingError
from webiml.settings.annotate import AnnotateRun, AnnotatorSettings
from webiml.settings.collect import CollectRun, CollectSettings


@dataclass(frozen=True)
class GrowDedup:
    """What of `webiml dataset dedup` may be set."""

    distance: int = 6
    """Two pictures whose hashes differ in more than so many of 64 bits are not near, 0 to 16."""

    def __post_init__(self) -> None:
        _refuse_distance(self.distance)


@dataclass(frozen=True)
class GrowLeaks:
    """What of `webiml dataset leaks` may be set."""

    distance: int = 8
    """Two pictures whose hashes differ in more than so many of 64 bits are not near, 0 to 16."""

    def __post_init__(self) -> None:
        _refuse_distance(self.distance)


@dataclass(frozen=True)
class GrowCard:
    """What of `webiml dataset card` may be set."""

    name: str = ""
    """Name of the whole, for people; the number of the generation is put behind it. By default the YAML file's."""


@dataclass(frozen=True)
class GrowSettings:
    """One growing dataset: where it comes from, where it lies, and how each step is done."""

    source: str
    """What names the links, as for `webiml collect`."""
    store: str
    """The store, a folder or an address."""
    generations: Path
    """Folder of the generations."""
    against: tuple[str, ...] = ()
    """Benchmarks whose pictures must not come in: folders, tables of pairs, datasets."""
    collect: CollectSettings = field(default_factory=CollectSettings)
    """How links are asked for."""
    collect_run: CollectRun = field(default_factory=CollectRun)
    """What is asked for."""
    annotate: AnnotatorSettings = field(default_factory=AnnotatorSettings)
    """What decides the masks."""
    annotate_run: AnnotateRun = field(default_factory=AnnotateRun)
    """Shape of the generations, and how many processes work, also on the steps that follow."""
    dedup: GrowDedup = field(default_factory=GrowDedup)
    """When two pictures are one."""
    leaks: GrowLeaks = field(default_factory=GrowLeaks)
    """When a picture is one of a benchmark."""
    card: GrowCard = field(default_factory=GrowCard)
    """How a generation is described."""


def _refuse_distance(distance: int) -> None:
    if not 0 <= distance <= 16:
        raise SettingError(f"distance must lie between 0 and 16, got {distance}.")
