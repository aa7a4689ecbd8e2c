"""One pair of pictures in, one mask that can be trusted out, or the reason why there is none.

classify kind -> align -> segment -> average over views -> QES -> keep or reject     (the paper's Figure 2)
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from webiml.annotate.methods import method_of
from webiml.errors import BadMap
from webiml.evidence.evidence import Evidence
from webiml.images.codec import from_8bit, to_8bit
from webiml.images.decode import MIN_SIDE
from webiml.metrics.qes import qes
from webiml.settings import AnnotatorSettings
from webiml.types import Annotation, Kind, Reason, Status

POSSIBLE = 0.1  # where no kind is sure, those at least so probable are tried: on strangers DASS finds that all differs


class Annotator:
    """Annotates pairs; keeps its settings and nothing else between calls, so one serves many threads and pairs."""

    def __init__(self, settings: AnnotatorSettings | None = None) -> None:
        self.settings = settings or AnnotatorSettings()
        self.method = method_of(self.settings)

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        """Annotate one pair.

        Args:
            authentic, manipulated: (H, W, 3) uint8 RGB, sides of 16 pixels or more; their sizes may differ.
        Returns:
            The annotation; its probability has the manipulated picture's size.
        Raises:
            BadMap: an array of another shape or type.
        """
        _refuse_other_arrays(authentic=authentic, manipulated=manipulated)
        evidence = Evidence(authentic, manipulated, self.method.backbone)
        likely = self.method.classify(evidence)
        kind = max(likely, key=lambda one: likely[one])
        if likely[kind] >= self.method.sure:
            return self.segmented(evidence, kind, likely[kind])
        tried = [self.segmented(evidence, k, likely[k]) for k in self.method.segment if likely.get(k, 0) >= POSSIBLE]
        kept = [annotation for annotation in tried if annotation.status is Status.KEPT]
        if kept:
            return max(kept, key=lambda annotation: annotation.qes or 0)
        words = f"{likely[kind]:.2f} for {kind.value}, below {self.method.sure}, and no segmenter is sure"
        doubted = self.segmented(evidence, kind, likely[kind])
        return replace(doubted, status=Status.REJECTED, reason=Reason.KIND_UNCERTAIN, detail=words)

    def segmented(self, evidence: Evidence, kind: Kind, confidence: float) -> Annotation:
        """The annotation of a pair, taken to be of that kind."""
        # What was looked at in vain has a map too: a person who doubts the kind can see what little was found.
        segment = self.method.segment[Kind.SPG if kind in (Kind.SPG, Kind.IDENTICAL) else Kind.SDG]
        return self.judge(evidence, kind, confidence, to_8bit(evidence.at_native_size(segment(evidence))))

    def judge(self, evidence: Evidence, kind: Kind, confidence: float, probability: np.ndarray) -> Annotation:
        """Keep a mask that is sure, of a believable size and about what both pictures show; else say why not.

        Args: probability (H, W) uint8, as it will be stored: what is judged is what everyone can recompute.
        """
        mask = probability >= 128
        area = float(mask.mean())
        score = qes(probability)
        same_scene = kind in (Kind.SPG, Kind.IDENTICAL)
        alignment = evidence.alignment if same_scene else None
        unknown = None if alignment is None else alignment.unknown
        reason, detail = self._doubt(kind, score, area, unknown)
        return Annotation(
            status=Status.KEPT if reason is None else Status.REJECTED,
            reason=reason,
            detail=detail,
            kind=kind,
            kind_confidence=confidence,
            probability=from_8bit(probability),
            transform=None if alignment is None else evidence.native_transform,
            unknown_fraction=unknown,
            qes=score,
            mask_area=area,
            components=cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1,
        )

    def _doubt(self, kind: Kind, score: float | None, area: float, unknown: float | None) -> tuple[Reason | None, str]:
        settings = self.settings
        if kind is Kind.IDENTICAL:
            return Reason.IDENTICAL, "nothing differs but what saving and resizing do"
        if kind is Kind.UNRELATED:
            return Reason.UNRELATED, "no common scene and no common object found"
        if unknown is not None and unknown > settings.max_unknown:
            return (
                Reason.UNKNOWN_AREA,
                f"{unknown:.0%} is not covered by the authentic picture, more than {settings.max_unknown:.0%}",
            )
        if score is None:
            return Reason.NOTHING_FOUND, "no pixel reaches 1/16"
        if score <= settings.min_qes:
            return Reason.LOW_QES, f"{score:.2f}, not above {settings.min_qes}"
        if area < settings.min_area:
            return Reason.TOO_SMALL_AREA, f"{area:.2%} of the picture, less than {settings.min_area:.2%}"
        if area > settings.max_area:
            return Reason.TOO_LARGE_AREA, f"{area:.0%} of the picture, more than {settings.max_area:.0%}"
        return None, ""


def annotate_pair(
    authentic: np.ndarray, manipulated: np.ndarray, settings: AnnotatorSettings | None = None
) -> Annotation:
    """Annotate one pair of pictures; see `Annotator`."""
    return Annotator(settings)(authentic, manipulated)


def _refuse_other_arrays(**pictures: np.ndarray) -> None:
    for name, picture in pictures.items():
        if not isinstance(picture, np.ndarray):
            raise BadMap(f"{name} must be a numpy array, got {type(picture).__name__}; read pictures first")
        shape = picture.shape
        if len(shape) != 3 or shape[2] != 3 or picture.dtype != np.uint8 or min(shape[:2]) < MIN_SIDE:
            wanted = f"(H, W, 3) uint8 with sides of {MIN_SIDE} or more"
            raise BadMap(f"{name} must be {wanted}, got {picture.dtype} {shape}")
