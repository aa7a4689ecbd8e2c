"""Where an export may be written: an empty folder, or one that holds this very export already, whole or begun."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from webiml.datasets.export.index import read_about
from webiml.errors import SettingError
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place
from webiml.store.reviews import Reviews

STATE = ".webiml"
BEGUN, LOCK = f"{STATE}/exporting.json", f"{STATE}/lock"
_HARMLESS = (".DS_Store", "lost+found")


def name_of(dataset: Place) -> str:
    """The last part of a dataset's path, as its name."""
    return dataset.local.resolve().name if dataset.local is not None else dataset.url.rstrip("/").rpartition("/")[2]


def digest_of(dataset: Place) -> str:
    """SHA-256 of the dataset's table, which tells one state of it from another."""
    digest = hashlib.sha256()
    with dataset.reader(FILE_NAME) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of_reviews(reviews: Reviews) -> str | None:
    """SHA-256 of all decisions, which tells one state of them from another; None where there are none."""
    digest = hashlib.sha256()
    for one in reviews.all:
        digest.update(json.dumps(asdict(one)).encode() + b"\n")
    return digest.hexdigest() if reviews.all else None


def refuse_inside(dataset: Place, out: Place) -> None:
    """Refuse an output that lies in the dataset, or around it.

    Raises:
        SettingError: it does.
    """
    if dataset.local is None or out.local is None:
        clash = f"{out}/".startswith(f"{dataset}/") or f"{dataset}/".startswith(f"{out}/")
    else:
        one, other = dataset.local.resolve(), out.local.resolve()
        clash = one.is_relative_to(other) or other.is_relative_to(one)
    if clash:
        raise SettingError(f"--out {out} and the dataset {dataset} lie in each other: give another --out.")


def refuse_foreign(out: Place, about: dict[str, Any]) -> None:
    """See that `out` is empty, or holds this very export, whole or begun.

    Raises:
        SettingError: it holds something else.
    """
    if out.local is not None and out.local.exists() and not out.local.is_dir():
        raise SettingError(f"{out} is a file: give a folder to --out.")
    there = read_about(out) or read_about(out, BEGUN)
    if there is None:
        other = next((name for name in out.names() if not name.startswith((f"{STATE}/", *_HARMLESS))), None)
        if other is not None:
            raise SettingError(f"{out} is not empty and is not an export of webiml: give another --out.")
        return
    differs = [name for name, value in about.items() if there.get(name) != value]
    if not differs:
        return
    if set(differs) <= {"table_sha256", "reviews_sha256"}:
        raise SettingError(f"{out} holds an export of this dataset as it was before: give another --out.")
    words = "; ".join(
        f"{name} is {there.get(name)} there and {about[name]} now" for name in differs if not name.endswith("_sha256")
    )
    raise SettingError(f"{out} holds another export ({words}): give another --out.")
