"""The weights that a training begins with: best.safetensors of another one, or those of a localizer that ships.

    <name>.safetensors   beside <name>.onnx; weights of two and more dimensions as float16, all others as they are

An ONNX file cannot be trained further: what it holds is folded and calibrated. So the weights of a localizer ship once
more, as a training leaves them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import save

from webiml.errors import SettingError
from webiml.nets import weights
from webiml.store.atomic import write_bytes
from webiml.train.checkpoint import FACTS, load_tensors, read_facts
from webiml.train.data_table import read_data_table

KEPT = ("task", "net", "settings", "settings_hash", "step", "data")  # of a checkpoint's facts


def save_start(path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> str:
    """Write the weights of a localizer as a training may begin with them; the file's SHA-256, hex.

    Args: facts: those of the checkpoint; KEPT of them go into the header.
    Raises:
        OutputError: it cannot be written.
    """
    stored = {name: _halved(tensor.detach().cpu()).contiguous() for name, tensor in tensors.items()}
    kept = {key: facts[key] for key in KEPT if key in facts}
    content = save(stored, {FACTS: json.dumps(kept, sort_keys=True)})
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def load_start(start: Path, into: Mapping[str, torch.Tensor]) -> None:
    """Copy the weights of `start` into those of `into`, in place, all of them or none.

    Args: start: a file, or the name of a localizer that ships, such as web-iml.
    Raises:
        SettingError: it is no checkpoint, or a name, shape or type differs; says which.
        WebimlError: a shipped file is damaged.
    """
    with _file(start) as path:
        load_tensors(path, into, half=True)


def refuse_start(start: Path, task: str, preset: str) -> None:
    """Raises SettingError where `start` is no checkpoint, or says that it is one of another network or preset.

    Args: task: web-iml or localizer. preset: of the training that begins; a localizer of one's own has none.
    """
    with _file(start) as path:
        facts = read_facts(path)
    if facts.get("task") != task:
        raise SettingError(f"--start {start} is a checkpoint of {facts.get('task')}, not of {task}.")
    settings = facts.get("settings")
    before = settings.get("preset", preset) if isinstance(settings, dict) else preset
    if task == "web-iml" and before != preset:
        raise SettingError(f"--start {start} has the preset {before}, and this training has {preset}; give --preset.")


def start_digest(start: Path) -> str:
    """First 16 hex digits of the SHA-256 of the file."""
    with _file(start) as path, path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def start_pictures(start: Path) -> pa.Table | None:
    """The pictures that a localizer which ships learned from; None where `start` is a file, which does not say them."""
    if not _ships(start):
        return None
    with weights.data_file(str(start)) as path:
        return read_data_table(path)


@contextmanager
def _file(start: Path) -> Iterator[Path]:
    if not _ships(start):
        if start.suffix != ".safetensors" and not start.exists():
            names = ", ".join(weights.starts()) or "none"
            raise SettingError(f"There is no checkpoint {start}, and no localizer of that name ships ({names} does).")
        yield start
        return
    with weights.start_file(str(start)) as path:
        yield path


def _ships(start: Path) -> bool:
    return str(start) in weights.starts()


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype != torch.float32 or tensor.ndim < 2:
        return tensor
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor
