"""What tells SPG, SDG, identical and unrelated pairs apart: a few numbers a pair, each a share or a logarithm."""

from __future__ import annotations

import numpy as np

from webiml.evidence.evidence import Evidence
from webiml.geometry.maps import blur, grey, local_correlation, log_odds, spread, top_mean

CELLS = 8  # a picture is cut into this many cells a side


def scene_features(evidence: Evidence) -> dict[str, np.ndarray | float]:
    """How much of the manipulated picture the aligned authentic one explains; each number in [0, 1]."""
    names = ("agreement", "structure", "cells", "inliers")
    alignment = evidence.alignment
    if alignment is None:
        return dict.fromkeys(names, 0.0)
    # Agreement on a small overlap is what a shared object gives, so it counts by what it covers.
    covered = np.sqrt(1 - alignment.unknown)
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
    probability = evidence.difference.probability
    suspected = int((probability >= 1 / 16).sum())
    return {
        "strongest": float(log_odds(np.array(top_mean(probability)))),
        "sure": int((probability >= 15 / 16).sum()) / max(suspected, 1),
    }


def object_features(evidence: Evidence) -> dict[str, np.ndarray | float]:
    """How strong the best trace of a shared object is."""
    inliers = max((len(hypothesis.points) for hypothesis in evidence.hypotheses), default=0)
    found = top_mean(evidence.correlation.probability) if evidence.hypotheses else 0.0
    area = float((evidence.correlation.probability >= 0.5).mean()) if evidence.hypotheses else 0.0
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
