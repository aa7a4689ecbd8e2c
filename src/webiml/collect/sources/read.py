"""Which source a path is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webiml.collect.sources.folder import read_folder
from webiml.collect.sources.forum import read_forum
from webiml.collect.sources.manifest import MANIFEST, read_manifest
from webiml.collect.sources.names import unique
from webiml.collect.sources.psbattles import manifests, read_psbattles
from webiml.collect.sources.tables import ENDINGS, read_table
from webiml.errors import SettingError, WebimlError, one_line
from webiml.forge.named import function_named
from webiml.images.read import readable
from webiml.store.links import MARKER
from webiml.store.place import open_place
from webiml.types import Link

_MANIFEST_KIND = "a manifest of an export"
_KINDS = (
    f"a table ({', '.join(ENDINGS)}), a folder of pairs, the manifests of PS-Battles, a saved forum listing (.json), "
    f"or a folder with {MANIFEST}"
)


@dataclass(frozen=True, slots=True)
class Source:
    """The links of a source.

    Attributes:
        links: one by one; no two of one group and role have the same name.
        kind: what the source is, in words for a person.
        total: how many links there are; None where only reading them all would tell.
        ignored: what the source holds and is no link, in words.
        reaches_network: whether links may have addresses; False where all are files of this machine.
        is_manifest: whether it is the manifest of an export, from which a dataset can be rebuilt.
    """

    links: Iterator[Link]
    kind: str
    total: int | None = None
    ignored: tuple[str, ...] = ()
    reaches_network: bool = True
    is_manifest: bool = False


def read_source(path: str | Path, reader: str = "") -> Source:
    """The links of whatever `path` is: a table, a folder, a listing, manifests.

    It is read through once before the first link is given, so that what is wrong with it is said before anything is
    fetched; a reader of the user's own is not.

    Args:
        reader: `package.module:function`, a source of the user's own: a path in, links out.
    Raises:
        SettingError: it is none that can be read; the message says what to do.
    """
    if reader:
        read = function_named(reader, "--reader", "path")
        return Source(unique(_checked(read, Path(path), reader)), f"links of {reader}")
    if "://" in str(path):
        return _elsewhere(str(path))
    path = Path(path)
    read, kind = _reader(path)
    ignored: list[str] = []
    total = sum(1 for _ in read(path, ignored))
    if not total:
        raise SettingError(f"{readable(path)} is {kind}, but names no link.")
    return Source(unique(read(path, None)), kind, total, tuple(ignored), read is not read_folder, read is _manifest)


def _elsewhere(address: str) -> Source:
    if not open_place(address).exists(MANIFEST):
        raise SettingError(
            f"{address} holds no {MANIFEST}; any other source must lie on this machine: copy it here first."
        )
    total = sum(1 for _ in read_manifest(address))
    return Source(unique(read_manifest(address)), _MANIFEST_KIND, total, is_manifest=True)


def _reader(path: Path) -> tuple[Callable[[Path, list[str] | None], Iterable[Link]], str]:
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        is_store, has_manifest = (path / MARKER).is_file(), (path / MANIFEST).is_file()
    except (OSError, ValueError) as error:  # no permission on a folder above it, or a NUL in the name
        raise SettingError(f"{readable(path)} cannot be looked at: {one_line(error)}.") from None
    if not is_folder and not is_file:
        what = "is neither a file nor a folder" if path.exists() else "does not exist; check the path"
        raise SettingError(f"{readable(path)} {what}.")
    if is_store:
        raise SettingError(
            f"{readable(path)} is a store already, which webiml collect writes; webiml annotate reads it."
        )
    ending = path.suffix.lower()
    if is_folder and has_manifest:
        return _manifest, _MANIFEST_KIND
    if is_folder or ending in ENDINGS:
        originals, photoshops = manifests(path)
        if originals and photoshops:
            return _psbattles, "the manifests of PS-Battles"
        if originals:
            return _psbattles, "the originals of PS-Battles alone (pairs need photoshops.tsv in the same folder)"
        if photoshops:
            return _psbattles, "the photoshops of PS-Battles alone (pairs need originals.tsv in the same folder)"
        return (read_folder, "a folder of pairs") if is_folder else (read_table, "a table of links")
    if ending == ".json":
        return read_forum, "a saved forum listing"
    raise SettingError(
        f"{readable(path)} is no source that is known: {_KINDS}; --reader package.module:function reads any other."
    )


def _psbattles(path: Path, ignored: list[str] | None) -> Iterator[Link]:
    return read_psbattles(path)


def _manifest(path: Path, ignored: list[str] | None) -> Iterator[Link]:
    return read_manifest(path)


def _checked(read: Callable[..., Any], path: Path, reader: str) -> Iterator[Link]:
    """The links of a user's own function; what fails in it leaves as a sentence."""
    try:
        for number, link in enumerate(read(path), 1):
            if not isinstance(link, Link):
                raise SettingError(
                    f"--reader {reader} gave a {type(link).__name__} as link {number}, not a types.Link."
                )
            if link.role not in ("authentic", "manipulated"):
                raise SettingError(f"--reader {reader} gave link {number} the role {link.role!r:.80}.")
            yield link
    except WebimlError:
        raise
    except Exception as error:  # whatever a function of somebody else may raise
        raise SettingError(f"--reader {reader} failed: {one_line(error)}.") from error
