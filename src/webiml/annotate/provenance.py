"""What decides an annotation: settings and networks. Light, since the process that only writes needs it too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from webiml.nets import weights
from webiml.settings import AnnotatorSettings

NETWORKS = {"learned": ("pair_classifier", "dass"), "prior": ()}  # by AnnotatorSettings.method


def networks(settings: AnnotatorSettings) -> dict[str, str]:
    """Name and digest of every network that these settings need."""
    return {name: weights.digest(name) for name in NETWORKS[settings.method]}


def provenance(settings: AnnotatorSettings) -> tuple[dict[str, Any], str]:
    """The settings with the networks, and the first 16 hex digits of the SHA-256 of both as sorted JSON."""
    everything = asdict(settings) | {"weights": networks(settings)}
    return everything, hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]
