"""Makers of samples that worker processes can import."""

import os
import time

import numpy as np


def square(key: str) -> dict[str, np.ndarray]:
    number = int(key)
    return {"n": np.array(number), "stack": np.full((2, 3, 4), number, np.float32), "mask": np.eye(3) > 0}


def slow(key: str) -> dict[str, np.ndarray]:
    time.sleep(0.2)
    return square(key)


def odd_only(key: str) -> dict[str, np.ndarray] | None:
    return square(key) if int(key) % 2 else None


def fails_at_three(key: str) -> dict[str, np.ndarray]:
    if key == "3":
        raise ValueError("three is no good")
    return square(key)


def fails(key: str) -> dict[str, np.ndarray]:
    raise ValueError("nothing works")


def counted(key: str) -> dict[str, np.ndarray]:
    with open(os.environ["WEBIML_TEST_COUNT"], "a") as file:
        file.write(f"{key}\n")
    return square(key)
