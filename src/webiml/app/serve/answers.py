"""What the service answers: the models of its OpenAPI document. An answer has these fields, no more and no fewer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from webiml.app.serve.refusals import Refusal

JSON, PNG = "application/json", "image/png"


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class RegionAnswer(_Model):
    """One 8-connected part of a mask."""

    box: list[int]
    """x0, y0, x1, y1 in pixels; x1 and y1 are the first ones outside."""
    polygons: list[list[list[int]]]
    """The outline, then one for each hole: points [x, y] in pixels, through the centres of the outermost pixels."""
    area: int
    """Pixels of the part, its holes left out."""
    score: float
    """Mean probability of its pixels, 0 to 1."""


class LocalizeLinks(_Model):
    """Where the maps are had for some minutes, PNG files of the picture's own size."""

    mask: str
    """8-bit grey, 255 where manipulated and else 0."""
    probability: str
    """8-bit grey: 255 times the probability that the pixel is manipulated."""
    confidence: str
    """8-bit grey: 255 times the probability that the pixel is on the right side of 0.5."""
    overlay: str
    """The picture with the mask as a tint and an outline."""


class LocalizeAnswer(_Model):
    """What the localizer says of one picture."""

    score: float
    """How likely the picture holds a manipulated area, 0 to 1. A low score means that nothing was found, not that the
    picture is authentic."""
    area: float
    """Share of the picture that is marked, 0 to 1."""
    threshold: float
    """Pixels with at least this probability are marked."""
    height: int
    """Height in pixels, after the EXIF rotation; the maps have this size."""
    width: int
    """Width in pixels."""
    components: int
    """8-connected parts of the mask."""
    regions: list[RegionAnswer]
    """The largest of them, 100 at most, the largest first."""
    sha256: str
    """SHA-256 of the bytes that came."""
    notes: str | None
    """What was noticed, such as further frames that were left out."""
    weights: str
    """Name and SHA-256 of the localizer."""
    seconds: float
    """Time that decoding and localizing took."""
    links: LocalizeLinks | None
    """Null where the maps take more memory than the service has for them."""


class AnnotateLinks(_Model):
    """Where the maps are had for some minutes, PNG files of the manipulated picture's size; null where none is."""

    mask: str | None
    """8-bit grey, 255 where manipulated and else 0."""
    probability: str | None
    """8-bit grey: 255 times the probability that the pixel is manipulated."""
    overlay: str | None
    """The manipulated picture with the mask as a tint and an outline."""
    aligned: str | None
    """The authentic picture in the manipulated one's frame."""


class AnnotateAnswer(_Model):
    """What the annotator says of a pair."""

    status: Literal["kept", "rejected"]
    """kept, or rejected: it looked and is not sure."""
    reason: str | None
    """Why it is rejected, one word of a closed list."""
    detail: str | None
    """The same for a person."""
    kind: Literal["SPG", "SDG", "identical", "unrelated"]
    """How the pictures are related: SPG, the authentic one is the background; SDG, it gave an object."""
    kind_confidence: float
    """How sure the kind is, 0 to 1."""
    kind_probabilities: dict[str, float]
    """How probable each kind is, 0 to 1."""
    qes: float | None
    """Quality Evaluation Score: the share of the suspected area about which the annotator is sure; null where nothing
    is suspected."""
    mask_area: float | None
    """Share of the picture inside the mask, 0 to 1."""
    components: int | None
    """8-connected parts of the mask."""
    unknown_fraction: float | None
    """Share of the manipulated picture that the aligned authentic one does not cover, 0 to 1; SPG only."""
    transform: list[float] | None
    """Row-major 3x3 map of authentic points to manipulated points (x, y, pixels); null when not aligned."""
    height: int
    """Height in pixels of the manipulated picture, after its EXIF rotation; the maps have this size."""
    width: int
    """Its width in pixels."""
    authentic_sha256: str
    """SHA-256 of the bytes that came."""
    manipulated_sha256: str
    """SHA-256 of the bytes that came."""
    notes: str | None
    """What was noticed, such as further frames that were left out."""
    seconds: float
    """Time that decoding and annotating took."""
    links: AnnotateLinks | None
    """Null where the maps take more memory than the service has for them."""


class RefusalAnswer(_Model):
    """Why there is no result."""

    error: str
    """A sentence: what is wrong, and what to do."""
    reason: str | None = None
    """One word for a program; left out where the request was not even let in."""


class HealthAnswer(_Model):
    """Whether requests are answered."""

    status: Literal["ok"]
    version: str
    """Version of webiml."""


_WHY = {
    400: "Malformed: the form, its fields, or an argument.",
    401: "The token is missing or wrong.",
    403: "A page of another site began the request.",
    404: "There is nothing of that name, or not any more.",
    406: "Neither JSON nor PNG is accepted.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is neither a form nor a picture's bytes.",
    421: "The service is not called by that name.",
    422: "A picture cannot be used: empty_file, not_an_image, truncated, undecodable, too_many_pixels or too_small.",
    503: "Too much is waiting, the work took too long, or its process died. Retry-After says when to come again.",
}
_EXAMPLES = {
    422: {
        "error": "The picture cannot be used, not an image: looks like an HTML page.",
        "reason": "not_an_image",
    },
    503: {"error": "64 requests are waiting already; send it again later.", "reason": "queue_full"},
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these statuses."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"model": RefusalAnswer, "description": _WHY[status]}
        if status in _EXAMPLES:
            found[status]["content"] = {JSON: {"example": _EXAMPLES[status]}}
    return found


def binary_form(*fields: str) -> dict[str, Any]:
    """What the OpenAPI document says of a form with these files."""
    files = {name: {"type": "string", "format": "binary"} for name in fields}
    return {"multipart/form-data": {"schema": {"type": "object", "required": list(fields), "properties": files}}}


def wanted(accept: str | None, offered: tuple[str, ...]) -> str:
    """Which of the offered types a client wants most, the first where it does not mind.

    Raises:
        Refusal: it accepts none of them.
    """
    if accept is None or not accept.strip():
        return offered[0]
    shares: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *options = (piece.strip() for piece in part.split(";"))
        shares[name] = next((_share(one[2:]) for one in options if one.startswith("q=")), 1.0)
    found = {one: shares.get(one, shares.get(f"{one.split('/')[0]}/*", shares.get("*/*", 0.0))) for one in offered}
    best = max(offered, key=lambda one: found[one])  # the first of equals
    if found[best] <= 0:
        raise Refusal(406, "not_acceptable", f"This is answered as {' or '.join(offered)}; accept one of them.")
    return best


def _share(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)  # max(nan, 0.0) is nan, which is above nothing
    except ValueError:
        return 0.0
