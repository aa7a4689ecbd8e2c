"""webiml: pairs of authentic and manipulated pictures in, pixel masks that can be trusted out.

    from webiml import annotate_pair
    annotation = annotate_pair(authentic, manipulated)   # two RGB uint8 arrays (H, W, 3), any two sizes
    annotation.status, annotation.reason, annotation.kind, annotation.qes
    annotation.mask                                       # (H, W) bool at the manipulated picture's size

    from webiml import Localizer
    found = Localizer.load().localize(picture)            # one picture alone: a path, a PIL image or such an array
    found.mask, found.probability, found.confidence       # (H, W) each at the picture's size
    found.score                                           # P(the picture holds a manipulated area)

What computes is imported when it is first asked for, so that `import webiml` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from webiml.errors import BadImage, BadMap, OutputError, SettingError, WebimlError
from webiml.settings import AnnotatorSettings
from webiml.types import Annotation, Kind, Localization, Reason, Status

if TYPE_CHECKING:
    from webiml.annotate.annotator import Annotator, annotate_pair
    from webiml.localize.localizer import Localizer

__version__ = "0.1.0"

__all__ = [
    "Annotation",
    "Annotator",
    "AnnotatorSettings",
    "BadImage",
    "BadMap",
    "Kind",
    "Localization",
    "Localizer",
    "OutputError",
    "Reason",
    "SettingError",
    "Status",
    "WebimlError",
    "__version__",
    "annotate_pair",
]

_LAZY = {
    "Annotator": "webiml.annotate.annotator",
    "Localizer": "webiml.localize.localizer",
    "annotate_pair": "webiml.annotate.annotator",
}


def __getattr__(name: str) -> Any:
    """Import what computes on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
