"""A file's bytes, with every way in which a path can disappoint turned into a reason."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from webiml.errors import BadImage
from webiml.types import Reason

MAX_BYTES = 512 * 1024 * 1024

_REASONS = {
    errno.ENOENT: (Reason.NOT_FOUND, "no such file"),
    errno.ENOTDIR: (Reason.NOT_FOUND, "no such file"),
    errno.ENAMETOOLONG: (Reason.NOT_FOUND, "the name is too long for this file system"),
    errno.EINVAL: (Reason.NOT_FOUND, "not a valid path here"),
    errno.ELOOP: (Reason.SYMLINK_LOOP, "its symbolic links run in a circle"),
    errno.ENXIO: (Reason.NOT_A_FILE, "not a regular file"),  # opening a socket
    errno.EISDIR: (Reason.NOT_A_FILE, "a folder"),
    errno.EACCES: (Reason.UNREADABLE, "no permission to read it"),
    errno.EPERM: (Reason.UNREADABLE, "no permission to read it"),
}


def read_bytes(path: Path, root: Path | None, max_bytes: int = MAX_BYTES) -> bytes:
    """The whole content of a regular file; never blocks on a pipe or a device, never writes.

    Args:
        path: file, symbolic links are followed.
        root: folder that the file's real path must lie in; None allows any path.
        max_bytes: refuse a larger file, before it is read.
    Raises:
        BadImage: NOT_FOUND, OUTSIDE_FOLDER, SYMLINK_LOOP, NOT_A_FILE, UNREADABLE or TOO_MANY_BYTES; its detail is
            valid UTF-8 and names the file below `root`.
    """
    name = readable(path.relative_to(root) if root is not None and path.is_relative_to(root) else path)
    try:
        real = os.path.realpath(path, strict=True)
        if root is not None and not Path(real).is_relative_to(os.path.realpath(root, strict=True)):
            raise BadImage(Reason.OUTSIDE_FOLDER, f"{name} is a link that leaves the folder that was given")
        _check_regular(os.stat(real), name, max_bytes)  # before opening: opening a device may do something
        # The real path has no link left to follow; O_NONBLOCK so that a pipe put there just now cannot hang us
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(real, flags | getattr(os, "O_CLOEXEC", 0)), "rb") as file:
            size = _check_regular(os.fstat(file.fileno()), name, max_bytes)
            data = file.read(size + 1)
    except ValueError:  # a NUL in the path
        raise BadImage(Reason.NOT_FOUND, f"{name}: not a valid path") from None
    except OSError as error:
        reason, words = _REASONS.get(error.errno or 0, (Reason.UNREADABLE, error.strerror or "it could not be read"))
        raise BadImage(reason, f"{name}: {words}") from None
    if len(data) != size:
        raise BadImage(Reason.UNREADABLE, f"{name} changed while it was read")
    return data


def readable(name: str | os.PathLike[str]) -> str:
    r"""A file name as valid UTF-8: bytes that are none become `\xNN`, so that it fits into Parquet and JSON."""
    text = os.fspath(name)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, which no file system of bytes gives
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _check_regular(status: os.stat_result, name: str, max_bytes: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise BadImage(Reason.NOT_A_FILE, f"{name}: {what}")
    if status.st_size > max_bytes:
        raise BadImage(Reason.TOO_MANY_BYTES, f"{name}: {status.st_size:,} bytes, the limit is {max_bytes:,}")
    return status.st_size
