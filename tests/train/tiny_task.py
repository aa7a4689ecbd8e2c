"""A task that learns in milliseconds: which pixels of a small picture are bright. Run as a program, it trains."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from webiml.errors import SettingError
from webiml.settings import TrainRun, TrainSettings
from webiml.train import batches
from webiml.train.loop import train


class Bright:
    """Net of a few hundred weights; `nan_at`: sample whose pixels are NaN; `pause`: seconds a sample takes."""

    def __init__(self, seed: int = 0, *, norm: bool = True, nan_at: int = -1, pause: float = 0.0) -> None:
        torch.manual_seed(seed)
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(),
            nn.Dropout2d(0.1 if norm else 0.0), nn.Conv2d(8, 1, 3, padding=1),
        )  # fmt: skip
        self.seed, self.nan_at, self.pause = seed, nan_at, pause

    def sample(self, index: int) -> dict[str, np.ndarray]:
        time.sleep(self.pause)
        picture = np.random.default_rng([self.seed, index]).random((3, 8, 8), dtype=np.float32)
        bright = picture.mean(axis=0, keepdims=True) > 0.5
        return {"picture": picture * np.float32("nan") if index == self.nan_at else picture, "bright": bright}

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        logits = net(batch["picture"])
        entropy = nn.functional.binary_cross_entropy_with_logits(logits.float(), batch["bright"].float())
        return {"total": entropy, "entropy": entropy.detach()}

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        device = next(net.parameters()).device
        samples = [Bright.sample(self, 10**6 + i) for i in range(4)]
        found = net(torch.from_numpy(np.stack([s["picture"] for s in samples])).to(device)).cpu().numpy() > 0
        right = found == np.stack([s["bright"] for s in samples])
        picture = np.repeat(found[0, 0][..., None], 3, axis=2).astype(np.uint8) * 255
        return {"score": float(right.mean()), "bright": float(found.mean())}, picture


class Unwilling(Bright):
    """Cannot make its samples."""

    def sample(self, index: int) -> dict[str, np.ndarray]:
        raise SettingError("a sentence.")


if __name__ == "__main__":
    batches.sample_workers = lambda run, place: 0  # nothing is worth a process of its own here
    torch.set_num_threads(1)
    out, steps, norm, pause = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "norm", float(sys.argv[4])
    settings = TrainSettings(steps=steps, batch=4, warmup=5, size=32)
    run = TrainRun(device="cpu", validate_every=10, log_every=4, checkpoint_minutes=0, quiet=True)
    train(Bright(norm=norm, pause=pause), settings, out, run, {"task": "bright"})
