"""SPG, SDG, identical or unrelated: which question can be asked of a pair."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from webiml.evidence.evidence import Evidence
from webiml.evidence.kind import difference_features, object_features, scene_features
from webiml.evidence.kind_input import kind_input
from webiml.geometry.logistic import Logistic, load
from webiml.nets import weights
from webiml.types import Kind

KINDS = tuple(Kind)  # the order of the network's outputs


@cache
def curves() -> dict[str, Logistic]:
    """The fitted curves; read once."""
    return load("webiml.annotate", "classify")


def classify_by_curves(evidence: Evidence) -> dict[Kind, float]:
    """The kind of a pair, alone, and how sure it is, in [0, 1].

    The same scene, if the frames can be laid upon one another and mostly agree; then SPG where something differs and
    identical where nothing does. Else SDG where an object is shared and unrelated where none is.
    Departs: "the same frame" is no evidence, since it is true of a benchmark and not of the web (method 9).
    """
    same = float(curves()["same_scene"](scene_features(evidence)))
    if same >= 0.5:
        differs = float(curves()["something_differs"](difference_features(evidence)))
        return {Kind.SPG: same * differs} if differs >= 0.5 else {Kind.IDENTICAL: same * (1 - differs)}
    shared = float(curves()["shared_object"](object_features(evidence)))
    return {Kind.SDG: (1 - same) * shared} if shared >= 0.5 else {Kind.UNRELATED: (1 - same) * (1 - shared)}


def classify_by_network(evidence: Evidence, folder: Path | None = None) -> dict[Kind, float]:
    """The calibrated probability of each kind, by the pair classifier."""
    inputs = {name: array[None] for name, array in kind_input(evidence).items()}
    logits = weights.load("pair_classifier", folder)(**inputs)[0, : len(KINDS)].astype(np.float64)
    likely = np.exp(logits - logits.max())
    return dict(zip(KINDS, (likely / likely.sum()).tolist(), strict=True))
