"""Several processes that learn one network: who we are among them, and means over all. One is the common case."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from webiml.errors import SettingError

PATIENCE = timedelta(days=1)  # the others wait while the first process makes samples, or validates


@dataclass(frozen=True, slots=True)
class Place:
    """This process among those that torchrun started; rank 0 of 1 without it."""

    rank: int
    world: int
    device: torch.device

    def mean(self, values: list[float]) -> list[float]:
        """Each value averaged over all processes, in all of them."""
        if self.world == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        return (tensor / self.world).tolist()

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.world > 1:
            distributed.barrier()

    def wrap(self, net: torch.nn.Module) -> torch.nn.Module:
        """`net`, with gradients averaged over all processes. Statistics of batch norm stay each process's own."""
        if self.world == 1:
            return net
        ids = [self.device.index] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(net, device_ids=ids)


@contextmanager
def process_group(device: str) -> Iterator[Place]:
    """Join the processes that torchrun started (gloo on CPU, nccl on CUDA); alone without torchrun.

    Args:
        device: auto, cpu or cuda; auto takes CUDA where there is one.
    Raises:
        SettingError: cuda was asked for and there is none, or fewer than processes.
    """
    rank, world, local = (int(os.environ.get(name, low)) for name, low in
                          (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)))  # fmt: skip
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingError("--device cuda was given, but torch finds no CUDA device; give --device cpu, or auto.")
    on_cuda = device != "cpu" and torch.cuda.is_available()
    if on_cuda and local >= torch.cuda.device_count():
        raise SettingError(
            f"torchrun started more processes than there are CUDA devices ({torch.cuda.device_count()}); "
            f"give --nproc-per-node {torch.cuda.device_count()}."
        )
    place = Place(rank, world, torch.device("cuda", local) if on_cuda else torch.device("cpu"))
    if on_cuda:
        torch.cuda.set_device(place.device)
    if world > 1:
        distributed.init_process_group("nccl" if on_cuda else "gloo", timeout=PATIENCE)
    try:
        yield place
        place.wait()  # who ends first must not end while another still writes: torchrun takes it for a failure
    finally:
        if world > 1:
            gc.collect()  # a wrapped network refers to itself, and to the group, whose threads abort at Python's end
            distributed.destroy_process_group()
