"""What all tests share: the hypothesis profiles and where the repository lies."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="session")
def picture(repository: Path) -> Callable[[str, int], np.ndarray]:
    """`picture(name, width)`: one of examples/pictures as (H, W, 3) uint8 RGB, made smaller to this width in pixels."""
    import cv2

    def load(name: str, width: int) -> np.ndarray:
        bgr = cv2.imread(str(repository / "examples" / "pictures" / f"{name}.jpg"))
        assert bgr is not None, name
        size = (width, round(bgr.shape[0] * width / bgr.shape[1]))
        return np.ascontiguousarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)[..., ::-1])

    return load
