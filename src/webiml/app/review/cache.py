"""What was made a moment ago, held up to a number of bytes; what two threads want at once is made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Cache:
    """The values that were used last, as many as fit.

    Args: max_bytes: of all values together; one that is larger alone is not held.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def get(self, name: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of that name; made by `make` if it is not held, whose error goes to all who wait for it.

        Args: size: bytes of a value.
        """
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name][0]
            mine: Future[Any] = Future()
            making = self._making.setdefault(name, mine)
        if making is not mine:
            return making.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._making[name]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._making[name]
            self._hold(name, value, size(value))
        mine.set_result(value)
        return value

    def _hold(self, name: Hashable, value: Any, size: int) -> None:
        if size > self.max_bytes:
            return
        self._held[name] = value, size
        self.bytes += size
        while self.bytes > self.max_bytes:
            _, (_, gone) = self._held.popitem(last=False)
            self.bytes -= gone
