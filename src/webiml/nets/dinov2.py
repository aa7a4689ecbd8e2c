"""DINOv2 as the backbone of Corr-DINO, for those who have it: weights that are not shipped, and never fetched unasked.

    webiml fetch dinov2-small

puts one published size into the cache of huggingface_hub; everything else here reads that cache and no network.

Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023; weights Apache-2.0.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from webiml.errors import SettingError, WebimlError

PATCH = 14  # pixels: side of what a token stands for
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training pictures, R G B
_FILES = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class Published:
    """One size as its authors published it: repository, pinned revision, and the SHA-256 of its weights."""

    repository: str
    revision: str
    sha256: str


PUBLISHED = {
    "dinov2-small": Published(
        "facebook/dinov2-small",
        "ed25f3a31f01632728cabb09d1542f84ab7b0056",
        "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
    ),
    "dinov2-base": Published(
        "facebook/dinov2-base",
        "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841",
    ),
    "dinov2-large": Published(
        "facebook/dinov2-large",
        "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        "399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23",
    ),
    "dinov2-giant": Published(
        "facebook/dinov2-giant",
        "611a9d42f2335e0f921f1e313ad3c1b7178d206d",
        "917d3c470db999d32a312f8542149be91c7cbac61ee8fb4b67ae3d82b79ce21f",
    ),
}


def fetch(name: str, *, download: bool = False) -> Path:
    """The folder of one of PUBLISHED in the cache of huggingface_hub, its weights compared with their SHA-256.

    Args: download: get what is missing from the Hub; without it no network is used.
    Raises:
        SettingError: an optional package or the weights are missing.
        WebimlError: it cannot be downloaded, or is not what was published.
    """
    refuse_without_transformers()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    size = PUBLISHED[name]
    try:
        found = snapshot_download(
            size.repository, revision=size.revision, allow_patterns=list(_FILES), local_files_only=not download
        )
    except LocalEntryNotFoundError:
        if download:
            raise WebimlError(f"{name} cannot be downloaded: the Hub cannot be reached; try again.") from None
        raise SettingError(f"{name} is not on this machine; get it with: webiml fetch {name}") from None
    except OSError as error:  # also what huggingface_hub raises for answers of the Hub
        words = " ".join(str(error).split())[:200]
        raise WebimlError(f"{name} cannot be downloaded ({words}).") from None
    missing = [file for file in _FILES if not (Path(found) / file).is_file()]
    if missing:
        raise SettingError(f"{name} is not whole on this machine ({missing[0]} is missing); run: webiml fetch {name}")
    with open(Path(found) / "model.safetensors", "rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    if digest != size.sha256:
        raise WebimlError(f"The weights of {name} in {found} are not those that were published; delete that folder.")
    return Path(found)


def refuse_without_transformers() -> None:
    """Raises SettingError where the packages of the extra `dinov2` are not installed."""
    for package in ("torch", "transformers", "huggingface_hub"):
        if importlib.util.find_spec(package) is None:
            raise SettingError(f"DINOv2 needs {package}, which is not installed: pip install 'webiml[dinov2]'")


@cache
def load(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """What describes a picture with one of PUBLISHED; opened once a process. Raises: as `fetch`."""
    return describer(fetch(name))


def describer(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What describes a picture with the DINOv2 of a folder: its last layer, as method 2.3 has it.

    The callable: (1, 3, H, W) float32 RGB in [0, 1], H and W multiples of PATCH, to (1, C, H / 14, W / 14) float32 unit
    vectors; what all places of the picture have in common is subtracted.
    """
    import torch
    from torch.nn.functional import normalize
    from transformers import Dinov2Model

    net: Any = Dinov2Model.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    net.eval().requires_grad_(False)
    mean, spread = (torch.tensor(values)[:, None, None] for values in (_MEAN, _SPREAD))

    def describe(picture: np.ndarray) -> np.ndarray:
        rows, columns = picture.shape[2] // PATCH, picture.shape[3] // PATCH
        with torch.inference_mode():
            tokens = net((torch.from_numpy(picture) - mean) / spread).last_hidden_state[:, 1:]  # without the class
            features = tokens.transpose(1, 2).reshape(1, -1, rows, columns)
            return normalize(features - features.mean(dim=(2, 3), keepdim=True), dim=1, eps=1e-4).numpy()

    return describe
