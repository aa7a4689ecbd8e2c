"""What decides an annotation: settings and networks. Light, since the process that only writes needs it too."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from webiml.errors import SettingError
from webiml.nets import dinov2, weights
from webiml.settings import AnnotatorSettings
from webiml.store.dataset import settings_digest


def networks(settings: AnnotatorSettings) -> dict[str, str]:
    """Name and digest of every network that these settings need.

    Raises:
        SettingError: the folder of networks holds none, or they need a backbone that is not on this machine.
    """
    if settings.method == "prior":
        return {}
    if settings.weights is not None and not weights.names(settings.weights):
        raise SettingError(f"--weights {settings.weights} holds no network; make one there with webiml export.")
    found = {name: weights.digest(name, settings.weights) for name in ("pair_classifier", "dass", "corr_dino")}
    backbone = weights.backbone(settings.weights)
    if backbone not in dinov2.PUBLISHED:
        return found | {"trunk": weights.digest("trunk")}
    dinov2.fetch(backbone)
    return found | {backbone: dinov2.PUBLISHED[backbone].sha256}


def provenance(settings: AnnotatorSettings) -> tuple[dict[str, Any], str]:
    """The settings with the networks, and the first 16 hex digits of the SHA-256 of both as sorted JSON."""
    everything = asdict(settings) | {"weights": networks(settings)}  # what they are, not where they lay
    return everything, settings_digest(everything)
