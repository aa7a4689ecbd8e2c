"""What the user names on the command line becomes a list of pictures: files, folders, patterns, a list on stdin."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from webiml.errors import SettingError
from webiml.images.read import readable
from webiml.pairs.folder import EXTENSIONS
from webiml.pairs.keys import unique_keys
from webiml.types import Problem, Reason

STDIN = "-"
"""In the place of a path: the names come from standard input."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """One input as it was listed: nothing has been opened yet.

    Attributes:
        key: safe as a file name, unique, made from the file's name without its ending.
        name: the path as it was given, valid UTF-8.
        path: the file.
        root: a file whose real path leaves this folder is refused; None: any path is allowed.
        problem: why it cannot be used; it still becomes a row.
    """

    key: str
    name: str
    path: Path
    root: Path | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PictureListing:
    """All inputs.

    Attributes:
        pictures: sorted by name, each file once.
        ignored: other files in the folders that were given, sorted.
        folders: the folders that were given.
    """

    pictures: tuple[ListedPicture, ...]
    ignored: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


def list_pictures(inputs: Sequence[str], stdin: bytes = b"") -> PictureListing:
    """The pictures of files, folders, patterns such as `photos/*.jpg`, and of the list on standard input for `-`.

    A folder is gone through with all that is in it; hidden files, and files whose name does not end like a picture's,
    are left out, and no link is followed out of it. A file that is named by itself may be called anything. What is
    not there becomes a picture with a problem. No picture is opened.

    Args:
        inputs: as given; what exists is never taken for a pattern.
        stdin: names, one a line, or each ended by a NUL where one occurs.
    Raises:
        SettingError: nothing was given, or there is no picture in all of it.
    """
    if not inputs:
        raise SettingError("Give pictures or folders of pictures, such as webiml localize photos --out results.")
    found: dict[str, ListedPicture] = {}
    ignored: list[str] = []
    folders: list[Path] = []
    for text in _expanded(inputs, stdin):
        path = Path(text)
        if path.is_dir():
            folders.append(path)
            listed = _walk(path, path, ignored)
        else:
            problem = _problem(text)  # an address keeps both of its slashes, which a path does not
            listed = [replace(_picture(path, None, problem), name=readable(text if problem else path))]
        for picture in listed:
            found.setdefault(same_file(picture.name), picture)
    if not found:
        raise SettingError(f"There is no picture in {readable(', '.join(inputs))}; check the path.")
    pictures = sorted(found.values(), key=lambda picture: picture.name)
    return PictureListing(tuple(with_keys(pictures)), tuple(sorted(map(readable, ignored))), tuple(folders))


def with_keys(pictures: Sequence[ListedPicture], taken: Iterable[str] = ()) -> list[ListedPicture]:
    """The pictures, each with a key of its own and none of `taken`; two files of one stem are told apart."""
    keys = unique_keys([os.path.splitext(picture.path.name)[0] for picture in pictures], taken)
    return [replace(picture, key=key) for picture, key in zip(pictures, keys, strict=True)]


def same_file(name: str) -> str:
    """What two ways to write the path of one file have in common, seen from the working folder of this process."""
    return readable(os.path.abspath(name))


def _expanded(inputs: Iterable[str], stdin: bytes) -> Iterator[str]:
    for text in inputs:
        if text == STDIN:
            ends = b"\0" if b"\0" in stdin else b"\n"
            yield from (os.fsdecode(name.removesuffix(b"\r")) for name in stdin.split(ends) if name.strip())
        elif glob.has_magic(text) and not os.path.lexists(text):
            yield from sorted(glob.glob(text, recursive=True), key=os.fsencode) or [text]
        else:
            yield text


def _problem(text: str) -> Problem | None:
    """Why a path that is no folder cannot be a picture's."""
    if _URL.match(text):
        return Problem(Reason.IS_URL, "an address, not a path: download it first")
    if os.path.lexists(text):
        return None
    return Problem(Reason.NOT_FOUND, "no file fits this pattern" if glob.has_magic(text) else "no such file")


def _walk(folder: Path, root: Path, ignored: list[str]) -> Iterator[ListedPicture]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield _picture(folder, root, Problem(Reason.UNREADABLE, f"the folder cannot be read ({error.strerror})"))
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, ignored)
        elif entry.is_symlink() and (problem := _link_problem(path, root)) is not None:
            yield _picture(path, root, problem)
        elif path.suffix[1:].lower() in EXTENSIONS and not path.is_dir():
            yield _picture(path, root, None)
        else:  # a link to a folder in here, too: its pictures are listed where they lie
            ignored.append(str(path))


def _link_problem(path: Path, root: Path) -> Problem | None:
    """Why a link in a folder that was given cannot be followed."""
    try:
        real = os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Problem(Reason.SYMLINK_LOOP, "its symbolic links run in a circle")
        return Problem(Reason.NOT_FOUND, "a link to nothing")
    if not Path(real).is_relative_to(os.path.realpath(root)):
        return Problem(Reason.OUTSIDE_FOLDER, "a link that leaves the folder that was given")
    return None


def _picture(path: Path, root: Path | None, problem: Problem | None) -> ListedPicture:
    return ListedPicture("", readable(path), path, root, problem)
