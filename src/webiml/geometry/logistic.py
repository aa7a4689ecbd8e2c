"""A logistic curve over a few hand-made features: how evidence becomes a probability.

Not a network: each feature has one slope below and one above its mean. The numbers are fitted on synthetic pairs by
`benchmarks/fit_priors.py` and lie as JSON beside the code that computes the features.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability = sigmoid(slope . z + low . min(z, 0) + offset), z = (feature - mean) / scale.

    Attributes: mean, scale, slope, low (K,) float32; offset float. names: the K features, in order.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    offset: float

    def __call__(self, features: dict[str, np.ndarray | float]) -> np.ndarray:
        """Features of one shape, or plain numbers that hold for the whole map; returns float32 in [0, 1]."""
        total = np.float32(self.offset)
        for i, name in enumerate(self.names):
            z = (features[name] - self.mean[i]) / self.scale[i]
            total = total + self.slope[i] * z + self.low[i] * np.minimum(z, 0)
        return (1 / (1 + np.exp(-np.clip(total, -30, 30)))).astype(np.float32)


def load(package: str, name: str) -> dict[str, Logistic]:
    """The curves of `<package>/<name>.json`."""
    table = json.loads(files(package).joinpath(f"{name}.json").read_text("utf-8"))
    return {key: from_dict(value) for key, value in table["curves"].items()}


def from_dict(value: dict) -> Logistic:
    """A curve from its JSON form: {"offset": o, "features": {name: [mean, scale, slope, low]}}."""
    mean, scale, slope, low = np.array(list(value["features"].values()), np.float32).T
    return Logistic(tuple(value["features"]), mean, scale, slope, low, float(value["offset"]))
