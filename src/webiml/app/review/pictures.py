"""The arrays of a case at the size of its grid, from which all views are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.app.review.cache import Cache
from webiml.app.review.cases import Cases, Role
from webiml.app.review.grid import Size, grid_of
from webiml.errors import BadImage
from webiml.types import Reason

if TYPE_CHECKING:
    from webiml.app.review.compare import Aligned

_GREY: tuple[Role, ...] = ("probability", "confidence", "truth")


@dataclass(frozen=True)
class Pictures:
    """The pictures of a set of cases, held while they are looked at. May be used by several threads."""

    cases: Cases
    cache: Cache

    def grid(self, key: str) -> Size:
        """Height and width of the case's grid.

        Raises:
            BadImage: the manipulated picture cannot be shown.
        """
        size = self.cases.size(key)
        if size is None:
            raise BadImage(Reason.NOT_FOUND, "this case has no picture")
        return grid_of(size)

    def on_grid(self, key: str, role: Role) -> np.ndarray:
        """A picture, or levels, at the grid's size; the authentic picture at its own, made smaller where it is large.

        Raises:
            BadImage: there is no such picture, it cannot be read, or it has another size than the case.
        """
        return self.cache.get((key, role), lambda: self._scaled(key, role), lambda array: array.nbytes)

    def native(self, key: str, role: Role) -> np.ndarray:
        """As `on_grid`, at the picture's own size; not held.

        Raises:
            BadImage: as `on_grid`.
        """
        found = self.cases.picture(key, role)
        size = self.cases.size(key)
        if role != "authentic" and found.shape[:2] != size:
            have, want = (f"{a[1]}x{a[0]}" for a in (found.shape, size or (0, 0)))
            raise BadImage(Reason.MAP_SIZE, f"the {role} picture is {have}, the case says {want}")
        return found

    def aligned(self, key: str, transform: list[list[float]]) -> Aligned:
        """The authentic picture laid onto the manipulated one, on the grid.

        Raises:
            BadImage: as `on_grid`, or the transform is none.
        """
        return self.cache.get(
            (key, "aligned"), lambda: self._laid(key, transform), lambda a: a.rgb.nbytes + a.validity.nbytes
        )

    def pieces(self, key: str) -> tuple[Aligned, np.ndarray]:
        """What of the authentic picture was pasted, where it lies, and how likely that is, on the grid: of SDG pairs.

        Raises:
            BadImage: as `on_grid`.
        """
        from webiml.app.review.compare import lay_pieces

        return self.cache.get(
            (key, "pieces"),
            lambda: lay_pieces(self.on_grid(key, "authentic"), self.on_grid(key, "manipulated")),
            lambda found: found[0].rgb.nbytes + found[0].validity.nbytes + found[1].nbytes,
        )

    def _scaled(self, key: str, role: Role) -> np.ndarray:
        found = self.native(key, role)
        return scaled(found, grid_of((found.shape[0], found.shape[1])) if role == "authentic" else self.grid(key))

    def _laid(self, key: str, transform: list[list[float]]) -> Aligned:
        from webiml.app.review.compare import align

        size = self.cases.size(key)
        authentic = self.cases.picture(key, "authentic")
        small = scaled(authentic, grid_of((authentic.shape[0], authentic.shape[1])))
        shares = (small.shape[1] / authentic.shape[1], small.shape[0] / authentic.shape[0])
        del authentic
        grid = self.grid(key)
        assert size is not None  # else there were no grid
        return align(small, shares, np.array(transform, np.float64), (grid[1] / size[1], grid[0] / size[0]), grid)


def scaled(array: np.ndarray, size: Size) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) at another, smaller size, pixels averaged; the array itself where it has that size."""
    if array.shape[:2] == size:
        return array
    import cv2

    return cv2.resize(array, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def facts_of(cases: Cases, key: str) -> dict[str, Any]:
    """What is known of a case; its transform only if it is one: three rows of three finite numbers, not singular."""
    facts = dict(cases.facts(key))
    facts["transform"] = usable(facts.get("transform"))
    return facts


def usable(transform: object) -> list[list[float]] | None:
    """The transform, if points can be mapped by it and back."""
    try:
        matrix = np.array(transform, np.float64)
    except (TypeError, ValueError):
        return None
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)) or np.abs(matrix).max() > 1e9:
        return None
    scale = np.abs(matrix).max()
    if scale == 0 or matrix[2, 2] == 0 or abs(np.linalg.det(matrix / scale)) < 1e-15:
        return None
    return matrix.tolist()
