"""A localizer so small that its answers can be worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.localize.tiny_localizer import write_tiny


@pytest.fixture(scope="session")
def write_localizer() -> Callable[..., Path]:
    """`write_localizer(folder, name, **card)`: the tiny localizer with its card, as `webiml export` lays them down."""
    return write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The .onnx file of a localizer with probability = sigmoid((red - green) / 8) after a 3x3 mean."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))
