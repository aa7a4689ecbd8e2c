"""Where the work of a long run is done; shared by the commands that can use a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from webiml.errors import SettingError


@dataclass(frozen=True)
class RunnerSettings:
    """Where the work is done. Results do not depend on it, but for the rounding of GPUs."""

    runner: Literal["local", "ray"] = "local"
    """Processes of this machine, or workers of a Ray cluster."""
    ray_address: str = ""
    """With --runner ray: the cluster, such as auto or ray://head:10001; without one RAY_ADDRESS counts, else Ray is
    started on this machine."""
    worker_cpus: float = 1.0
    """With --runner ray: cores that each worker takes."""
    worker_gpus: float = 0.0
    """With --runner ray: GPUs that each worker takes; 0.25 lets four workers share one. On a GPU the last digits of a
    map differ from those of a processor."""

    def __post_init__(self) -> None:
        if not 0 < self.worker_cpus <= 256:
            raise SettingError(f"--worker-cpus must lie above 0 and at most 256, got {self.worker_cpus}.")
        if not 0 <= self.worker_gpus <= 64 or (self.worker_gpus > 1 and self.worker_gpus != int(self.worker_gpus)):
            raise SettingError(
                f"--worker-gpus must be a share of one GPU, such as 0.25, or a whole number, got {self.worker_gpus}."
            )
        if self.runner == "local":
            given = [
                f"--{name.replace('_', '-')}"
                for name, value in (("ray_address", ""), ("worker_cpus", 1.0), ("worker_gpus", 0.0))
                if getattr(self, name) != value
            ]
            if given:
                verb = "matters" if len(given) == 1 else "matter"
                raise SettingError(f"{' and '.join(given)} only {verb} on a cluster: add --runner ray.")
