"""A Ray cluster of this machine for tests: two cores, and one GPU in name only."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def local_cluster(*folders: Path) -> Iterator[str]:
    """Start one whose workers find modules in `folders`, and connect this process; its address, for other processes."""
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"] = "disabled"  # else a token is left in the home folder
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."  # what Ray says of workers that died
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(
            address="local",
            num_cpus=2,
            num_gpus=1,
            object_store_memory=100_000_000,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
        os.environ.clear()
        os.environ.update(before)
        try:
            yield ray.get_runtime_context().gcs_address
        finally:
            ray.shutdown()
