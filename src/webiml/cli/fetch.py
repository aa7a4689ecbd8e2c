"""`webiml fetch`: get published weights that are not shipped. The only command that ever uses a network for weights."""

from __future__ import annotations

from typing import Literal


def fetch(backbone: Literal["dinov2-small", "dinov2-base", "dinov2-large", "dinov2-giant"], /) -> int:
    """Download a backbone that does not ship, at a pinned revision, and check it.

    It goes into the cache of huggingface_hub (HF_HOME decides where). Nothing else ever downloads anything.

    Example: `webiml fetch dinov2-small`, then
    `webiml train corr-dino --backbone dinov2-small --images pictures --out training`

    Exit codes: 0 it is there and is what was published, 1 it cannot be downloaded, 2 a package is missing.

    Parameters
    ----------
    backbone
        A size of DINOv2: 22, 87 or 304 million, or 1.1 billion parameters. Apache-2.0.
    """
    from webiml.cli.terminal import say
    from webiml.nets.dinov2 import fetch as get

    say(f"{backbone}   {get(backbone, download=True)}")
    return 0
