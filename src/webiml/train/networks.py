"""A localizer network of one's own, by the name of the function that makes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from webiml.errors import SettingError

_TRIED = (64, 128)  # height and width of the picture that a new network is tried on: multiples of any usual stride


def load_factory(name: str) -> Callable[[], nn.Module]:
    """What `package.module:factory` names; each call makes a new network and tries it on one small picture.

    A network maps pictures (B, 3, H, W) float in [0, 1] to logits (B, 1, H, W) of P(pixel is manipulated). Where H and
    W must be multiples of another number than 32, it says so in an attribute `stride`.

    Raises:
        SettingError: the name or the function is none, or what the function made is no such network (at the call).
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise SettingError(f"--net must look like package.module:factory, got {name!r}.")
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise SettingError(f"--net {name} cannot be imported ({error}); is it on PYTHONPATH?") from None
    if not callable(factory):
        raise SettingError(f"--net {name} is no function that makes a network.")
    return partial(_made, name, factory)


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
