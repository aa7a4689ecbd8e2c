"""A Ray cluster to work on: one that is there, or a small one on this machine for as long as the run takes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import math
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from webiml.errors import SettingError
from webiml.runners.cores import usable_cores
from webiml.settings.runner import RunnerSettings

SECONDS_TO_ANSWER = 10  # for the head of a cluster, before it counts as not there
OBJECT_STORE = 100_000_000  # bytes; results are small, pictures never go through it

PASSED_ON = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)
"""Variables of this process that a worker gets, so that it reaches the places that this process reaches."""


def refuse_without_ray() -> None:
    """Raises SettingError when Ray is not installed; to be called before anything is made."""
    if importlib.util.find_spec("ray") is None:
        raise SettingError('--runner ray needs an extra: pip install "webiml[ray]".')


@contextmanager
def connected(settings: RunnerSettings, workers: int) -> Iterator[int]:
    """Be connected with the cluster that `settings` name; for a `with` block.

    A process that has called `ray.init` itself keeps its connection, before and after.

    Args:
        workers: how many are wanted; 0 for as many as the machines of the cluster have room for.
    Returns:
        How many workers there may be, at least 1.
    Raises:
        SettingError: Ray is not installed, the cluster cannot be reached, or no machine of it has room for a worker.
    """
    refuse_without_ray()
    # Before Ray is imported, which reads them: no word to its makers, and nothing of it on our stdout.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Ray will change one day is no concern of a user
        import ray

        ours = not ray.is_initialized()
        if ours:
            _connect(settings, workers)
    try:
        room = _room(settings)
        yield workers or room
    finally:
        if ours:
            with warnings.catch_warnings(), suppress(Exception):
                warnings.simplefilter("ignore")
                ray.shutdown()


def _connect(settings: RunnerSettings, workers: int) -> None:
    import ray

    address = settings.ray_address or os.environ.get("RAY_ADDRESS") or "local"
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if address == "local":
            ray.init(
                address="local",
                num_cpus=max(usable_cores(), math.ceil(workers * settings.worker_cpus)),
                object_store_memory=OBJECT_STORE,
                include_dashboard=False,
                **quiet,
            )
            return
        _refuse_silent(address)
        ray.init(address=address, **quiet)
    except SettingError:
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:300].rstrip(".")
        ours = f"this machine has Ray {importlib.metadata.version('ray')} and Python {_python()}"
        raise SettingError(
            f"The Ray cluster {address} cannot be used ({type(error).__name__}: {why}): look at --ray-address, and "
            f"that its machines have the same Ray and Python, and at RAY_AUTH_MODE; {ours}."
        ) from None


def _refuse_silent(address: str) -> None:
    """Refuse a head that does not answer: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].partition("?")[0].rpartition(":")
    if not port.isdecimal():
        return  # a word such as auto
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SettingError(
            f"No Ray cluster answers at {address} ({why.lower()}): look at --ray-address, and that the cluster runs."
        ) from None


def _room(settings: RunnerSettings) -> int:
    """How many workers all machines of the cluster have room for when they do nothing else; at least 1."""
    import ray

    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needed = {"CPU": settings.worker_cpus, "GPU": settings.worker_gpus}
    rooms = [
        min(int(machine.get(name, 0) / share + 1e-9) for name, share in needed.items() if share) for machine in machines
    ]
    if sum(rooms) == 0:
        cores, gpus = (max((machine.get(name, 0) for machine in machines), default=0) for name in needed)
        raise SettingError(
            f"No machine of the Ray cluster has room for a worker of --worker-cpus {settings.worker_cpus:g} and "
            f"--worker-gpus {settings.worker_gpus:g}: they have at most {cores:g} cores and {gpus:g} GPUs."
        )
    return sum(rooms)


def _python() -> str:
    import platform

    return platform.python_version()
