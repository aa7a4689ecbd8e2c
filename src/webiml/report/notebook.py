"""What a notebook shows of an annotation, a localization or a localizer: a piece of HTML that carries its pictures.

It has no script, reaches nothing else and takes the colours of the notebook around it, light or dark. What is written
on it may come from anybody (a card of the Hub, say) and is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.images.codec import encode_png, from_8bit, to_8bit
from webiml.images.draw import heat, overlay, thumbnail
from webiml.report.page import Picture, page_of, picture
from webiml.report.words import KIND_MEANING, REASON_MEANING, STATUS_MEANING
from webiml.types import THUMBNAIL_SIDE, Annotation, Localization, Status

if TYPE_CHECKING:
    from webiml.localize.localizer import Localizer

SHOWN_SIDE = 256  # pixels of the longer side of each picture in a PNG, which holds photographs badly
_GAP = 8  # pixels between them
_TONE = {Status.KEPT: "#2a9d6f", Status.REJECTED: "#c98a1b", Status.FAILED: "#d0525c"}  # read on white and on black
_LOCALIZED = "#4b86d9"
_MOST_WORDS, _MOST_LINES = 600, 12  # of a card, which may come from anybody
_SCORE = (
    "How likely the picture holds a manipulated area. A high score is where to look, no proof; a low one says that "
    "nothing was found, not that the picture is authentic."
)


def annotation_html(found: Annotation) -> str:
    """A piece of HTML: the manipulated picture with its mask, the probability, and what was decided and why."""
    meaning = STATUS_MEANING[found.status] if found.reason is None else REASON_MEANING[found.reason]
    facts = [
        f"{found.kind.value} ({found.kind_confidence:.2f}): {KIND_MEANING[found.kind]}",
        "" if found.qes is None else f"QES {found.qes:.2f}: the share of the suspected area that is sure.",
        "" if found.mask_area is None else _marked(found.mask_area, found.components),
    ]
    if found.unknown_fraction:
        facts.append(f"{found.unknown_fraction:.1%} is not covered by the authentic picture.")
    if found.alternative is not None:
        other = found.alternative
        facts.append(f"As {other.kind.value} it would be {other.status.value}{_because(other)}.")
    return _html(
        tone=_TONE[found.status],
        headline=f"{found.status.value}{_because(found)}",
        lines=[meaning, found.detail, *facts],
        pictures=_pictures(found.thumbnail, found.probability, found.mask),
    )


def localization_html(found: Localization) -> str:
    """A piece of HTML: the picture with what is marked, probability, confidence, and what the score means."""
    maps = _pictures(found.thumbnail, found.probability, found.mask)
    sure = thumbnail(to_8bit(found.confidence), THUMBNAIL_SIDE)
    return _html(
        tone=_LOCALIZED,
        headline=f"score {found.score:.2f}",
        lines=[_SCORE, f"{_marked(found.area, None)} Marked: probability of {found.threshold:g} or more."],
        pictures=[*maps, _shown("confidence", "bright where the localizer is sure", sure)],
    )


def localizer_html(localizer: Localizer) -> str:
    """A piece of HTML: which localizer it is, and what its card says of it."""
    card = localizer.card
    facts = [
        f"SHA-256 {localizer.digest}",
        f"Marked is what has a probability of {localizer.threshold:g} or more.",
        *(f"{label}: {card[name]:,}" for label, name in _COUNTS if _is_count(card, name)),
    ]
    return _html(
        tone=_LOCALIZED,
        headline=f"Localizer {localizer.name}",
        lines=[_text(card.get("about")), *facts, *_list(card.get("limits"))],
        pictures=[],
    )


def annotation_png(found: Annotation) -> bytes | None:
    """The pictures of `annotation_html` side by side, a PNG file; None where nothing was drawn."""
    return None if found.probability is None else _png(found.thumbnail, found.probability, found.mask)


def localization_png(found: Localization) -> bytes | None:
    """The picture with what is marked, and the probability, side by side, a PNG file."""
    return _png(found.thumbnail, found.probability, found.mask)


_COUNTS = (("Parameters", "parameters"), ("Pictures it learned from", "pictures"))


def _html(*, tone: str, headline: str, lines: list[str], pictures: list[Picture]) -> str:
    given = [line for line in lines if line]
    return "".join(page_of("notebook.html.j2", tone=tone, headline=headline, lines=given, pictures=pictures))


def _pictures(small: np.ndarray | None, probability: np.ndarray | None, mask: np.ndarray | None) -> list[Picture]:
    found = [] if small is None else [_shown("picture", "the picture as it is", small)]
    if probability is None or mask is None:
        return found
    words = "picture with its mask" if small is not None else "mask"
    return [
        _shown(words, "what is marked", _marked_picture(small, mask)),
        _shown("probability", "bright where it may be manipulated", _heat(probability)),
    ]


def _shown(caption: str, alt: str, rgb: np.ndarray) -> Picture:
    return picture(caption, alt, rgb, THUMBNAIL_SIDE)


def _marked_picture(small: np.ndarray | None, mask: np.ndarray) -> np.ndarray:
    """The thumbnail with the mask on it; the mask alone, white on black, where there is none that fits."""
    levels = thumbnail(mask.view(np.uint8) * np.uint8(255), THUMBNAIL_SIDE)
    if small is None or small.shape[:2] != levels.shape:
        return levels
    half = levels >= 128
    return overlay(small, half if half.any() else levels > 0, strength=0.4)  # a small area does not vanish


def _heat(probability: np.ndarray) -> np.ndarray:
    return heat(from_8bit(thumbnail(to_8bit(probability), THUMBNAIL_SIDE)))


def _png(small: np.ndarray | None, probability: np.ndarray, mask: np.ndarray | None) -> bytes:
    assert mask is not None  # there is one wherever there is a probability
    left = thumbnail(_marked_picture(small, mask), SHOWN_SIDE)
    left = np.repeat(left[..., None], 3, axis=2) if left.ndim == 2 else left
    right = thumbnail(_heat(probability), SHOWN_SIDE)
    gap = np.full((left.shape[0], _GAP, 3), 255, np.uint8)
    return encode_png(np.concatenate([left, gap, right], axis=1))


def _marked(area: float, components: int | None) -> str:
    if not area:
        return "Nothing is marked."
    parts = "" if components is None else f", in {components:,} {'part' if components == 1 else 'parts'}"
    return f"{area:.1%} of the picture is marked{parts}."


def _because(found: Annotation) -> str:
    return "" if found.reason is None else f" ({found.reason.value})"


def _is_count(card: Mapping[str, Any], name: str) -> bool:
    value = card.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: object) -> str:
    return value[:_MOST_WORDS] if isinstance(value, str) else ""


def _list(value: object) -> list[str]:
    return [_text(line) for line in value[:_MOST_LINES]] if isinstance(value, list) else []
