"""How weights are moved: AdamW, the learning rate's course, the precision of a device, the average that follows."""

from __future__ import annotations

import math

import torch
from torch import nn

from webiml.settings import TrainSettings


def adamw(net: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW that decays weights of two or more dimensions, no biases and norms; its state is there from the start.

    A module with an attribute `pace`, a number, learns at that share of the learning rate, and so does all within it;
    each group of parameters says its own as `pace`.
    """
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    paces = _paces(net)
    groups = [
        {"params": [p for p in parameters if paces[p] == pace and (p.ndim >= 2) == wide], "weight_decay": decay}
        | {"pace": pace}
        for pace in sorted(set(paces.values()), reverse=True)
        for wide, decay in ((True, settings.weight_decay), (False, 0.0))
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.lr)
    for parameter in parameters:  # what AdamW would make at its first step, so that a checkpoint can be read into it
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
    return optimizer


def _paces(net: nn.Module) -> dict[nn.Parameter, float]:
    paces = dict.fromkeys(net.parameters(), 1.0)
    for module in net.modules():  # a module comes before those within it
        if isinstance(pace := getattr(module, "pace", None), float):
            paces |= dict.fromkeys(module.parameters(), pace)
    return paces


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The rate of a step, counted from 0: linear to the largest, then falling to a hundredth of it."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    left = 1 - (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    shape = (1 - math.cos(math.pi * left)) / 2 if settings.schedule == "cosine" else left**0.9
    return settings.lr * (0.01 + 0.99 * shape)


def precision(device: torch.device) -> tuple[torch.dtype, torch.amp.GradScaler]:
    """The type in which a device computes, and what keeps float16 gradients from vanishing (idle for the others)."""
    on_cuda = device.type == "cuda"
    half = torch.bfloat16 if on_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    dtype = half if on_cuda else torch.float32
    return dtype, torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move the average towards the network: weights and floating buffers by 1 - decay, counters are copied."""
    theirs = net.state_dict()
    for name, tensor in average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(theirs[name], 1 - decay)
        else:
            tensor.copy_(theirs[name])


def tensors_of(net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """All that a training is at one step, by name; the tensors themselves, not copies."""
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for name, parameter in net.named_parameters():
        for part, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{part}"] = tensor
    return tensors
