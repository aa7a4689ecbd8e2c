"""SPG, SDG, identical or unrelated: which question can be asked of a pair."""

from __future__ import annotations

from functools import cache

import numpy as np

from webiml.annotate.evidence import Evidence
from webiml.geometry.logistic import Logistic, load
from webiml.geometry.maps import blur, grey, local_correlation, log_odds, spread, top_mean
from webiml.types import Kind

CELLS = 8  # a picture is cut into this many cells a side


@cache
def curves() -> dict[str, Logistic]:
    """The fitted curves; read once."""
    return load("webiml.annotate", "classify")


def classify(evidence: Evidence) -> tuple[Kind, float]:
    """The kind of a pair and how sure it is, in [0, 1].

    The same scene, if the frames can be laid upon one another and mostly agree; then SPG where something differs and
    identical where nothing does. Else SDG where an object is shared and unrelated where none is.
    Departs: "the same frame" is no evidence, since it is true of a benchmark and not of the web (method 9).
    """
    same = float(curves()["same_scene"](scene_features(evidence)))
    if same >= 0.5:
        differs = float(curves()["something_differs"](difference_features(evidence)))
        return (Kind.SPG, same * differs) if differs >= 0.5 else (Kind.IDENTICAL, same * (1 - differs))
    shared = float(curves()["shared_object"](object_features(evidence)))
    return (Kind.SDG, (1 - same) * shared) if shared >= 0.5 else (Kind.UNRELATED, (1 - same) * (1 - shared))


def scene_features(evidence: Evidence) -> dict[str, np.ndarray | float]:
    """How much of the manipulated picture the aligned authentic one explains; each number in [0, 1]."""
    names = ("agreement", "structure", "cells", "inliers")
    alignment = evidence.alignment
    if alignment is None:
        return dict.fromkeys(names, 0.0)
    # Agreement on a small overlap is what a shared object gives, so it counts by what it covers.
    covered = np.sqrt(float(alignment.validity.mean()))
    everywhere = _per_cell(evidence.features[1].points, evidence.manipulated.shape)
    obeying = _per_cell(alignment.inliers, evidence.manipulated.shape)
    busy = everywhere >= 3
    return {
        "agreement": alignment.agreement * covered,
        "structure": _structural_agreement(evidence, alignment.agreement) * covered,
        "cells": float((obeying[busy] >= 1).mean()) if busy.any() else 0.0,
        "inliers": float(np.minimum(obeying, everywhere)[busy].sum() / everywhere[busy].sum()) if busy.any() else 0.0,
    }


def difference_features(evidence: Evidence) -> dict[str, np.ndarray | float]:
    """How strong and how sharply bounded the strongest difference is: saving and resizing leave faint, vague ones."""
    probability = evidence.difference
    suspected = int((probability >= 1 / 16).sum())
    return {
        "strongest": float(log_odds(np.array(top_mean(probability)))),
        "sure": int((probability >= 15 / 16).sum()) / max(suspected, 1),
    }


def object_features(evidence: Evidence) -> dict[str, np.ndarray | float]:
    """How strong the best trace of a shared object is."""
    inliers = max((len(hypothesis.points) for hypothesis in evidence.hypotheses), default=0)
    found = top_mean(evidence.correlation) if evidence.hypotheses else 0.0
    area = float((evidence.correlation >= 0.5).mean()) if evidence.hypotheses else 0.0
    return {"inliers": float(np.log1p(inliers)), "strongest": found, "area": float(np.sqrt(area))}


def _per_cell(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    counted = np.zeros((CELLS, CELLS))
    if len(points):
        column = np.clip((points[:, 0] / shape[1] * CELLS).astype(int), 0, CELLS - 1)
        row = np.clip((points[:, 1] / shape[0] * CELLS).astype(int), 0, CELLS - 1)
        np.add.at(counted, (row, column), 1)
    return counted


def _structural_agreement(evidence: Evidence, otherwise: float) -> float:
    """Share of the textured, covered pixels around which both pictures have the same structure.

    Texture in either picture counts: a smooth sky that meets a smooth wall agrees in colour and shows nothing.
    """
    alignment = evidence.alignment
    assert alignment is not None
    a, m = grey(blur(alignment.authentic, 1)), grey(blur(evidence.manipulated, 1))
    alike = local_correlation(a, m, 3, 1e-5)
    textured = alignment.validity & (np.maximum(spread(a, 3), spread(m, 3)) > 0.015)
    return float((alike[textured] > 0.7).mean()) if textured.sum() > 50 else otherwise
