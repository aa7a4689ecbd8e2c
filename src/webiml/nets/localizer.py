"""A localizer as it ships: a picture in, three calibrated answers out, around any network that gives logits.

What a user would otherwise have to know (how a picture becomes a tensor, to what size it is padded, what a logit is
worth) is part of the network here, so that it is part of the exported file, whatever runs it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

THRESHOLD = 0.5  # of the calibrated probability: from here on a pixel counts as manipulated
OUTPUTS = ("probability", "confidence", "score")
_STRIDE = 32  # of a network that does not say its own
_SPOT = 9  # pixels a side: what has to be manipulated at least before it counts for the whole picture
_EDGE = 1e-6  # probabilities nearer to 0 and 1 have no logit in float32


class Deployed(nn.Module):
    """Around a network that maps (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W) of P(pixel is manipulated).

    In: pictures uint8 (B, H, W, 3) RGB, H and W at least 16. They are padded at the right and below, by repeating the
    last row and column, to multiples of `net.stride` (an int; 32 for a network without it), and the answers cropped.
    Out: `probability` float32 (B, H, W), P(pixel is manipulated); `confidence` float32 (B, H, W), P(the pixel is on the
    right side of THRESHOLD); `score` float32 (B,), P(the picture holds a manipulated area); all in [0, 1].

    A network with a method `answers` gives by it logits (B, 1, H, W), logits of the confidence (B, 1, H, W) and of the
    score (B,). Of any other, a pixel is as certain as its probability is far from one half, and a picture scores what
    its most suspicious spot of 9 by 9 pixels has on average.

    Attributes:
        enlargement: `net.enlargement`, 1 without it: how many times larger a small picture is looked at once more, see
            `webiml.geometry.looks`; whoever runs the network does that.
        pixel, certain: float32 (2,) gain and bias, which make of each logit gain x logit + bias; (1, 0) until they are
            calibrated. score_curve: float32 (3,), of the score's logit also gain x log(mean probability): how much is
            marked says more of a picture than its score alone; (1, 0, 0) until then. They are buffers of the exported
            file, no part of the trained network.
    """

    pixel: torch.Tensor
    certain: torch.Tensor
    score_curve: torch.Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("pixel", torch.tensor([1.0, 0.0]))
        self.register_buffer("certain", torch.tensor([1.0, 0.0]))
        self.register_buffer("score_curve", torch.tensor([1.0, 0.0, 0.0]))
        self.stride = stride_of(net)
        self.enlargement = float(getattr(net, "enlargement", 1))

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The probability, the confidence and the score; see the class."""
        pixel, certain, score = self.logits(picture)
        gain, of_area, bias = self.score_curve
        score = gain * score + of_area * self.log_area(pixel) + bias
        return (
            torch.sigmoid(_curved(pixel, self.pixel)),
            torch.sigmoid(_curved(certain, self.certain)),
            torch.sigmoid(score),
        )

    def log_area(self, pixel: torch.Tensor) -> torch.Tensor:
        """Logarithm of the mean probability (B,) that `pixel` logits (B, H, W) come to."""
        return torch.sigmoid(_curved(pixel, self.pixel)).mean((1, 2)).clamp_min(_EDGE).log()

    def logits(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits (B, H, W), (B, H, W) and (B,) before their curves, which are fitted to them.

        Without `answers` the second and the third follow from the calibrated probability: fit `pixel` first.
        """
        height, width = picture.shape[1:3]
        x = picture.permute(0, 3, 1, 2).float() / 255
        x = F.pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        answers: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None
        answers = getattr(self.net, "answers", None)
        if answers is not None:
            pixel, certain, score = answers(x)
            return pixel[:, 0, :height, :width], certain[:, 0, :height, :width], score
        pixel = self.net(x)[:, 0, :height, :width]
        calibrated = _curved(pixel, self.pixel)
        spots = F.avg_pool2d(torch.sigmoid(calibrated)[:, None], (_SPOT, 1), stride=1)
        spots = F.avg_pool2d(spots, (1, _SPOT), stride=1)  # one axis after the other: 18 sums a pixel, not 81
        return pixel, calibrated.abs(), torch.logit(spots.amax((1, 2, 3)), eps=_EDGE)


def stride_of(net: nn.Module) -> int:
    """Pixels: what the sides of a localizer's pictures must be multiples of; 32 where it says nothing."""
    stride = getattr(net, "stride", _STRIDE)
    return stride if isinstance(stride, int) and stride > 0 else _STRIDE  # a convolution's is a tuple


def _curved(logits: torch.Tensor, curve: torch.Tensor) -> torch.Tensor:
    return logits * curve[0] + curve[1]
