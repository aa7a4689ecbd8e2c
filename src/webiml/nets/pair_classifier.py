"""Pair classifier: what have two pictures in common, the scene (SPG, identical), an object (SDG) or nothing?

`tiny` and `small` put both pictures through one frozen trunk and let every place of one look for itself in all of the
other. How sure, how mutual and how orderly the answers are makes a few small maps; a small network reads them beside
what the priors measured. `paper` is the released model's shape: one ConvNeXt over both pictures stacked.

Every network gives (B, 9): logits of the kinds in the order of KINDS, the logit of `aligned` (both pictures have one
framing), and the crop box (x0, y0, x1, y1) of the manipulated frame in the authentic one, in units of its size.

Source: method 2.1. Liu et al., "A ConvNet for the 2020s", CVPR 2022 (ConvNeXt). Departs: cross-correlation of
pretrained features in place of one large classifier, so that two thousand pairs are enough to train on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from webiml.nets.backbones import efficientnet_lite0, side_by_side
from webiml.types import Kind

KINDS = tuple(Kind)
ALIGNED = len(KINDS)  # its place among the outputs
BOX = slice(ALIGNED + 1, ALIGNED + 5)
OUTPUTS = BOX.stop
GRID = 32  # places a side
SHARPNESS = 30.0  # of the softmax over cosines; 0.03 more similar is e times more likely
MATCHED = 9  # maps that one direction of the matching gives
DERIVATIVES = slice(5, 9)  # of them: of x and of y along a row, of x and of y down a column
IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class MatchingPreset:
    """Size of a network that matches pretrained features; pictures at 256x256, matched on a grid of 32x32.

    Attributes:
        widths: channels at 32x32, 16x16 and 8x8 of what reads the maps. gate: how many numbers come of that.
        hidden: width of the last hidden vector.
        dropout: share left out while training, of the maps a third of that.
        maps, features, framing: lengths of the inputs of those names (webiml.evidence.kind_input).
    """

    widths: tuple[int, int, int]
    gate: int
    hidden: int
    dropout: float = 0.3
    maps: int = 12
    features: int = 28
    framing: int = 7


@dataclass(frozen=True)
class StackedPreset:
    """Size of a ConvNeXt over both pictures: side of the pictures in pixels, channels and blocks at 1/4 to 1/32."""

    side: int
    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


Preset = MatchingPreset | StackedPreset
PRESETS: dict[str, Preset] = {
    "tiny": MatchingPreset(widths=(16, 32, 48), gate=24, hidden=64),
    "small": MatchingPreset(widths=(32, 64, 128), gate=48, hidden=128),
    "paper": StackedPreset(side=512, widths=(256, 512, 1024, 2048), depths=(3, 3, 27, 3)),
}


def build(preset: str) -> PairClassifier | StackedClassifier:
    """A fresh network of a preset; the trunk of `tiny` and `small` has its pretrained weights and is frozen."""
    size = PRESETS[preset]
    return StackedClassifier(size) if isinstance(size, StackedPreset) else PairClassifier(size)


class PairClassifier(nn.Module):
    """Frozen trunk, matching, and the part that learns.

    forward: authentic, manipulated, aligned (B, 3, 256, 256) RGB in [0, 1]; maps (B, M, 32, 32), features (B, F) and
    framing (B, R), all as `webiml.evidence.kind_input` makes them, to (B, 9); see the module.
    """

    inputs = ("authentic", "manipulated", "aligned", "maps", "features", "framing")

    def __init__(self, preset: MatchingPreset) -> None:
        super().__init__()
        self.trunk = efficientnet_lite0()
        self.reader = Reader(preset)

    def forward(
        self,
        authentic: torch.Tensor,
        manipulated: torch.Tensor,
        aligned: torch.Tensor,
        maps: torch.Tensor,
        features: torch.Tensor,
        framing: torch.Tensor,
    ) -> torch.Tensor:
        """(B, 9); see the module."""
        there, here, framing = self.look(authentic, manipulated, aligned, maps, framing)
        return self.reader(there, here, features, framing)

    def look(
        self,
        authentic: torch.Tensor,
        manipulated: torch.Tensor,
        aligned: torch.Tensor,
        maps: torch.Tensor,
        framing: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What nothing is learned in, so that training can keep it: `there`, `here` and `framing` of the Reader."""
        a, m, w = (self.trunk(picture) for picture in (authentic, manipulated, aligned))
        there, here, box = match_both(*descriptors(a, m))
        validity = maps[:, :1]  # the first map says where `aligned` shows anything
        fine, coarse = (1 - functional.cosine_similarity(x, y, dim=1)[:, None] for x, y in zip(w, m, strict=True))
        unlike = torch.cat([fine, functional.interpolate(coarse, scale_factor=2.0, mode="nearest")], dim=1) * validity
        return there, torch.cat([here, unlike, maps], dim=1), torch.cat([framing, box], dim=1)


