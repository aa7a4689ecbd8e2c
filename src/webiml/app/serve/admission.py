"""How much is taken in at a time: so many requests, and so many bytes of them together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from webiml.app.serve.refusals import Refusal

LEAST_BYTES = 256_000_000  # that bodies may take together, however small one may be
BODIES = 4  # of the largest size that may come in at once, where that is more


class Lease:
    """What one request holds of the memory for bodies."""

    def __init__(self, admission: Admission) -> None:
        self._admission, self.bytes = admission, 0

    def grow(self, count: int) -> None:
        """Take `count` bytes more.

        Raises:
            Refusal: all bodies together would take too much.
        """
        self._admission.take(count)
        self.bytes += count


class Admission:
    """Counts what is in work; a request is let in before its body is read.

    Attributes:
        inside: requests that are read, wait or run. bytes: what their bodies take. most: requests at a time.
    """

    def __init__(self, most: int, body_bytes: int) -> None:
        self.most, self.most_bytes = most, max(LEAST_BYTES, BODIES * body_bytes)
        self.inside = self.bytes = 0
        self._lock = Lock()

    @contextmanager
    def enter(self) -> Iterator[Lease]:
        """Be one of the requests inside for a `with` block.

        Raises:
            Refusal: there are too many.
        """
        with self._lock:
            if self.inside >= self.most:
                raise Refusal(503, "queue_full", f"{self.most} requests are waiting already; send it again later.")
            self.inside += 1
        lease = Lease(self)
        try:
            yield lease
        finally:
            with self._lock:
                self.inside -= 1
                self.bytes -= lease.bytes

    def take(self, count: int) -> None:
        """Take bytes for a body; its `Lease` gives them back."""
        with self._lock:
            if self.bytes + count > self.most_bytes:
                raise Refusal(503, "memory_full", "The bodies of other requests take all memory; send it again later.")
            self.bytes += count
