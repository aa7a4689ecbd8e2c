"""Web-IML: where was one picture manipulated? Multi-Scale Perception, then Self-Rectification.

    picture ──encoder──▶ levels at 1/4 to 1/32 ──perception──▶ one map of evidence at 1/4 ──rectification──▶ logits
        └──residual branch──▶ 1/4 ┘                                               R passes, shared weights

Each pass looks at the evidence through what is believed so far, and corrects it. R may be chosen at inference: fewer
passes than in training are legal, none gives the coarse map.

Source: the names are those of the paper (method 5); what it leaves open follows its authors' predecessor where that is
published (image-dependent weights of the levels, three passes with the same weights) and is ours where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from webiml.errors import SettingError
from webiml.nets.backbones import EfficientNetLite0, efficientnet_lite0
from webiml.nets.dass import Block, convolution

FROZEN = 3  # blocks of the pretrained trunk, from the first on, and its stem: edges and colours are the same everywhere
PACE = 0.07  # of its other blocks: at the full learning rate what they know is lost before it is used
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, R G B


@dataclass(frozen=True)
class Preset:
    """The size of a Web-IML network, and which of its parts it has.

    Attributes:
        encoder: the trunk that ships, or a ConvNeXt of `widths` and `depths` at 1/4, 1/8, 1/16, 1/32.
        width: channels of every level of evidence. rectifier: channels of a pass.
        passes: of Self-Rectification in training; 0 leaves it out.
        perception: whether the levels are weighed by what the picture shows, rather than added.
        residual: whether there is a branch that sees noise instead of things.
        pretrained: whether the trunk begins with the weights that ship.
        matching: whether the picture is compared with itself, for what was copied within it.
    """

    encoder: Literal["efficientnet-lite0", "convnext"] = "efficientnet-lite0"
    widths: tuple[int, int, int, int] = (24, 40, 112, 160)
    depths: tuple[int, int, int, int] = (0, 0, 0, 0)
    width: int = 64
    rectifier: int = 32
    passes: int = 3
    perception: bool = True
    residual: bool = True
    pretrained: bool = True
    matching: bool = False


PRESETS = {
    "tiny": Preset(),
    "small": Preset("convnext", (48, 96, 192, 384), (2, 2, 6, 2), width=96, rectifier=48, pretrained=False),
    "paper": Preset("convnext", (128, 256, 512, 1024), (3, 3, 27, 3), width=256, rectifier=96, pretrained=False),
}


class WebIml(nn.Module):
    """Logits of P(pixel is manipulated) of a picture.

    forward: (B, 3, H, W) RGB in [0, 1], any H and W, to (B, 1, H, W).
    """

    stride = 32  # pixels: what sides are rounded up to
    enlargement = 1.5  # of the second look at a small picture

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset, self.passes = preset, preset.passes
        trunk = preset.encoder == "efficientnet-lite0"
        self.encoder = TrunkLevels(preset) if trunk else ConvNextLevels(preset)
        self.residual = Residual(24) if preset.residual else None
        widths = [*preset.widths]
        widths[0] += 24 if preset.residual else 0
        widths[2] += 4 if preset.matching else 0
        self.perception = Perception(widths, preset.width, weighed=preset.perception)
        self.evidence = Evidence(preset.width, preset.rectifier)
        self.coarse = nn.Conv2d(preset.rectifier, 1, 1)
        self.rectification = Rectification(preset.rectifier) if preset.passes else None
        self.certain = Certain(preset.rectifier)
        self.score = Score(preset.width)

    def forward(self, picture: torch.Tensor, auxiliary: bool = False) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """The logits.

        With `auxiliary`, for training: the logits of every pass at 1/4 of the resolution, the coarse map before them,
        (B, 1, h, w) each; then, last but one and last, the logits that they are right (B, 1, h, w) and the logit that
        anything was manipulated (B,). H and W must be multiples of `stride` then.
        """
        if auxiliary:
            maps, evidence, levels = self._maps(picture)
            return (*maps, self.certain(evidence.detach(), maps[-1].detach()), self.score(levels, maps[-1]))
        height, width = picture.shape[2:]
        maps, _, _ = self._maps(_whole(picture, self.stride))
        return _enlarged(maps[-1])[:, :, :height, :width]

    def answers(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of (B, 3, H, W): logits (B, 1, H, W), the logits that they are right (B, 1, H, W), the score's logit (B,)."""
        height, width = picture.shape[2:]
        maps, evidence, levels = self._maps(_whole(picture, self.stride))
        certain = self.certain(evidence, maps[-1])
        full, sure = (_enlarged(one)[:, :, :height, :width] for one in (maps[-1], certain))
        return full, sure, self.score(levels, maps[-1])

    def _maps(self, picture: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, list[torch.Tensor]]:
        """The coarse map and that of each pass; the evidence; the levels as they are perceived."""
        levels = list(self.encoder(picture))
        if self.residual is not None:
            levels[0] = torch.cat([levels[0], self.residual(picture)], dim=1)
        if self.preset.matching:
            levels[2] = torch.cat([levels[2], self_matching(levels[2])], dim=1)
        perceived = self.perception(levels)
        evidence = self.evidence(perceived)
        maps, rectify = [self.coarse(evidence)], self.rectification
        for _ in range(self.passes if rectify is not None else 0):
            maps.append(maps[-1] + rectify(evidence, maps[-1]))  # pyright: ignore[reportOptionalCall]
        return maps, evidence, perceived


