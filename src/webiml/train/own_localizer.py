"""A network of one's own as a function of pictures, to be scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from webiml.nets.localizer import Deployed


def callable_of(net: nn.Module) -> tuple[Callable[[np.ndarray], tuple[np.ndarray, float]], str]:
    """A function of pictures (H, W, 3) uint8 RGB to probability (H, W) float32 and score, and a digest of the weights.

    Args:
        net: pictures (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W), as docs/training.md says.
    """
    deployed = Deployed(net).eval()

    def look(rgb: np.ndarray) -> tuple[np.ndarray, float]:
        with torch.no_grad():
            probability, _, score = deployed(torch.from_numpy(np.ascontiguousarray(rgb))[None])
        return probability[0].numpy(), float(score[0])

    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return look, digest.hexdigest()
