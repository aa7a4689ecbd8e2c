"""A localizer network of one's own, by the name of the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from webiml.errors import SettingError
from webiml.forge.named import function_named

_TRIED = (64, 128)  # height and width of the picture that a new network is tried on: multiples of any usual stride


def load_factory(name: str) -> Callable[[], nn.Module]:
    """What `package.module:factory` names; each call makes a new network and tries it on one small picture.

    A network maps pictures (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W) of P(pixel is manipulated). Where H and
    W must be multiples of another number than 32, it says so in an attribute `stride`.

    Raises:
        SettingError: the name or the function is none, or what the function made is no such network (at the call).
    """
    if not all(name.partition(":")):
        raise SettingError(f"--net must look like package.module:factory, got {name!r}.")
    return partial(_made, name, function_named(name, "--net", ""))


def _made(name: str, factory: Callable[[], object]) -> nn.Module:
    net = factory()
    if not isinstance(net, nn.Module):
        raise SettingError(f"--net {name} made a {type(net).__name__}, no torch.nn.Module.")
    learning = net.training
    with torch.no_grad():
        logits = net.eval()(torch.zeros(1, 3, *_TRIED))
    net.train(learning)
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (1, 1, *_TRIED):
        raise SettingError(
            f"--net {name} gives {shape} for a picture of {(1, 3, *_TRIED)}; a localizer gives logits of "
            f"{(1, 1, *_TRIED)}."
        )
    return net
