"""Batches of samples by number, made in processes of their own; whatever their number, the same batches."""

from __future__ import annotations

import copy
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from webiml.errors import SettingError, WebimlError
from webiml.runners.cores import one_thread, usable_cores
from webiml.settings import TrainRun, TrainSettings
from webiml.train.distributed import Place


@contextmanager
def batches(
    task: Any, settings: TrainSettings, run: TrainRun, place: Place, first: int
) -> Iterator[Iterator[dict[str, torch.Tensor]]]:
    """Each step's part of its batch for this process, from step `first` to the last; a context manager.

    Step s learns from the samples s * batch to (s + 1) * batch - 1; of them process r of n takes each n-th from the
    r-th on.

    Raises:
        SettingError: the batch cannot be shared out evenly.
    """
    if settings.batch % place.world:
        raise SettingError(f"--batch {settings.batch} must be a multiple of the {place.world} processes of torchrun.")
    workers = sample_workers(run, place)
    loader = DataLoader(
        _Samples(task),
        batch_size=settings.batch // place.world,
        sampler=range(first * settings.batch + place.rank, settings.steps * settings.batch, place.world),
        collate_fn=_collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_start_worker,
        pin_memory=place.device.type == "cuda",
    )

    def given() -> Generator[dict[str, torch.Tensor], None, None]:
        for batch in loader:
            if isinstance(batch, WebimlError):
                raise batch
            yield batch

    stream = given()
    try:
        yield stream
    finally:
        stream.close()


def sample_workers(run: TrainRun, place: Place) -> int:
    """Processes beside this one that make samples; 0 where there is one core, which they would only share."""
    return run.workers or max(0, usable_cores() // place.world - 1)


class _Samples(Dataset[Any]):
    def __init__(self, task: Any) -> None:
        self.task = copy.copy(task)  # the processes need no network, and one on CUDA could not be sent to them
        self.task.net = None

    def __getitem__(self, index: int) -> dict[str, np.ndarray] | WebimlError:
        try:
            return self.task.sample(index)
        except WebimlError as error:  # as a value: raised here, it would come back with a traceback in its words
            return error


def _collate(samples: list[Any]) -> dict[str, torch.Tensor] | WebimlError:
    for sample in samples:
        if isinstance(sample, WebimlError):
            return sample
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def _start_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent alone decides
    one_thread()
    torch.set_num_threads(1)
