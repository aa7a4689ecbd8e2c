"""A folder on this machine or in an object store, behind one interface: names in, bytes out.

`s3://bucket/folder` and whatever else fsspec knows need the extra `s3`; a folder of this machine needs nothing. Keys,
regions and other servers than Amazon's are what the environment says (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from webiml.errors import OutputError, SettingError
from webiml.store.atomic import TEMPORARY, make_folder, output_error, replacing, write_bytes

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SCHEME = "://"


@dataclass(frozen=True)
class Place:
    """A folder somewhere. Names below it are POSIX paths without `..`; picklable, so that workers may have it.

    Attributes:
        url: a path of this machine, or an address such as s3://bucket/folder.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def local(self) -> Path | None:
        """The folder, where it lies on this machine."""
        return None if _SCHEME in self.url else Path(self.url)

    @property
    def here(self) -> Path:
        """The folder of this machine that it must be.

        Raises:
            SettingError: it lies elsewhere.
        """
        if self.local is None:
            raise SettingError(f"{self.url} must be a folder of this machine here: copy it first.")
        return self.local

    def below(self, name: str) -> Place:
        """The folder `name` in this one."""
        return Place(str(self._path(name)) if self.local is not None else self._key(name))

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: there is none. OSError: it cannot be read.
        """
        if self.local is not None:
            return self._path(name).read_bytes()
        with _as_os_error(self.url):
            return cast(bytes, self._files.cat_file(self._key(name)))

    def reader(self, name: str) -> BinaryIO:
        """A file to read at any position; the caller closes it.

        Raises:
            FileNotFoundError: there is none. OSError: it cannot be read.
        """
        if self.local is not None:
            return open(self._path(name), "rb")
        with _as_os_error(self.url):
            return cast(BinaryIO, self._files.open(self._key(name), "rb", block_size=1 << 20))

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        if self.local is not None:
            path = self._path(name)
            make_folder(path.parent)
            write_bytes(path, data)
            return
        with _as_output_error(self.url):
            self._files.pipe_file(self._key(name), data)

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which takes the place of `name` when the block ends well, and leaves no trace else.

        Elsewhere than on this machine it is held in a temporary file until then.

        Raises:
            OutputError: it cannot be written.
        """
        if self.local is not None:
            path = self._path(name)
            make_folder(path.parent)
            with replacing(path) as file:
                yield file
            return
        with tempfile.TemporaryDirectory(prefix="webiml-") as folder:
            held = os.path.join(folder, "file")
            with open(held, "wb") as file:
                yield file
            with _as_output_error(self.url):
                self._files.put_file(held, self._key(name))

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Bytes of a file; None when there is none.

        Raises:
            OSError: it cannot be looked at.
        """
        if self.local is not None:
            path = self._path(name)
            with suppress(FileNotFoundError, NotADirectoryError):
                return path.stat().st_size if path.is_file() else None
            return None
        with _as_os_error(self.url):
            try:
                found = self._files.info(self._key(name))
            except FileNotFoundError:
                return None
        return int(found["size"]) if found["type"] == "file" else None

    def names(self, prefix: str = "") -> Iterator[str]:
        """All files below the folder `prefix`, sorted, relative to this place; links are not followed.

        What a killed writer left half written is none of them.

        Raises:
            OSError: it cannot be listed.
        """
        if self.local is not None:
            top = self._path(prefix) if prefix else self.local
            yield from _names(top, prefix.rstrip("/") + "/" if prefix else "")
            return
        with _as_os_error(self.url):
            self._files.invalidate_cache()
            root = str(self._files._strip_protocol(self.url)).rstrip("/")
            try:
                found = self._files.find(self._key(prefix) if prefix else self.url)
            except FileNotFoundError:
                return
        yield from sorted(name[len(root) + 1 :] for name in found)

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """As `names`, each with its bytes; of an object store without asking for every file.

        Raises:
            OSError: it cannot be listed.
        """
        if self.local is not None:
            for name in self.names(prefix):
                with suppress(FileNotFoundError):  # gone since, or a link to nowhere
                    yield name, (self.local / name).stat().st_size
            return
        with _as_os_error(self.url):
            root = str(self._files._strip_protocol(self.url)).rstrip("/")
            try:
                found = cast(dict[str, Any], self._files.find(self._key(prefix) if prefix else self.url, detail=True))
            except FileNotFoundError:
                return
        yield from sorted((name[len(root) + 1 :], int(about["size"])) for name, about in found.items())

    def delete(self, name: str) -> None:
        """Take a file away; one that is not there is no fault.

        Raises:
            OutputError: it cannot be taken away.
        """
        if self.local is not None:
            try:
                self._path(name).unlink(missing_ok=True)
            except OSError as error:
                raise output_error(error, self._path(name)) from error
            return
        with _as_output_error(self.url), suppress(FileNotFoundError):
            self._files.rm_file(self._key(name))

    @cached_property
    def _files(self) -> AbstractFileSystem:
        try:
            import fsspec
        except ImportError:
            raise SettingError(f'To reach {self.url}, install an extra: pip install "webiml[s3]".') from None
        protocol = self.url.partition(_SCHEME)[0]
        try:
            return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=False)
        except ImportError:
            raise SettingError(f'To reach {self.url}, install an extra: pip install "webiml[s3]".') from None
        except ValueError:
            raise SettingError(f"{self.url}: {protocol} is no kind of place that is known; s3 is one.") from None

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url}  # a file system is opened anew in each process

    def _path(self, name: str) -> Path:
        assert self.local is not None
        return self.local / _safe(name)

    def _key(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{_safe(name)}"


def open_place(where: str | Path | Place) -> Place:
    """The place that a user names: a folder, or an address such as s3://bucket/folder. It need not exist.

    Raises:
        SettingError: it is an address without a folder.
    """
    if isinstance(where, Place):
        return where
    text = os.fspath(where)
    if _SCHEME not in text:
        return Place(text or ".")
    protocol, _, rest = text.partition(_SCHEME)
    if not rest.strip("/"):
        raise SettingError(f"{text} names no folder: give one such as {protocol}://bucket/folder.")
    return Place(text.rstrip("/"))


def _safe(name: str) -> str:
    """The name, if it leads nowhere but below."""
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name or ":" in name:
        raise ValueError(f"{name!r:.200} is not a name below a place")
    return pure.as_posix()


def _names(folder: Path, prefix: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _names(folder / entry.name, f"{prefix}{entry.name}/")
        elif not entry.name.endswith(TEMPORARY):
            yield prefix + entry.name


@contextmanager
def _as_os_error(url: str) -> Iterator[None]:
    """What an object store's library raises, as OSError with words for a person."""
    try:
        yield
    except (OSError, SettingError):
        raise
    except Exception as error:  # botocore has a tree of its own
        if "Credentials" in type(error).__name__:
            words = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL for another server"
            raise SettingError(f"There are no keys for {url}: {words}.") from None
        raise OSError(f"{url}: {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


@contextmanager
def _as_output_error(url: str) -> Iterator[None]:
    try:
        with _as_os_error(url):
            yield
    except OSError as error:
        words = " ".join((error.strerror or str(error)).split())[:300]
        raise OutputError(f"{url} cannot be written ({words}): look at its address and your rights.") from error
