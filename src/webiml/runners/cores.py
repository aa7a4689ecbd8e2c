"""The cores of this machine: how many may be used, and a share of them for each process."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread() -> None:
    """Keep this process to one thread: the processes are the parallelism, threads in them get in each other's way."""
    few_threads(1)


def few_threads(count: int) -> None:
    """Keep this process to `count` threads of OpenCV, and of the libraries below numpy."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(count)
    threadpool_limits(count)
