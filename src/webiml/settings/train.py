"""Settings of `webiml train`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from webiml.errors import SettingError
from webiml.settings.limits import refuse_workers

Backbone = Literal["efficientnet-lite0", "dinov2-small", "dinov2-base", "dinov2-large", "dinov2-giant"]


@dataclass(frozen=True)
class TrainSettings:
    """What decides the result of a training. Hashed into every checkpoint; a resume with other values is refused."""

    preset: Literal["tiny", "small", "paper"] = "tiny"
    """Size of the network: tiny ships and trains on a laptop, paper is the size of the publication."""
    steps: int = 2000
    """Optimizer steps of the whole training."""
    batch: int = 8
    """Samples a step, over all processes together."""
    size: int = 256
    """Side of the square crops that the network learns from, pixels."""
    seed: int = 0
    """Seed of the first weights, of all samples and of every draw while training."""
    lr: float = 1e-3
    """Largest learning rate of AdamW, reached after the warm-up."""
    weight_decay: float = 0.05
    """Decay of AdamW, for weights of two or more dimensions; 0 turns it off."""
    warmup: int = 100
    """Steps over which the learning rate rises from 0; 0 starts at the largest."""
    schedule: Literal["cosine", "poly"] = "cosine"
    """How the learning rate falls to a hundredth after the warm-up: half a cosine, or the power 0.9 of what is left."""
    clip: float = 1.0
    """Largest norm of the gradient of all parameters; 0 turns clipping off."""
    ema: float = 0.999
    """Decay of the moving average of the weights that is validated and shipped; 0 turns averaging off."""

    def __post_init__(self) -> None:
        limits = {"steps": (1, 10**8), "batch": (1, 65536), "size": (32, 4096), "seed": (0, 2**32 - 1)}
        limits |= {"lr": (1e-9, 1.0), "weight_decay": (0, 1), "warmup": (0, self.steps), "clip": (0, 1e6)}
        limits |= {"ema": (0, 0.999999)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(
                    f"--{name.replace('_', '-')} must lie between {low:g} and {high:g}, got {getattr(self, name)}."
                )
        if self.size % 32:
            raise SettingError(f"--size must be a multiple of 32, got {self.size}.")

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the settings as sorted JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrainRun:
    """How a training is carried out; decides nothing about results but what rounding and chance of a device do."""

    workers: int = 0
    """Processes that make samples; 0 takes one for each core but one, at least one."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network learns; auto takes a CUDA device where there is one."""
    minutes: float = 0.0
    """Stop with a checkpoint after so many minutes; the same command goes on from there. 0 sets no limit."""
    validate_every: int = 250
    """Steps between two validations; the last step is always validated."""
    log_every: int = 25
    """Steps of which a line of OUT/log.jsonl is the mean."""
    checkpoint_minutes: float = 5.0
    """Minutes between two checkpoints; a kill costs at most so much."""
    dry_run: bool = False
    """Measure three steps, say what the training would cost, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        refuse_workers(self.workers)
        for name in ("validate_every", "log_every"):
            if getattr(self, name) < 1:
                raise SettingError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(self, name)}.")
        for name in ("minutes", "checkpoint_minutes"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise SettingError(
                    f"--{name.replace('_', '-')} must lie between 0 and 1000000, got {getattr(self, name)}."
                )


@dataclass(frozen=True)
class SampleSettings:
    """What a training learns from. Kept in every checkpoint; a resume with other values is refused."""

    pairs: int = 2000
    """Forged pairs that the samples of all steps are taken from; each is made once and kept."""
    backbone: Backbone = "efficientnet-lite0"
    """What Corr-DINO sees both pictures with: the trunk that ships, or a size of DINOv2 that `webiml fetch` got."""
    pictures: int = 12000
    """Forged, jittered and authentic pictures, and pages, that a localizer learns from; each is made once and kept."""
    mix: str = "forged=0.65,jittered=0.15,authentic=0.2"
    """Shares of what a localizer learns from: forged, jittered (Object Jitter), authentic (all three of --images),
    annotated (of --data), document (rendered and forged pages), page (rendered pages)."""
    net: str = ""
    """A localizer of your own, with `webiml train localizer`, as package.module:function; see docs/training.md."""

    def __post_init__(self) -> None:
        for name in ("pairs", "pictures"):
            if not 1 <= getattr(self, name) <= 10**7:
                raise SettingError(f"--{name} must lie between 1 and 10000000, got {getattr(self, name)}.")
