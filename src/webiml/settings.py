"""Settings: one frozen dataclass a command. Its fields are the flags, the YAML keys and what is hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from webiml.errors import SettingError


@dataclass(frozen=True)
class AnnotatorSettings:
    """What decides the result of an annotation. Hashed into every dataset; a resume with other values is refused."""

    method: Literal["prior"] = "prior"
    """How a pair is segmented: `prior` needs no trained weights."""
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
        if not 0 < self.max_megapixels <= 10_000:
            raise SettingError(f"--max-megapixels must lie above 0 and at most 10000, got {self.max_megapixels}.")

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the settings as sorted JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class AnnotateRun:
    """How a run is carried out; decides nothing about results."""

    format: Literal["folder", "shards"] = "folder"
    """Shape of the dataset: plain files, or sorted WebDataset tars for training at scale."""
    shard_pairs: int = 1000
    """Pairs a tar holds, with --format shards."""
    workers: int = 0
    """Processes that annotate; 0 takes one for each core. Results do not depend on it."""
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
        if not 0 <= self.workers <= 256:
            raise SettingError(f"--workers must lie between 0 and 256, got {self.workers}.")
        if self.shard_pairs < 1:
            raise SettingError(f"--shard-pairs must be at least 1, got {self.shard_pairs}.")


FORGE_KINDS = ("SPG", "SDG", "identical", "unrelated", "single")


@dataclass(frozen=True)
class ForgeSettings:
    """What decides how pairs are forged. Hashed into every folder of pairs; a resume with other values is refused."""

    seed: int = 0
    """Seed of all draws: same pictures, seed and key, same pair."""
    size: int = 384
    """Longest side of what is forged, before the web, pixels; larger pictures are cropped or reduced, none enlarged."""
    kinds: str = "SPG=0.4,SDG=0.35,identical=0.1,unrelated=0.15"
    """Shares of SPG, SDG, identical, unrelated and single (a manipulated picture alone), such as SPG=2,SDG=1; `SPG`
    alone makes nothing else."""

    def __post_init__(self) -> None:
        if not 64 <= self.size <= 4096:
            raise SettingError(f"--size must lie between 64 and 4096 pixels, got {self.size}.")
        if self.seed < 0:
            raise SettingError(f"--seed must not be negative, got {self.seed}.")
        if not sum(self.shares.values()) > 0:
            raise SettingError("--kinds leaves nothing to make: give at least one kind a share above 0.")

    @property
    def shares(self) -> dict[str, float]:
        """Each kind that is made, in the order of FORGE_KINDS, and its share; the shares add up to 1."""
        given: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in self.kinds.split(","))):
            kind, _, text = part.partition("=")
            try:
                share = float(text) if text else 1.0
            except ValueError:
                share = -1.0
            if kind not in FORGE_KINDS or kind in given or not 0 <= share < float("inf"):
                raise SettingError(
                    f"--kinds: {part!r} cannot be read; give kind=share with a kind of {', '.join(FORGE_KINDS)}, each "
                    "once, such as SPG=2,SDG=1."
                )
            given[kind] = share
        total = sum(given.values())
        return {kind: given[kind] / total for kind in FORGE_KINDS if given.get(kind)}

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the settings as sorted JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
