"""Ways to tell the kind of a pair and to draw its mask: with trained networks, or with the priors alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from webiml.annotate.classify import classify_by_curves, classify_by_network
from webiml.annotate.views import average_views
from webiml.evidence.corr_dino_input import corr_dino_input
from webiml.evidence.dass_input import dass_input
from webiml.evidence.evidence import Evidence
from webiml.evidence.judge import SURE
from webiml.evidence.matching import turned_matching
from webiml.geometry.maps import log_odds, sigmoid, turned
from webiml.images.codec import to_8bit
from webiml.metrics.qes import qes
from webiml.nets import weights
from webiml.nets.weights import SHIPPED_BACKBONE
from webiml.settings import AnnotatorSettings
from webiml.types import Kind

Classify = Callable[[Evidence], Mapping[Kind, float]]  # how probable each kind is, [0, 1]; what is missing is not
Segment = Callable[[Evidence], np.ndarray]  # (h, w) float32 in [0, 1] at working size


@dataclass(frozen=True)
class Method:
    """How pairs are annotated.

    Attributes:
        classify: the kind of a pair.
        sure: a kind less probable than this is not believed, and every segmenter that may fit is asked.
        segment: for each kind that can hold a forgery, the probability that a pixel is manipulated.
        backbone: what the evidence sees pictures with.
    """

    classify: Classify
    sure: float
    segment: Mapping[Kind, Segment]
    backbone: str = SHIPPED_BACKBONE


def difference(evidence: Evidence) -> np.ndarray:
    """The SPG prior."""
    return evidence.difference.probability


def correlation(evidence: Evidence) -> np.ndarray:
    """The SDG prior."""
    return evidence.correlation.probability


SURE_OF_NOTHING = 0.05  # the QES below which DASS has no answer of its own, and
PRIOR_SHARE = 0.2  # the share of the log-odds that the prior then has; both from benchmarks/prior_share.py


def denoised_difference(evidence: Evidence, folder: Path | None = None) -> np.ndarray:
    """DASS over three views; it also says how far an edit goes on beyond what the authentic picture covers.

    A network that has learned to leave out what the web lays over a picture doubts, now and then, a difference that
    could not be plainer. Where it is sure of nothing at all, the prior is heard again.
    """
    found = evidence.alignment
    if found is None:
        return evidence.difference.probability
    net, stack = weights.load("dass", folder), dass_input(evidence)
    network = average_views(lambda view: net(turned(stack, view)[None])[0, 0])
    if (qes(to_8bit(network)) or 0) >= SURE_OF_NOTHING:
        return network
    both = (1 - PRIOR_SHARE) * log_odds(network) + PRIOR_SHARE * log_odds(evidence.difference.probability)
    return np.where(found.validity, sigmoid(both), network)


def denoised_correlation(evidence: Evidence, folder: Path | None = None) -> np.ndarray:
    """Corr-DINO over three views."""
    net, inputs = weights.load("corr_dino", folder), corr_dino_input(evidence)
    stack, matching = inputs["stack"], inputs["matching"]
    found = average_views(lambda view: net(turned(stack, view)[None], turned_matching(matching, view)[None])[0, 0])
    height, width = evidence.manipulated.shape[:2]
    return found[:height, :width]


def method_of(settings: AnnotatorSettings) -> Method:
    """The method that the settings name, with the networks of their folder."""
    if settings.method == "prior":
        return Method(classify_by_curves, SURE[settings.method], {Kind.SPG: difference, Kind.SDG: correlation})
    folder = settings.weights
    segment: dict[Kind, Segment] = {
        Kind.SPG: partial(denoised_difference, folder=folder),
        Kind.SDG: partial(denoised_correlation, folder=folder),
    }
    classify = partial(classify_by_network, folder=folder)
    return Method(classify, SURE[settings.method], segment, weights.backbone(folder))
