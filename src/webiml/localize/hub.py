"""Where a localizer lies: one that ships, a file or folder of one's own, or a pinned commit on the Hugging Face Hub.

Only *.onnx, *.json and *.data.parquet (the list of the pictures that taught it) are ever taken from the Hub, nothing
that can hold code, and no network is used unless asked.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from webiml.errors import SettingError, WebimlError
from webiml.nets import weights

KIND = "localizer"  # what the card of such a network says
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = ["*.onnx", "*.json", "*.data.parquet"]


@dataclass(frozen=True)
class Place:
    """Where a localizer lies.

    Attributes:
        name: as a person says it. stem: its files are <stem>.onnx and <stem>.json.
        folder: what holds them; None for one that ships.
    """

    name: str
    stem: str
    folder: Path | None = None


def find(name: str | Path, *, revision: str | None = None, download: bool = False) -> Place:
    """The place of a localizer, which is not opened yet.

    Args:
        name: that of a localizer that ships (`./NAME` is a folder), an .onnx file with its card beside it, a folder
            that holds exactly one such file, or `owner/repository` on the Hub.
        revision: the commit on the Hub, 40 hex digits: what a branch or a tag names may be another network tomorrow.
        download: get what is missing from the Hub; without it only the cache of huggingface_hub is looked into.
    Raises:
        SettingError: there is no such localizer, or an optional package is missing.
        WebimlError: it cannot be downloaded.
    """
    place = _on_this_machine(name)
    if place is None and isinstance(name, str) and _REPOSITORY.fullmatch(name):
        return _in_folder(_from_hub(name, revision, download), name)
    if place is None:
        shipped = ", ".join(shipped_names()) or "none does yet"
        raise SettingError(
            f"There is no localizer {name}; give one that ships ({shipped}), an .onnx file or a folder made by "
            "`webiml export`, or owner/repository of the Hugging Face Hub."
        )
    if revision is not None:
        raise SettingError(f"{name} lies on this machine; a revision is for localizers of the Hugging Face Hub.")
    return place


def shipped_names() -> list[str]:
    """Names of the localizers that ship, as a person says them; sorted."""
    return [name.replace("_", "-") for name in weights.names() if weights.card(name).get("kind") == KIND]


def _on_this_machine(name: str | Path) -> Place | None:
    stem, path = str(name).replace("-", "_"), Path(name).expanduser().absolute()
    if isinstance(name, str) and stem in weights.names():
        return Place(stem.replace("_", "-"), stem)
    if path.is_dir():
        return _in_folder(path, path.name)
    if not path.is_file():
        return None
    if path.suffix != ".onnx":
        raise SettingError(f"{name} is no .onnx file; `webiml export` makes one of a checkpoint.")
    return Place(path.stem, path.stem, path.parent)


def _in_folder(folder: Path, name: str) -> Place:
    stems = weights.names(folder)
    if len(stems) != 1:
        found = f"{len(stems)} .onnx files ({', '.join(stems[:5])}); name one of them" if stems else "no .onnx file"
        raise SettingError(f"{folder} holds {found}.")
    return Place(name, stems[0], folder)


def _from_hub(repository: str, revision: str | None, download: bool) -> Path:
    """The folder of that commit in the cache of huggingface_hub."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise SettingError(
            f"{repository} is no folder here, and the Hugging Face Hub needs huggingface_hub, which is not installed: "
            "pip install 'webiml[hub]'"
        )
    if revision is None or not _COMMIT.fullmatch(revision):
        raise SettingError(
            f"{repository} is no folder here, and of the Hugging Face Hub only a pinned commit is taken: give its 40 "
            f"hex digits as revision, got {revision or 'none'}."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = snapshot_download(repository, revision=revision, allow_patterns=_FILES, local_files_only=not download)
    except LocalEntryNotFoundError:
        if download:
            raise WebimlError(f"{repository} cannot be downloaded: the Hub cannot be reached; try again.") from None
        raise SettingError(
            f"{repository} at {revision} is not on this machine, and nothing is downloaded unless asked: "
            "give --download, or Localizer.load(..., download=True)."
        ) from None
    except OSError as error:  # also what huggingface_hub raises for answers of the Hub
        words = " ".join(str(error).split())[:200]
        raise WebimlError(f"{repository} cannot be downloaded ({words}).") from None
    return Path(found)
