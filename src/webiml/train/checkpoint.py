"""Checkpoints: tensors and the facts about them in one safetensors file, and a JSON beside it for people.

    <name>.safetensors   named tensors; the header holds the facts (task, settings, data, step, scores) as JSON, so that
                         tensors and facts are always of one moment, and equal runs give equal bytes
    <name>.json          the same facts, and what differs from run to run: seconds, hardware, versions, commit

Nothing is ever unpickled, and nothing of a file is believed before every name, shape and type has been compared.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from webiml import __version__
from webiml.errors import SettingError
from webiml.runners.where import commit
from webiml.store.atomic import write_bytes

FACTS = "webiml"  # the one entry of the header's metadata; several would be written in any order
_MAX_JSON_BYTES = 1 << 24
_TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def save_checkpoint(
    path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any], notes: Mapping[str, Any]
) -> None:
    """Write `path` (.safetensors) and its JSON, each whole or not at all.

    Args:
        facts: goes into JSON; equal runs have equal facts. notes: what differs from run to run, into the JSON alone.
    Raises:
        OutputError: it cannot be written; the checkpoint before stays.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(stored, {FACTS: json.dumps(facts, sort_keys=True)}))
    write_bytes(path.with_suffix(".json"), (json.dumps({**facts, **notes}, indent=2, sort_keys=True) + "\n").encode())


def read_facts(path: Path) -> dict[str, Any]:
    """The facts in the header of a checkpoint.

    Raises:
        SettingError: it is missing or no checkpoint of webiml.
    """
    with _open(path, "np") as file:  # with "pt" it is opened twice, and a training may put a newer one there meanwhile
        try:
            facts = json.loads((file.metadata() or {})[FACTS])
        except (KeyError, ValueError, RecursionError):
            facts = None
    if not isinstance(facts, dict):
        raise SettingError(f"{path} is no checkpoint of webiml train; its header does not say what it is.")
    return facts


def read_notes(path: Path) -> dict[str, Any]:
    """The JSON beside a checkpoint; empty where it is missing or damaged, since nothing depends on it."""
    beside = path.with_suffix(".json")
    try:
        if beside.stat().st_size <= _MAX_JSON_BYTES:
            notes = json.loads(beside.read_bytes())
            return notes if isinstance(notes, dict) else {}
    except (OSError, ValueError, RecursionError):
        pass
    return {}


def load_tensors(path: Path, into: Mapping[str, torch.Tensor], *, half: bool = False) -> None:
    """Copy the tensors of a checkpoint into those of `into`, in place, all of them or none.

    Args: half: take float16, too, where `into` has float32 of two or more dimensions.
    Raises:
        SettingError: a name is missing or too many, or a shape or type differs; says which.
    """
    with _open(path) as file:
        stored = set(file.keys())
        differing = [f"it lacks {name}" for name in into if name not in stored]
        differing += [f"it has {name}, which is unknown here" for name in sorted(stored - set(into))]
        for name in sorted(stored & set(into)):  # shapes come from the header: nothing large has been read yet
            there, tensor = file.get_slice(name), into[name]
            types = {_TYPES[tensor.dtype]}
            if half and tensor.dtype == torch.float32 and tensor.ndim >= 2:
                types.add("F16")
            if there.get_shape() != list(tensor.shape) or there.get_dtype() not in types:
                shape = "x".join(map(str, there.get_shape())) or "one number"
                wanted = "x".join(map(str, tensor.shape)) or "one number"
                differing.append(f"{name} is {there.get_dtype()} {shape}, not {_TYPES[tensor.dtype]} {wanted}")
        if differing:
            more = f", and {len(differing) - 1:,} more such differences" if len(differing) > 1 else ""
            raise SettingError(f"{path} does not fit this network: {differing[0]}{more}. Was the preset another one?")
        with torch.no_grad():
            for name, tensor in into.items():
                tensor.copy_(file.get_tensor(name))


def load_mean(paths: Sequence[Path], into: Mapping[str, torch.Tensor]) -> None:
    """Copy the mean of the tensors of several checkpoints into those of `into`, in place; counters are of the first.

    The mean of networks that began at the same weights and then learned differently is mostly better than each, and
    costs nothing when it is run (Wortsman et al. 2022, model soups).

    Raises:
        SettingError: as `load_tensors`, of any of them.
    """
    total: dict[str, torch.Tensor] = {}
    for path in reversed(paths):  # so that what is not averaged is of the first
        load_tensors(path, into)
        for name, tensor in into.items():
            if tensor.is_floating_point():
                total[name] = total.get(name, 0) + tensor.double()
    with torch.no_grad():
        for name, summed in total.items():
            into[name].copy_(summed / len(paths))


def circumstances() -> dict[str, Any]:
    """Where this process runs: versions, hardware and, in a checkout, the commit."""
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "commit": commit(),
        "webiml": __version__,
        "torch": torch.__version__,
        "hardware": cuda or f"{platform.machine()} processor, {torch.get_num_threads()} threads",
    }


def _open(path: Path, framework: str = "pt") -> Any:
    try:
        return safe_open(path, framework=framework)
    except FileNotFoundError:
        raise SettingError(f"There is no checkpoint {path}.") from None
    except (SafetensorError, OSError, RuntimeError) as error:  # RuntimeError: it became shorter between two openings
        raise SettingError(f"{path} cannot be read as a checkpoint ({error}).") from None
