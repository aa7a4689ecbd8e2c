"""DASS, Difference-Aware Semantic Segmentation: denoise the difference of a shared-probe pair into a mask.

A U-Net that starts at half the resolution, where the pixels are many and the ideas few, and comes back to full
resolution with a thin branch that has seen the input's own edges.

Source: Qu et al., "Towards Modern Image Manipulation Localization", CVPR 2024 (the predecessor's structure), and
method 2.2. Departs: input channels are the pair, its validity and the measured difference, not the bare |A - M|.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Preset:
    """The size of a DASS network.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8, 1/16 of the resolution. depths: residual blocks there.
        detail: channels of the branch at full resolution.
        context: dilations of the parallel convolutions at 1/16.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    detail: int
    context: tuple[int, ...] = (1, 2, 4)


PRESETS = {
    "tiny": Preset(widths=(16, 40, 80, 128), depths=(1, 2, 2, 3), detail=8),
    "small": Preset(widths=(48, 96, 192, 256), depths=(2, 3, 4, 3), detail=24),
    "paper": Preset(widths=(96, 192, 480, 768), depths=(3, 3, 24, 3), detail=48, context=(1, 6, 12, 18)),
}


class Block(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        return F.relu(x + self.second(self.first(x)))


class Context(nn.Module):
    """What lies around, at several distances, and in the whole picture."""

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        part = width // 2
        self.near = nn.ModuleList(convolution(width, part, dilation=step) for step in dilations)
        self.whole = nn.Sequential(nn.Linear(width, part), nn.ReLU())
        self.join = convolution(part * (len(dilations) + 1), width, kernel=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        whole = self.whole(x.mean(dim=(2, 3)))[:, :, None, None]
        parts = [near(x) for near in self.near]
        return x + self.join(torch.cat([*parts, whole + torch.zeros_like(parts[0])], dim=1))


class Dass(nn.Module):
    """(B, channels, H, W) in [0, 1], any H and W, to logits (B, 1, H, W)."""

    def __init__(self, preset: Preset, channels: int) -> None:
        super().__init__()
        widths, depths = preset.widths, preset.depths
        self.stem = convolution(channels, widths[0], kernel=5, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(
                convolution(widths[level - 1], widths[level], stride=2) if level else nn.Identity(),
                *(Block(widths[level]) for _ in range(depths[level])),
            )
            for level in range(4)
        )
        self.context = Context(widths[3], preset.context)
        self.up = nn.ModuleList(
            nn.ModuleDict(
                {
                    "narrow": convolution(widths[level + 1], widths[level], kernel=1),
                    "join": nn.Sequential(convolution(2 * widths[level], widths[level]), Block(widths[level])),
                }
            )
            for level in (2, 1, 0)
        )
        self.to_full = nn.Conv2d(widths[0], 4 * preset.detail, 1)
        self.detail = convolution(channels, preset.detail)
        self.head = nn.Sequential(convolution(2 * preset.detail, preset.detail), nn.Conv2d(preset.detail, 1, 1))
        self.auxiliary = nn.ModuleList(nn.Conv2d(widths[level], 1, 1) for level in (2, 1))

    def forward(self, x: torch.Tensor, auxiliary: bool = False) -> torch.Tensor | list[torch.Tensor]:
        """The logits; with `auxiliary`, for training, a list of them and of those of the heads at 1/8 and 1/4."""
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate")
        levels, y = [], self.stem(x)
        for down in self.down:
            y = down(y)
            levels.append(y)
        y = self.context(y)
        coarse = []
        for step, skip in zip(self.up, levels[2::-1], strict=True):
            assert isinstance(step, nn.ModuleDict)
            y = F.interpolate(step["narrow"](y), scale_factor=2.0, mode="bilinear", align_corners=False)
            y = step["join"](torch.cat([y, skip], dim=1))
            coarse.append(y)
        full = F.pixel_shuffle(self.to_full(y), 2)
        logits = self.head(torch.cat([full, self.detail(x)], dim=1))[:, :, :height, :width]
        return [logits, *(head(y) for head, y in zip(self.auxiliary, coarse[:2], strict=True))] if auxiliary else logits


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution, batch norm (folded away at export), ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def build(preset: str, channels: int) -> Dass:
    """A fresh network of a preset, for inputs of that many channels."""
    return Dass(PRESETS[preset], channels)
