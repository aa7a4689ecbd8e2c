"""A network that several threads share: calls that wait for it at the same time are run as one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np

from webiml.nets.gpu import Provider
from webiml.nets.weights import Net


@dataclass(eq=False, slots=True)
class _Call:
    """What one thread asks for, and what became of it."""

    feed: dict[str, np.ndarray]
    outputs: tuple[str, ...]
    found: list[np.ndarray] | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.found is not None or self.error is not None

    def fits(self, other: _Call) -> bool:
        """Whether both can be stacked."""
        shapes = {name: array.shape for name, array in self.feed.items()}
        return self.outputs == other.outputs and shapes == {name: array.shape for name, array in other.feed.items()}


class Batched(Net):
    """A network as `Net`, for many threads: one of them runs it, for itself and for those that wait meanwhile.

    A call never waits for others to come: where nobody is running the network it starts at once, alone, and gives the
    very bytes that `Net` gives. So nothing has to be waited out when fewer threads are left, and batches grow only
    where the network is what everybody waits for. Calls are taken in the order in which they came, those of the same
    shapes with the first, at most `most`; none waits longer than the calls before it take.

    A batch that fails, for want of memory say, is run again call by call, and only those that fail again raise.

    What a call gets differs by rounding from what it gets alone: a product of large matrices is summed in another
    order. On an x86 CPU this was seen of the pair classifier, 1e-6 of its logits, and of no other network that ships.
    """

    def __init__(self, model: bytes, threads: int, most: int, providers: Sequence[Provider] | None = None) -> None:
        """`most`: calls that are run as one, at least 1."""
        super().__init__(model, threads, providers)
        # A graph takes a batch when the first axis of everything it takes and gives is one and the same open axis.
        axes = {
            end.shape[0] if end.shape else None for end in (*self._session.get_inputs(), *self._session.get_outputs())
        }
        self.most = most if len(axes) == 1 and all(isinstance(axis, str) for axis in axes) else 1
        self._waiting: deque[_Call] = deque()
        self._changed, self._running = Condition(), False

    def _run(self, feed: dict[str, np.ndarray], outputs: tuple[str, ...]) -> list[np.ndarray]:
        if self.most == 1:
            return super()._run(feed, outputs)
        call = _Call(feed, outputs)
        with self._changed:
            self._waiting.append(call)
        while not call.done:
            with self._changed:
                self._changed.wait_for(lambda: call.done or not self._running)
                if call.done:
                    break
                self._running, calls = True, self._first()
            try:
                self._answer(calls)
            finally:  # what an interrupt left undone goes back to its place
                with self._changed:
                    self._waiting.extendleft(other for other in reversed(calls) if not other.done)
                    self._running = False
                    self._changed.notify_all()
        if call.error is not None:
            raise call.error
        assert call.found is not None
        return call.found

    def _first(self) -> list[_Call]:
        """The call that waits longest, with those that can be stacked with it; they do not wait any more."""
        first = self._waiting[0]
        calls = [call for call in self._waiting if call.fits(first)][: self.most]
        for call in calls:
            self._waiting.remove(call)
        return calls

    def _answer(self, calls: list[_Call]) -> None:
        """Run calls of the same shapes; afterwards each has what it asked for, or its own error."""
        if len(calls) > 1:
            try:
                feed = {name: np.concatenate([call.feed[name] for call in calls]) for name in self.inputs}
                parts = [np.split(output, len(calls)) for output in super()._run(feed, calls[0].outputs)]
            except Exception:  # whatever it was: alone, only the one at fault meets it again
                pass
            else:
                for place, call in enumerate(calls):
                    call.found = [part[place].copy() for part in parts]  # a view would keep the whole batch
                return
        for call in calls:
            try:
                call.found = super()._run(call.feed, call.outputs)
            except Exception as error:
                call.error = error