class Reader(nn.Module):
    """What learns: maps of both sides and numbers to (B, 9).

    Maps could tell a few hundred pairs apart by heart, so they come to the decision through a narrow gate.
    """

    inputs = ("there", "here", "features", "framing")

    def __init__(self, preset: MatchingPreset) -> None:
        super().__init__()
        first, second, third = preset.widths
        self.thin = nn.Dropout2d(preset.dropout / 3)
        self.there = nn.Sequential(_step(MATCHED, first, stride=2), _step(first, second, stride=2))
        self.here = nn.Sequential(
            _step(MATCHED + 2 + preset.maps, first), _step(first, second, stride=2), _step(second, third, stride=2)
        )
        self.gate = nn.Sequential(nn.Dropout(preset.dropout), nn.Linear(2 * (second + third), preset.gate), nn.ReLU())
        self.centre = nn.Parameter(torch.zeros(preset.features))
        self.scale = nn.Parameter(torch.ones(preset.features))
        self.numbers = nn.Sequential(nn.Linear(preset.features, preset.hidden), nn.ReLU())
        self.join = nn.Sequential(
            nn.Dropout(preset.dropout), nn.Linear(preset.gate + preset.hidden, preset.hidden), nn.ReLU(),
            nn.Dropout(preset.dropout),
        )  # fmt: skip
        self.kind = nn.Linear(preset.hidden + preset.features, len(KINDS))
        self.frame = nn.Sequential(nn.Linear(preset.framing + 5, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(
        self, there: torch.Tensor, here: torch.Tensor, features: torch.Tensor, framing: torch.Tensor
    ) -> torch.Tensor:
        """there (B, 9, 32, 32), here (B, 11 + M, 32, 32), features (B, F), framing (B, R + 5) to (B, 9)."""
        maps = torch.cat([_pooled(self.there(self.thin(there))), _pooled(self.here(self.thin(here)))], dim=1)
        features = (features - self.centre) * self.scale
        joined = self.join(torch.cat([self.gate(maps), self.numbers(features)], dim=1))
        kind = self.kind(torch.cat([joined, features], dim=1))
        correction = self.frame(framing)
        by_alignment, by_matching, found = framing[:, 1:5], framing[:, -5:-1], framing[:, :1]
        box = by_matching + found * (by_alignment - by_matching) + correction[:, 1:]
        return torch.cat([kind, correction[:, :1], box], dim=1)

    @torch.no_grad()
    def standardise(self, features: torch.Tensor) -> None:
        """Start where each of the features (N, F) of the training pairs has mean 0 and about unit spread."""
        self.centre.copy_(features.mean(dim=0))
        self.scale.copy_(1 / (features.std(dim=0) + 0.02))

    @torch.no_grad()
    def cool(self, temperature: float) -> None:
        """Divide the logits of the kinds by a temperature, for good."""
        for parameter in self.kind.parameters():
            parameter /= temperature


Features = tuple[torch.Tensor, torch.Tensor]


def descriptors(first: Features, second: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors (B, 352, N) of each place of both pictures, from fine and coarse features of each.

    Source: measured on pasted objects; what all places of a picture have in common says nothing and is subtracted.
    """
    sides = [side_by_side(*features).flatten(2) for features in (first, second)]
    common = (sides[0].mean(dim=2, keepdim=True) + sides[1].mean(dim=2, keepdim=True)) / 2
    return functional.normalize(sides[0] - common, dim=1, eps=1e-4), functional.normalize(
        sides[1] - common, dim=1, eps=1e-4
    )


def match_both(authentic: torch.Tensor, manipulated: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Let every place of one picture look for itself in all of the other.

    Args: (B, C, N) unit vectors of N = GRID * GRID places each.
    Returns:
        (B, 9, GRID, GRID) for the authentic side, the same for the manipulated side: best cosine; how mutual the best
        match is; how widely its place is spread; how far a match's match is from home; how far the field of matches is
        from being linear there; and its four derivatives. And (B, 5): the crop box of a linear fit to all matches, with
        the mean residual. The maps hold no offset: whether both frames are equal is not to be known from them.
    All is smooth in the cosines: an argmax would jump where two runtimes differ by a rounding.
    """
    cosine = authentic.transpose(1, 2) @ manipulated
    to_manipulated, to_authentic = (cosine * SHARPNESS).softmax(dim=2), (cosine * SHARPNESS).softmax(dim=1)
    mutual = (to_manipulated * to_authentic).clamp(min=1e-6).sqrt()
    places = _places(cosine)
    home_in_manipulated = to_manipulated @ places  # (B, N, 2), for each place of the authentic picture
    home_in_authentic = to_authentic.transpose(1, 2) @ places
    there = _side_maps(cosine.amax(2), mutual.amax(2), to_manipulated, home_in_manipulated, home_in_authentic)
    here = _side_maps(
        cosine.amax(1), mutual.amax(1), to_authentic.transpose(1, 2), home_in_authentic, home_in_manipulated
    )
    return there, here, _linear_box(home_in_authentic, mutual.amax(1), places)


def _places(like: torch.Tensor) -> torch.Tensor:
    """(N, 2) centres (x, y) of the places in [0, 1], in the type and on the device of `like`."""
    centres = (torch.arange(GRID, dtype=like.dtype, device=like.device) + 0.5) / GRID
    return torch.stack([centres.repeat(GRID), centres.repeat_interleave(GRID)], dim=1)


def _side_maps(
    best: torch.Tensor, mutual: torch.Tensor, chance: torch.Tensor, home: torch.Tensor, back: torch.Tensor
) -> torch.Tensor:
    """The nine maps of one side; see `match_both`. chance (B, N, N), home and back (B, N, 2)."""
    places = _places(chance)
    spread = (chance @ (places * places) - home * home).sum(dim=2).clamp(min=1e-6).sqrt()
    cycle = ((chance @ back - places) ** 2).sum(dim=2).clamp(min=1e-6).sqrt()
    field = home.transpose(1, 2).unflatten(2, (GRID, GRID))
    around = functional.pad(field, (1, 1, 1, 1), mode="replicate")
    bend = ((field - functional.avg_pool2d(around, 3, 1)) ** 2).sum(dim=1, keepdim=True).clamp(min=1e-6).sqrt() * GRID
    across = (around[:, :, 1:-1, 2:] - around[:, :, 1:-1, :-2]) * (GRID / 2)
    down = (around[:, :, 2:, 1:-1] - around[:, :, :-2, 1:-1]) * (GRID / 2)
    flat = torch.stack([best, mutual, 2 * spread, 2 * cycle], dim=1).unflatten(2, (GRID, GRID))
    return torch.cat([flat, (bend / 2).clamp(max=2), across.clamp(-2, 2), down.clamp(-2, 2)], dim=1)


def _linear_box(home: torch.Tensor, mutual: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(B, 5): the manipulated frame in the authentic one by weighted least squares in x and in y, and the residual."""
    weight = (mutual * mutual + 1e-3)[..., None]
    weight = weight / weight.sum(dim=1, keepdim=True)
    here, there = (weight * places).sum(dim=1), (weight * home).sum(dim=1)
    apart = places - here[:, None]
    slope = (weight * apart * (home - there[:, None])).sum(dim=1) / ((weight * apart * apart).sum(dim=1) + 1e-3)
    residual = home - there[:, None] - slope[:, None] * apart
    error = (weight * residual * residual).sum(dim=(1, 2)).clamp(min=1e-6).sqrt()
    low = there - slope * here
    return torch.cat([low, low + slope, error[:, None]], dim=1)


def turned(maps: torch.Tensor, symmetry: int) -> torch.Tensor:
    """`there` or `here` (B, C, G, G) of the pair when both pictures are mirrored (bit 1, 2: across, down) or transposed
    (bit 4) alike."""
    signs = maps.new_ones(maps.shape[1])
    order = list(range(maps.shape[1]))
    if symmetry & 1:
        maps = maps.flip(3)
    if symmetry & 2:
        maps = maps.flip(2)
    if symmetry.bit_count() - (symmetry >> 2) == 1:
        signs[order[DERIVATIVES][1:3]] = -1  # of what moves one way and is counted the other
    maps = maps * signs[:, None, None]
    if symmetry & 4:
        order[DERIVATIVES] = order[DERIVATIVES][::-1]
        maps = maps[:, order].transpose(2, 3)
    return maps


def _step(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(4, outputs), nn.ReLU())


def _pooled(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)


class StackedClassifier(nn.Module):
    """A ConvNeXt over both pictures.

    forward: authentic, manipulated (B, 3, S, S) RGB in [0, 1], sides multiples of 32, to (B, 9); see the module.
    """

    inputs = ("authentic", "manipulated")

    def __init__(self, preset: StackedPreset) -> None:
        super().__init__()
        widths = preset.widths
        groups: list[nn.Module] = []
        for group, (width, depth) in enumerate(zip(widths, preset.depths, strict=True)):
            shrink = (
                [nn.Conv2d(6, width, 4, 4), _ChannelNorm(width)]
                if group == 0
                else [_ChannelNorm(widths[group - 1]), nn.Conv2d(widths[group - 1], width, 2, 2)]
            )
            groups.append(nn.Sequential(*shrink, *(_ConvNextBlock(width) for _ in range(depth))))
        self.groups = nn.Sequential(*groups)
        self.head = nn.Sequential(nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], OUTPUTS))

    def forward(self, authentic: torch.Tensor, manipulated: torch.Tensor) -> torch.Tensor:
        """(B, 9); see the module."""
        mean, spread = (authentic.new_tensor(x)[:, None, None] for x in (IMAGENET_MEAN, IMAGENET_SPREAD))
        both = torch.cat([(authentic - mean) / spread, (manipulated - mean) / spread], dim=1)
        return self.head(self.groups(both).mean(dim=(2, 3)))

    @torch.no_grad()
    def cool(self, temperature: float) -> None:
        """Divide the logits of the kinds by a temperature, for good."""
        for parameter in self.head[-1].parameters():
            parameter[: len(KINDS)] /= temperature


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-6)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # the base class fixes the name
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _ConvNextBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = _ChannelNorm(width)
        self.mix = nn.Sequential(nn.Conv2d(width, 4 * width, 1), nn.GELU(), nn.Conv2d(4 * width, width, 1))
        self.scale = nn.Parameter(torch.full((width, 1, 1), 1e-6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.scale * self.mix(self.norm(self.filter(x)))