# ---------------------------------------------------------------- levels


class TrunkLevels(nn.Module):
    """EfficientNet-Lite0 up to 1/16 and a level of our own at 1/32; its first blocks do not learn."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        trunk = efficientnet_lite0() if preset.pretrained else EfficientNetLite0()
        self.trunk = trunk.requires_grad_(True)
        if preset.pretrained:
            trunk.pace = PACE  # pyright: ignore[reportArgumentType]
            for part in (trunk.stem, *trunk.blocks[:FROZEN]):
                part.requires_grad_(False)
        wide = preset.widths[3]
        self.deep = nn.Sequential(convolution(preset.widths[2], wide, stride=2), Separable(wide, 5), Separable(wide, 5))

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) in [0, 1] to features at 1/4, 1/8, 1/16 and 1/32."""
        levels = self.trunk.levels(picture)
        return [*levels, self.deep(levels[-1])]


class ConvNextLevels(nn.Module):
    """A ConvNeXt of transformers, from scratch."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        try:
            from transformers import ConvNextBackbone, ConvNextConfig
        except ImportError:
            raise SettingError(
                "This preset needs transformers, which is not installed: pip install 'webiml[dinov2]'"
            ) from None
        config = ConvNextConfig(
            hidden_sizes=list(preset.widths),
            depths=list(preset.depths),
            drop_path_rate=0.1,
            out_features=["stage1", "stage2", "stage3", "stage4"],  # pyright: ignore[reportCallIssue]
        )
        self.backbone = ConvNextBackbone(config)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor(_SPREAD)[:, None, None], persistent=False)

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) in [0, 1] to features at 1/4, 1/8, 1/16 and 1/32."""
        return list(self.backbone((picture - self.mean) / self.spread).feature_maps)


