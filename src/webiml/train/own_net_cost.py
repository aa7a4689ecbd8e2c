"""What a network of one's own costs: its parameters, and the operations that torch counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from webiml.errors import SettingError
from webiml.train import own_localizer

_TRIED = (64, 128)  # height and width of the picture that a network is tried on: multiples of any usual stride


def as_function(name: str, net: nn.Module, threads: int = 0) -> Callable[[np.ndarray], np.ndarray]:
    """A function of pictures (H, W, 3) uint8 RGB to probability (H, W) float32, on the processor.

    Args:
        name: of the network, for a person. net: pictures (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W).
        threads: that torch may use from now on; 0 leaves that alone.
    Raises:
        SettingError: it is no such network.
    """
    if threads:
        torch.set_num_threads(threads)
    look = own_localizer.as_function(net)
    with torch.no_grad():
        try:
            logits = net(torch.zeros(1, 3, *_TRIED))
        except Exception as error:
            words = " ".join(str(error).split())[:200]
            raise SettingError(f"--net {name} fails on a picture of {(1, 3, *_TRIED)} ({words}).") from None
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (1, 1, *_TRIED):
        raise SettingError(
            f"--net {name} gives {shape} for a picture of {(1, 3, *_TRIED)}; a localizer gives logits of "
            f"{(1, 1, *_TRIED)}."
        )
    return lambda rgb: look(rgb)[0]


def parameters(net: nn.Module) -> int:
    """How many numbers a network learns, those that are frozen included."""
    return sum(parameter.numel() for parameter in net.parameters())


def flops(look: Callable[[np.ndarray], np.ndarray], rgb: np.ndarray) -> int:
    """Floating-point operations of convolutions and matrix products for one picture, a multiply-add counts 2.

    Source: torch.utils.flop_counter.
    """
    with FlopCounterMode(display=False) as counter:
        look(rgb)
    return counter.get_total_flops()


def version() -> str:
    """Of torch."""
    return torch.__version__
