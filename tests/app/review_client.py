"""A review page over a small dataset, asked without a server; what tests of it share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.testclient import TestClient
from tests.datasets.small_dataset import HEIGHT, WIDTH, write_pictured

from webiml.app.review.open import open_cases
from webiml.app.review.server import review_app

RECT = [row * WIDTH + 20 for row in range(30, 34)]  # where rows of a rectangle start, at (20, 30)


def client_of(folder: Path, reviewer: str = "Ann") -> TestClient:
    """A browser of the page over the cases in `folder`."""
    return TestClient(review_app(open_cases(folder), reviewer))


def small(folder: Path, format: str = "folder") -> Path:
    """The dataset of tests/datasets/small_dataset.py: pairs 0, 1, 2 kept, 3 and 4 rejected, 5 failed."""
    return write_pictured(folder, format=format)


def rectangle(value: int = 1, width: int = 10) -> dict[str, Any]:
    """A stroke over 4 rows of `width` pixels at (20, 30)."""
    return {"stroke": {"value": value, "runs": [number for start in RECT for number in (start, width)]}}


def rectangle_mask(width: int = 10) -> np.ndarray:
    """(HEIGHT, WIDTH) bool: what `rectangle` marks."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[30:34, 20 : 20 + width] = True
    return mask


def pixels(data: bytes) -> np.ndarray:
    """A picture's numbers."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
