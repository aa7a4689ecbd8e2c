"""Lets the tests of this room, and the processes that they start, import store_samples."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from store_samples import stop_clock

    monkeypatch.setattr("webiml.store.dataset_files.datetime", datetime)  # to be put back
    stop_clock(0)
    yield
