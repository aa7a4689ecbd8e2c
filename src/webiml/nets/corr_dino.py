"""Corr-DINO: where does a picture show an object of another one? Correlation of frozen features, denoised into a mask.

Two priors meet at an eighth of the resolution: the correlation of both pictures' features, place by place, which knows
what an object looks like, and the warps that key points propose, which know where it lies. Either finds what the other
misses. The Multi-Aspect Denoiser makes one map of them, Feature Super Resolution brings it to the edges of the picture.

One network serves both sides: with the roles of the pictures swapped it finds the donor in the authentic picture, which
only forged pairs can teach, and which is not run when annotating.

Source: method 2.3. Departs: the geometric evidence as a second prior (method 9); correlation in the `rank` form.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from webiml.nets.dass import Block, convolution


@dataclass(frozen=True)
class Preset:
    """The size of a Corr-DINO network.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8 of the resolution. depths: residual blocks there.
        aggregated: channels that the correlation is reduced to. denoisers: Multi-Aspect Denoiser blocks.
        detail: channels of the branch at full resolution.
    """

    widths: tuple[int, int, int]
    depths: tuple[int, int, int]
    aggregated: int
    denoisers: int
    detail: int
    context: tuple[int, ...] = (1, 4, 8, 16)


PRESETS = {
    "tiny": Preset(widths=(16, 40, 96), depths=(1, 2, 2), aggregated=32, denoisers=3, detail=8),
    "small": Preset(widths=(48, 96, 192), depths=(2, 3, 4), aggregated=64, denoisers=4, detail=24),
    "paper": Preset(widths=(96, 192, 384), depths=(3, 3, 9), aggregated=128, denoisers=6, detail=48),
}


class Aspects(nn.Module):
    """One block of the Multi-Aspect Denoiser: context at several distances, channels, and places, weighed together."""

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        part = max(8, width // len(dilations))
        self.context = nn.ModuleList(convolution(width, part, dilation=step) for step in dilations)
        self.squeeze = nn.Sequential(
            nn.Linear(width, max(8, width // 8)), nn.ReLU(), nn.Linear(max(8, width // 8), width), nn.Sigmoid()
        )
        self.places = nn.Sequential(convolution(width + 1, 16), nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid())
        self.probability = nn.Conv2d(width, 1, 1)
        self.join = nn.Sequential(
            nn.Conv2d(part * len(dilations) + 2 * width, width, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        near = [context(x) for context in self.context]
        channels = x * self.squeeze(x.mean(dim=(2, 3)))[:, :, None, None]
        likely = torch.sigmoid(self.probability(x))
        places = x * self.places(torch.cat([x, likely], dim=1))
        return F.relu(x + self.join(torch.cat([*near, channels, places], dim=1)))


class CorrDino(nn.Module):
    """Both priors of one side to the logits of its mask.

    forward: stack (B, channels, H, W) in [0, 1], any H and W; matching (B, maps, h, w) at an eighth of H and W rounded
    up to multiples of 16; to logits (B, 1, H, W).
    """

    inputs = ("stack", "matching")

    def __init__(self, preset: Preset, channels: int, maps: int) -> None:
        super().__init__()
        widths, depths = preset.widths, preset.depths
        self.stem = convolution(channels, widths[0], kernel=5, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(
                convolution(widths[level - 1], widths[level], stride=2) if level else nn.Identity(),
                *(Block(widths[level]) for _ in range(depths[level])),
            )
            for level in range(3)
        )
        self.aggregation = nn.Sequential(
            nn.BatchNorm2d(maps),
            convolution(maps, 2 * preset.aggregated, kernel=1),
            convolution(2 * preset.aggregated, preset.aggregated, kernel=1),
        )
        self.join = convolution(widths[2] + preset.aggregated, widths[2])
        self.coarse = nn.Conv2d(widths[2], 1, 1)
        self.denoiser = nn.Sequential(*(Aspects(widths[2], preset.context) for _ in range(preset.denoisers)))
        self.denoised = nn.Conv2d(widths[2], 1, 1)
        self.super_resolution = nn.ModuleList(
            nn.ModuleDict(
                {
                    "narrow": convolution(widths[level + 1], widths[level], kernel=1),
                    "join": nn.Sequential(convolution(2 * widths[level], widths[level]), Block(widths[level])),
                }
            )
            for level in (1, 0)
        )
        self.to_full = nn.Conv2d(widths[0], 4 * preset.detail, 1)
        self.detail = convolution(channels, preset.detail)
        self.head = nn.Sequential(convolution(2 * preset.detail, preset.detail), nn.Conv2d(preset.detail, 1, 1))

    def forward(
        self, stack: torch.Tensor, matching: torch.Tensor, auxiliary: bool = False
    ) -> torch.Tensor | list[torch.Tensor]:
        """The logits; with `auxiliary`, for training, a list of them and of those at 1/8 before and after denoising."""
        height, width = stack.shape[2:]
        x = F.pad(stack, (0, -width % 16, 0, -height % 16), mode="replicate")
        levels, y = [], self.stem(x)
        for down in self.down:
            y = down(y)
            levels.append(y)
        joined = self.join(torch.cat([y, self.aggregation(matching)], dim=1))
        y = self.denoiser(joined)
        aside = [self.coarse(joined), self.denoised(y)] if auxiliary else []
        for step, skip in zip(self.super_resolution, levels[1::-1], strict=True):
            assert isinstance(step, nn.ModuleDict)
            y = F.interpolate(step["narrow"](y), scale_factor=2.0, mode="bilinear", align_corners=False)
            y = step["join"](torch.cat([y, skip], dim=1))
        full = F.pixel_shuffle(self.to_full(y), 2)
        logits = self.head(torch.cat([full, self.detail(x)], dim=1))[:, :, :height, :width]
        return [logits, *aside] if auxiliary else logits


def build(preset: str, channels: int, maps: int) -> CorrDino:
    """A fresh network of a preset, for stacks of `channels` and matchings of `maps` channels."""
    return CorrDino(PRESETS[preset], channels, maps)
