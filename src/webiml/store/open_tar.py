"""The tar of a shard in the making: one file on this machine to which the files of pairs are appended."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from webiml.store.atomic import output_error, sync_folder

_BLOCK = tarfile.BLOCKSIZE


class OpenTar:
    """Files of pairs, appended one pair after the other; a file a pair would cost more than all else that is written.

    Args:
        path: made when something is added.
        keys: pairs that count; what lies behind the last of them was left by a kill and is cut off.
    """

    def __init__(self, path: Path, keys: Collection[str] = ()) -> None:
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}  # name to where its bytes begin, and how many there are
        self._size = 0
        self._file: BinaryIO | None = None
        self._synced = True
        if path.exists():
            self._read(keys)

    def add(self, members: Iterable[tuple[str, bytes]]) -> None:
        """Append the files of one pair: all, or none where that fails.

        Raises:
            OutputError: they cannot be written.
        """
        content = io.BytesIO()
        places: dict[str, tuple[int, int]] = {}
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            content.write(info.tobuf(tarfile.PAX_FORMAT))
            places[name] = self._size + content.tell(), len(data)
            content.write(data)
            content.write(bytes(-len(data) % _BLOCK))
        if not places:
            return
        try:
            if self._file is None:
                self._file = open(self.path, "r+b" if self._size else "w+b", buffering=0)  # noqa: SIM115 (until close)
                self._file.truncate(self._size)
                sync_folder(self.path.parent)
            self._file.seek(self._size)
            rest = memoryview(content.getbuffer())
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise output_error(error, self.path) from error
        self._size += content.tell()
        self._places |= places
        self._synced = False

    def sync(self) -> None:
        """Make what was added survive a power cut.

        Raises:
            OutputError: the disk refuses it.
        """
        if self._file is None or self._synced:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(error, self.path) from error
        self._synced = True

    def read(self, name: str) -> bytes:
        """The bytes of a file that was added.

        Raises:
            FileNotFoundError: there is none of that name. OSError: it cannot be read.
        """
        if name not in self._places:
            raise FileNotFoundError(2, "no such file", str(self.path / name))
        if self._file is None:
            self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115 (until close)
        offset, size = self._places[name]
        self._file.seek(offset)
        return self._file.read(size)

    def clear(self) -> None:
        """Forget all that was added."""
        self.close()
        with suppress(FileNotFoundError):
            self.path.unlink()
        self._places, self._size, self._synced = {}, 0, True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, keys: Collection[str]) -> None:
        there = self.path.stat().st_size
        with suppress(tarfile.TarError, EOFError, ValueError), tarfile.open(self.path, mode="r:") as tar:
            for member in tar:
                end = member.offset_data + member.size + -member.size % _BLOCK
                if end > there or member.name.rsplit(".", 2)[0] not in keys:
                    break
                self._places[member.name] = member.offset_data, member.size
                self._size = end
