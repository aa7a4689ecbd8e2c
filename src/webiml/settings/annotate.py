"""Settings of `webiml annotate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webiml.errors import SettingError
from webiml.settings.limits import refuse_megapixels, refuse_workers
from webiml.settings.runner import RunnerSettings


@dataclass(frozen=True)
class AnnotatorSettings:
    """What decides the result of an annotation. Hashed into every dataset; a resume with other values is refused."""

    method: Literal["learned", "prior"] = "learned"
    """How a pair is annotated: by the networks, or by the priors alone."""
    weights: Path | None = None
    """Folder of networks of your own, made by `webiml export`; what is not in it is taken from those that ship."""
    min_qes: float = 0.5
    """Keep masks whose Quality Evaluation Score is above this, [0, 1]."""
    min_area: float = 0.001
    """Reject masks that cover less than this share of the picture, [0, 1]."""
    max_area: float = 0.9
    """Reject masks that cover more than this share of the picture, [0, 1]."""
    max_unknown: float = 0.4
    """Reject SPG pairs of which the authentic picture leaves more than this share uncovered, [0, 1]."""
    max_megapixels: float = 200.0
    """Refuse pictures above this size before they are decoded, megapixels."""

    def __post_init__(self) -> None:
        for name in ("min_qes", "min_area", "max_area", "max_unknown"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingError(f"--{name.replace('_', '-')} must lie between 0 and 1, got {value}.")
        if self.min_area > self.max_area:
            raise SettingError(
                f"--min-area {self.min_area} is above --max-area {self.max_area}: nothing could be kept."
            )
        refuse_megapixels(self.max_megapixels)


@dataclass(frozen=True)
class AnnotateRun(RunnerSettings):
    """How a run is carried out; decides nothing about results."""

    format: Literal["folder", "shards"] = "folder"
    """Shape of the dataset: plain files, or sorted WebDataset tars for training at scale."""
    shard_pairs: int = 1000
    """Pairs a tar holds, with --format shards; and those that a worker of a cluster takes at once."""
    workers: int = 0
    """Processes that annotate; 0 takes one for each core, on a cluster for each of its. Results do not depend on it."""
    batch: int = 1
    """With --runner ray: pairs that each worker annotates at once, for GPUs; above 1 the last digits of a map may
    differ."""
    pictures: bool = True
    """Put a sheet of pairs with overlays into report.html."""
    strict: bool = False
    """Exit with 1 when a row failed."""
    dry_run: bool = False
    """List what would be done, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_workers(self.workers)
        if self.shard_pairs < 1:
            raise SettingError(f"--shard-pairs must be at least 1, got {self.shard_pairs}.")
        if not 1 <= self.batch <= 256:
            raise SettingError(f"--batch must lie between 1 and 256, got {self.batch}.")
        if self.batch > 1 and self.runner == "local":
            raise SettingError("--batch only matters on a cluster: add --runner ray.")
