"""Many things in little memory: each is made when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

Item = TypeVar("Item", covariant=True)


class OnDemand(Sequence[Item]):
    """A sequence whose items are made anew each time."""

    @abstractmethod
    def make(self, index: int) -> Item:
        """The item at `index`, 0 to the length less 1."""

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self.make(one) for one in range(*index.indices(len(self)))]
        return self.make(range(len(self))[index])
