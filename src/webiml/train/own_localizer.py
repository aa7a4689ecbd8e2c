"""A network of one's own as a function of pictures, to be scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from webiml.nets.localizer import Deployed


def as_function(net: nn.Module) -> Callable[[np.ndarray], tuple[np.ndarray, float]]:
    """A function of pictures (H, W, 3) uint8 RGB to probability (H, W) float32 and score, on the processor.

    Args:
        net: pictures (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W), as docs/training.md says.
    """
    deployed = Deployed(net).eval()

    def look(rgb: np.ndarray) -> tuple[np.ndarray, float]:
        with torch.no_grad():
            probability, _, score = deployed(torch.from_numpy(np.ascontiguousarray(rgb))[None])
        return probability[0].numpy(), float(score[0])

    return look


def weights_digest(net: nn.Module) -> str:
    """SHA-256 of a network's weights, hex."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
