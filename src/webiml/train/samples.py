"""Samples made once and kept on disk: where making one costs far more than learning from it.

FOLDER/samples.json        settings that decided them, their keys, and what could not be made and why
FOLDER/<key>.safetensors   the arrays of one sample
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from webiml.errors import OutputError, SettingError, WebimlError
from webiml.pairs.keys import safe_key
from webiml.runners.cores import one_thread
from webiml.runners.local import Crashed, run_ordered
from webiml.runners.progress import Progress
from webiml.store.atomic import make_folder, replacing, sweep, write_bytes

Arrays = dict[str, np.ndarray]

INDEX = "samples.json"
MAX_INDEX_BYTES = 1 << 28
MAX_CRASHES = 10  # in a row, from the first one on: then it is the maker that is wrong, not a picture


def prepare(
    make: Callable[[str], Arrays | None],
    keys: Sequence[str],
    folder: Path,
    settings: Mapping[str, Any],
    workers: int = 1,
    *,
    quiet: bool = False,
) -> list[str]:
    """Make the arrays of every key that `folder` lacks, in `workers` processes; the same call resumes after a kill.

    Args:
        make: picklable, a pure function of the key; None where a key gives no sample.
        keys: file-name safe and unique, see `webiml.pairs.keys`.
        settings: what decides the samples, as it goes into JSON; a folder made with other settings is refused.
    Returns:
        The keys that have a sample, in the order of `keys`. Why the others have none stands in samples.json.
    Raises:
        SettingError: a key is no file name, or `folder` was made with other settings.
        OutputError: a sample cannot be written; the same call resumes.
        WebimlError: `make` fails on everything.
    """
    unfit = next((key for key in keys if safe_key(key) != key), None)
    if unfit is not None or len(set(keys)) != len(keys):
        raise SettingError(f"Keys of samples must be unique and safe as file names; {unfit or 'one occurs twice'!r}.")
    make_folder(folder)
    made, without = _read_index(folder, settings)
    sweep(folder)
    _write_index(folder, settings, made, without)  # at once, so that half a folder is known by its settings, too
    there = {entry.name.removesuffix(".safetensors") for entry in os.scandir(folder)}
    todo = [key for key in keys if key not in there and key not in without]

    crashes = 0
    with Progress("samples", len(keys), len(keys) - len(todo), quiet=quiet) as progress:
        for done, (key, result) in enumerate(run_ordered(_Write(make, folder), todo, workers, one_thread), 1):
            if isinstance(result, WebimlError):
                raise result
            if isinstance(result, Crashed):
                without[key] = result.detail
                crashes += 1
                if crashes == done == min(MAX_CRASHES, len(todo)):
                    raise WebimlError(f"No sample can be made: {result.detail}.")
            elif not result:
                without[key] = ""
            else:
                there.add(key)
            progress.update(len(keys) - len(todo) + done, f"{crashes} failed" if crashes else "")
    _write_index(folder, settings, sorted({*made, *(key for key in keys if key in there)}), without)
    return [key for key in keys if key in there]


def list_samples(folder: Path, settings: Mapping[str, Any] | None = None) -> list[str]:
    """The sorted keys of a folder that `prepare` has finished.

    Raises:
        SettingError: there is none, it is not finished, or it was made with other settings than these.
    """
    keys, _ = _read_index(folder, settings)
    if not keys:
        raise SettingError(f"{folder} holds no finished samples; make them first, or let the making come to its end.")
    return keys


def read(folder: Path, key: str) -> Arrays:
    """The arrays of one sample, by name, mapped from disk rather than held."""
    from safetensors import safe_open

    with safe_open(folder / f"{key}.safetensors", framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)


def settings_digest(folder: Path) -> str:
    """The first 16 hex digits of the SHA-256 of the settings that decided the samples of a folder."""
    settings = json.loads((folder / INDEX).read_bytes())["settings"]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Write:
    """Make one sample and write it, in the worker: arrays of megabytes need not travel. What is raised is returned."""

    make: Callable[[str], Arrays | None]
    folder: Path

    def __call__(self, key: str) -> bool | WebimlError:
        from safetensors.numpy import save

        arrays = self.make(key)
        if arrays is None:
            return False
        try:
            with replacing(self.folder / f"{key}.safetensors") as file:
                file.write(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        except OutputError as error:
            return error
        return True


def _write_index(folder: Path, settings: Mapping[str, Any], keys: Sequence[str], without: Mapping[str, str]) -> None:
    content = {"settings": settings, "keys": keys, "without": without}
    write_bytes(folder / INDEX, (json.dumps(content, indent=0, sort_keys=True) + "\n").encode())


def _read_index(folder: Path, settings: Mapping[str, Any] | None) -> tuple[list[str], dict[str, str]]:
    """(finished keys, key to why it has no sample) of the folder; both empty when nothing was made there yet."""
    path = folder / INDEX
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise SettingError(f"{path} is too large to be what its name says; give another folder.")
        content = json.loads(path.read_bytes())
        before, keys, without = content["settings"], list(content["keys"]), dict(content["without"])
    except FileNotFoundError:
        return [], {}
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{path} cannot be understood ({error}); give another folder.") from None
    if settings is not None:
        now = json.loads(json.dumps(settings))
        differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if differing:
            raise SettingError(
                f"The samples in {folder} were made with another {', '.join(differing)}; give another folder, "
                "or remove it."
            )
    return keys, without
