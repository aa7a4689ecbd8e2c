"""What all tests share: the hypothesis profiles and where the repository lies."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: on a busy machine it measures the neighbours. Fixed examples where a failure would block somebody else.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data(repository: Path) -> Path:
    """Data that may be looked at but not redistributed; it lies beside the checkout on some machines only."""
    data = repository.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the shared data does not lie beside this checkout")
    return data
