"""The one error tree.

    WebimlError
    ├── SettingError     a wrong setting or input argument: exit 2, before any work
    ├── OutputError      the output cannot be written (full disk, read-only): exit 3, the same command resumes
    ├── BadImage         bytes that are not a usable picture; carries a Reason and becomes a row
    └── BadMap           an array of the wrong shape, type or range was passed to a function

Messages are sentences for a person: what is wrong, which file, what to do.
"""

import re

from webiml.types import Reason

MAX_DETAIL = 300  # characters of an exception's message that go into a row


class WebimlError(Exception):
    """Anything that webiml raises on purpose."""


class SettingError(WebimlError):
    """A setting or an argument is wrong; nothing has been done yet."""


class OutputError(WebimlError):
    """The output could not be written; what is finished stays valid."""


class BadImage(WebimlError):
    """These bytes are not a picture that can be used."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)  # both in args, so that the error survives pickling between processes
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


class BadMap(WebimlError, ValueError):
    """An array of the wrong shape, type or range."""


def one_line(error: Exception) -> str:
    """Type and message of what nobody foresaw, for a row; folders of this machine are left out of it."""
    message = re.sub(r"(?:/[^\s/:'\"]+)+/(?=[^\s/])", "", " ".join(str(error).split()))
    return f"{type(error).__name__}: {message}"[:MAX_DETAIL].removesuffix(": ")
