"""A small benchmark, and a localizer whose answers can be worked out by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.localize.tiny_localizer import write_tiny

GREEN, RED = (60, 120, 60), (60, 60, 220)  # BGR; the tiny localizer marks what is more red than green
SIZE = (80, 100)


def marked(side: int) -> np.ndarray:
    """What the tiny localizer marks of a red square at (10, 10): one pixel more on every side, where three are red."""
    mask = np.zeros(SIZE, bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    mask[11 : 9 + side, 9 : 11 + side] = mask[9 : 11 + side, 11 : 9 + side] = side > 2
    return mask


def write_picture(path: Path, side: int, size: tuple[int, int] = SIZE) -> None:
    """A green picture with a red square of `side` pixels at (10, 10)."""
    bgr = np.full((*size, 3), GREEN, np.uint8)
    bgr[10 : 10 + side, 10 : 10 + side] = RED
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), bgr)


def write_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), mask.astype(np.uint8) * 255)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The .onnx file of a localizer with probability = sigmoid((red - green) / 8) after a 3x3 mean."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def listed(tmp_path) -> Callable[..., Path]:
    """`listed(name=(side of the red square, truth or None))`: an IMDL-BenCo list of such pictures, its json file."""

    def make(folder: str = "listed", **pictures: tuple[int, np.ndarray | None]) -> Path:
        root, records = tmp_path / folder, []
        for name, (side, truth) in pictures.items():
            write_picture(root / "Tp" / f"{name}.png", side)
            if truth is not None:
                write_mask(root / "Gt" / f"{name}.png", truth)
            records.append([f"./Tp/{name}.png", "Negative" if truth is None else f"./Gt/{name}.png"])
        (root / "list.json").write_text(json.dumps(records))
        return root / "list.json"

    return make


@pytest.fixture
def in_this_process(monkeypatch) -> None:
    """Items are done here, not in workers: each of them would have to import everything first."""

    def in_order(function, items, workers, initializer):
        if initializer is not None:
            initializer()
        return ((item, function(item)) for item in items)

    for room in ("score", "leaks"):
        monkeypatch.setattr(f"webiml.evaluate.{room}.run_ordered", in_order)
