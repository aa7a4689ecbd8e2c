"""What is decided before the first picture is opened: benchmarks, protocol, and where the maps come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.items import Benchmark
from webiml.evaluate.degrade import Degradation
from webiml.evaluate.leaks import TrainingData, training_table
from webiml.evaluate.maps import Maker, maker_of
from webiml.evaluate.predictions import match_predictions
from webiml.evaluate.protocols import PROTOCOLS, Protocol
from webiml.settings import EvaluateRun, EvaluateSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before the first picture is opened.

    Attributes:
        maker: None where maps of another program are scored. files: these, by benchmark and key.
        unused: maps that belong to no picture. training: the pictures that taught the localizer; None where nobody
            knows them.
    """

    benchmarks: tuple[Benchmark, ...]
    protocol: Protocol
    settings: EvaluateSettings
    maker: Maker | None
    files: Mapping[str, Mapping[str, Path]]
    unused: int = 0
    degradations: tuple[Degradation, ...] = ()
    training: TrainingData | None = None

    @property
    def pictures(self) -> int:
        """Pictures of all benchmarks."""
        return sum(len(one.items) for one in self.benchmarks)

    @property
    def steps(self) -> int:
        """How often a picture is looked at: for leaks, for its score, and after each degradation."""
        return self.pictures * (1 + len(self.degradations) + (self.training is not None))


def plan(
    benchmarks: Sequence[Benchmark],
    settings: EvaluateSettings,
    run: EvaluateRun,
    degradations: Sequence[Degradation] = (),
) -> Plan:
    """Decide everything; no picture is opened, but for a few saved maps.

    Raises:
        SettingError: there is no such localizer, a picture has no map or two, or maps are to be degraded.
    """
    named_apart = _named_apart(benchmarks)
    files: dict[str, Mapping[str, Path]] = {}
    unused: set[Path] | None = None
    maker, training = None, None
    if settings.predictions is not None:
        if degradations:
            raise SettingError("--degrade needs --weights or --net: maps of --predictions cannot be made again.")
        for one in named_apart:
            matched = match_predictions(one.items, settings.predictions)
            files[one.name] = matched.files
            unused = set(matched.unused) if unused is None else unused & set(matched.unused)
    else:
        maker = maker_of(settings, download=run.download)
        if maker.weights:
            training = training_table(settings.weights, settings.revision or None, run.download)
    return Plan(
        named_apart,
        PROTOCOLS[settings.protocol],
        settings,
        maker,
        files,
        len(unused or ()),
        tuple(degradations),
        training,
    )


def _named_apart(benchmarks: Sequence[Benchmark]) -> tuple[Benchmark, ...]:
    """The benchmarks, two of one name told apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for one in benchmarks:
        seen[one.name] = seen.get(one.name, 0) + 1
        found.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name}-{seen[one.name]}"))
    return tuple(found)