class Residual(nn.Module):
    """What is left of a picture when its things are taken away: learned filters whose weights add up to nothing."""

    def __init__(self, width: int, filters: int = 8) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(filters, 3, 5, 5) * 0.1)
        self.down = nn.Sequential(
            convolution(filters, 16, stride=2), convolution(16, width, stride=2), Separable(width, 5)
        )

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] to (B, width, H/4, W/4)."""
        filters = 20 * (self.filters - self.filters.mean(dim=(2, 3), keepdim=True))  # noise is a few hundredths
        noise = F.conv2d(F.pad(picture, (2, 2, 2, 2), mode="replicate"), filters)
        return self.down(torch.clamp(noise, -3, 3))


def self_matching(features: torch.Tensor, beside: int = 2, ranks: int = 4) -> torch.Tensor:
    """How alike each place is to the places most like it elsewhere: (B, C, h, w) to (B, ranks, h, w) cosines.

    Places up to `beside` away do not count: neighbours always look alike.
    """
    batch, _, height, width = features.shape
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    flat = F.normalize(centred, dim=1, eps=1e-4).flatten(2)
    cosine = flat.transpose(1, 2) @ flat
    row = torch.arange(height, device=features.device).repeat_interleave(width)
    column = torch.arange(width, device=features.device).repeat(height)
    near = ((row[:, None] - row).abs() <= beside) & ((column[:, None] - column).abs() <= beside)
    best = cosine.masked_fill(near, -1.0).topk(ranks, dim=2).values
    return best.transpose(1, 2).reshape(batch, ranks, height, width)


# ---------------------------------------------------------------- Multi-Scale Perception


class Perception(nn.Module):
    """Each level becomes a sum of itself and all coarser ones, with weights that depend on the picture.

    A pasted speck is seen by the finest level alone, a pasted sky by the coarsest; the picture says which to believe.
    """

    def __init__(self, widths: list[int], width: int, *, weighed: bool) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(convolution(channels, width, kernel=1) for channels in widths)
        count = len(widths)
        self.weights = nn.Sequential(
            nn.Linear(count * width, width), nn.ReLU(), nn.Linear(width, count * (count + 1) // 2)
        ) if weighed else None  # fmt: skip
        self.smooth = nn.ModuleList(Separable(width, 5) for _ in widths)

    def forward(self, levels: list[torch.Tensor]) -> list[torch.Tensor]:
        """Features, the finest first, each half as large as the one before, to as many of `width` channels."""
        lateral = [step(level) for step, level in zip(self.lateral, levels, strict=True)]
        gates = None
        if self.weights is not None:
            gates = 2 * torch.sigmoid(self.weights(torch.cat([one.mean(dim=(2, 3)) for one in lateral], dim=1)))
        perceived, gate = [], 0
        for fine, smooth in enumerate(self.smooth):
            total: torch.Tensor | None = None
            for coarse in range(fine, len(lateral)):
                part = lateral[coarse]
                if gates is not None:
                    part = part * gates[:, gate, None, None, None]
                gate += 1
                if coarse > fine:
                    part = F.interpolate(part, scale_factor=2.0 ** (coarse - fine), mode="bilinear")
                total = part if total is None else total + part
            assert total is not None
            perceived.append(smooth(total))
        return perceived


class Evidence(nn.Module):
    """All perceived levels as one map at 1/4: joined at 1/8, where context is cheap, and brought to the finest."""

    def __init__(self, width: int, output: int) -> None:
        super().__init__()
        self.join = convolution(3 * width, width, kernel=1)
        self.context = nn.Sequential(Separable(width, 7), Block(width), Separable(width, 7))
        self.narrow = convolution(width, output, kernel=1)
        self.fine = convolution(width, output, kernel=1)
        self.refine = nn.Sequential(convolution(2 * output, output, kernel=1), Separable(output, 7))

    def forward(self, perceived: list[torch.Tensor]) -> torch.Tensor:
        """Four levels, the finest first, to (B, output, H/4, W/4)."""
        fine, middle, *coarse = perceived
        wide = [F.interpolate(one, scale_factor=2.0 * 2**i, mode="bilinear") for i, one in enumerate(coarse)]
        joined = self.context(self.join(torch.cat([middle, *wide], dim=1)))
        up = F.interpolate(self.narrow(joined), scale_factor=2.0, mode="bilinear")
        return self.refine(torch.cat([self.fine(fine), up], dim=1))


# ---------------------------------------------------------------- Self-Rectification


class Rectification(nn.Module):
    """One pass: the evidence, seen through what is believed so far and through its edge, gives a correction.

    The first places looked at are those next to what is believed, far and near, since a thing goes on where it began.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inside = convolution(width + 4, width, kernel=1)
        self.look = Separable(width, 7)
        self.correction = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, evidence: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) and (B, 1, h, w) to the correction (B, 1, h, w)."""
        believed = torch.sigmoid(logits)
        near = F.avg_pool2d(believed, 5, 1, 2)
        far = F.interpolate(F.avg_pool2d(F.avg_pool2d(believed, 8), 3, 1, 1), scale_factor=8.0, mode="bilinear")
        edge = (believed - near).abs()
        gated = evidence * (0.5 + believed)
        return self.correction(self.look(self.inside(torch.cat([gated, believed, near, far, edge], dim=1))))


class Certain(nn.Module):
    """The logit that each place is on the right side of one half, from the evidence and how sure the map is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(convolution(width + 4, width, kernel=1), Separable(width, 7))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, evidence: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) and (B, 1, h, w) to (B, 1, h, w)."""
        believed = torch.sigmoid(logits)
        near = F.avg_pool2d(believed, 9, 1, 4)
        whole = believed.mean(dim=(2, 3), keepdim=True).expand_as(believed)
        sides = [believed, near, (2 * believed - 1).abs(), whole]
        return self.head(self.look(torch.cat([evidence, *sides], dim=1)))


class Score(nn.Module):
    """The logit that anything was manipulated: what the coarse levels show, and how much the map claims."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(4 * width + 3, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, perceived: list[torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
        """Levels (B, C, h, w) and logits (B, 1, h, w) to (B,)."""
        smooth = F.avg_pool2d(logits, 5, 1, 2)
        claims = [smooth.amax(dim=(2, 3)), smooth.mean(dim=(2, 3)), 4 * torch.sigmoid(smooth).mean(dim=(2, 3))]
        seen = [pool for level in perceived[2:] for pool in (level.mean(dim=(2, 3)), level.amax(dim=(2, 3)))]
        return self.read(torch.cat([*seen, *claims], dim=1))[:, 0]


class Separable(nn.Module):
    """A large filter for each channel, then a mixture of the channels, beside the identity."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.mix = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        return F.relu(x + self.mix(self.depthwise(x)))


def _whole(picture: torch.Tensor, stride: int) -> torch.Tensor:
    height, width = picture.shape[2:]
    return F.pad(picture, (0, -width % stride, 0, -height % stride), mode="replicate")


def _enlarged(logits: torch.Tensor) -> torch.Tensor:
    return F.interpolate(logits, scale_factor=4.0, mode="bilinear", align_corners=False)


def build(preset: str) -> WebIml:
    """A fresh network of a preset."""
    return WebIml(PRESETS[preset])
