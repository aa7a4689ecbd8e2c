"""Do tiles say what one look at the whole says, and how much should a look at the whole made smaller decide?

    python benchmarks/tiles.py --images PACK [--images PACK2] [--count 60] [--seed 17] [--pairs DIR]
                               [--weights NAME_OR_PATH] [--side 320] [--json OUT.json]

Forges single pictures of the packs' val split, as large as they are, and looks at each as a whole and in tiles. Tiles
are as much smaller than those that ship (1024 pixels) as these pictures are than large ones; overlap and the side of
the small look at the whole go with them. Prints, first, for several overlaps without that look, the mean difference
from the whole picture's map, the largest mean step at a border of a tile that the whole picture's map does not have
(a seam), and how many pixels the network sees for one of the picture; then, for several shares of the small look in the
log-odds (`GLOBAL_SHARE` of webiml.localize.tiles), the mean per-image F1 at 0.5, the mean pixel AUC, the difference and
how far the score moves. Tiles of full size differ less: they see more of what surrounds a pixel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from held_out import held_out_pairs, held_out_parser
from localizer_scoring import forged_singles, read_single
from machine import machine

from webiml import Localizer
from webiml.errors import WebimlError
from webiml.images.codec import to_8bit
from webiml.localize.localizer import SHIPPED
from webiml.localize.tiles import GLOBAL_SHARE, GRID, Look, Tiling, look_at, spans
from webiml.metrics.overlap import f1
from webiml.metrics.ranking import auc
from webiml.store.atomic import write_bytes

SIZE = 1024  # pixels, the long side above which a picture is reduced before it is forged
OVERLAPS = (1 / 16, 1 / 8, 1 / 4, 3 / 8)  # of a tile's side
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
HALF = 128  # from this level of the 8-bit map on a pixel is in the mask


@dataclass(frozen=True)
class Compared:
    """One picture in tiles, against the whole and the truth.

    Attributes:
        difference: mean |tiled - whole| of the probability. seam: largest mean step along a border of a tile, less that
            of the whole. cost: pixels the network saw for one of the picture. moved: |score tiled - score whole|.
    """

    f1: float
    auc: float | None
    difference: float
    seam: float
    cost: float
    moved: float


def main() -> None:
    """Make the pictures, or take those that are there, and print both tables."""
    parser = held_out_parser(__doc__, count=60, seed=17)
    parser.add_argument("--weights", default=SHIPPED, help="name or path of the localizer")
    parser.add_argument("--side", type=int, default=320, help="longest side of a tile, pixels")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    try:
        localizer = Localizer.load(arguments.weights)
        with held_out_pairs(parser, arguments, kinds="single", size=SIZE) as table:
            singles = forged_singles(table.with_name("singles.csv"))[: arguments.count]
            known = [one for one in map(read_single, singles) if max(one[0].shape) > arguments.side]
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    if not known:
        raise SystemExit(f"No picture is larger than a tile of {arguments.side} pixels; give a smaller --side.")
    overlaps, shares = compare_all(localizer.look, known, arguments.side)
    print(f"{machine()}\n{arguments.weights}, {len(known)} forged pictures, seed {arguments.seed}\n")
    print_table("overlap", overlaps, shipped(arguments.side).overlap)
    print()
    print_table("share", shares, GLOBAL_SHARE)
    if arguments.json:
        tables = {"overlaps": overlaps, "shares": shares}
        means = {name: {value: asdict(mean(one)) for value, one in rows.items()} for name, rows in tables.items()}
        found = {"machine": machine(), "pictures": len(known), "side": arguments.side, **means}
        write_bytes(arguments.json, json.dumps(found, indent=1, allow_nan=False).encode())


def shipped(side: int) -> Tiling:
    """What ships, made smaller to tiles of `side`, and used on pictures of every size."""
    tiling = Tiling()
    return replace(
        tiling, whole_pixels=0, side=side, overlap=on_grid(side * tiling.overlap / tiling.side), global_side=side
    )


def on_grid(length: float) -> int:
    """The multiple of GRID, at least one, that is next to a length."""
    return max(GRID, GRID * round(length / GRID))


def compare_all(
    look: Look, known: Sequence[tuple[np.ndarray, np.ndarray]], side: int
) -> tuple[dict[float, list[Compared]], dict[float, list[Compared]]]:
    """Every picture, by overlap without the small look, and by share of the small look."""
    base = shipped(side)
    widths = sorted({on_grid(side * share) for share in OVERLAPS} | {base.overlap})
    shares = sorted({*SHARES, GLOBAL_SHARE})
    by_overlap: dict[float, list[Compared]] = {width: [] for width in widths}
    by_share: dict[float, list[Compared]] = {share: [] for share in shares}
    for rgb, mask in known:
        whole, once = look(rgb), remembered(look)
        for width in widths:
            tiling = replace(base, overlap=width, global_share=0.0)
            by_overlap[width].append(compare(look_at(once, rgb, tiling), whole, mask, tiling))
        for share in shares:
            tiling = replace(base, global_share=share)
            by_share[share].append(compare(look_at(once, rgb, tiling), whole, mask, tiling))
    return by_overlap, by_share


def remembered(look: Look) -> Look:
    """The same, but no tile is looked at twice."""
    seen: dict[tuple[tuple[int, ...], bytes], tuple[np.ndarray, np.ndarray, float]] = {}

    def once(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        key = rgb.shape, rgb.tobytes()
        if key not in seen:
            seen[key] = look(rgb)
        return seen[key]

    return once


def compare(
    tiled: tuple[np.ndarray, np.ndarray, float],
    whole: tuple[np.ndarray, np.ndarray, float],
    mask: np.ndarray,
    tiling: Tiling,
) -> Compared:
    """One picture in tiles against the same as a whole, and its truth."""
    found, other = tiled[0], whole[0]
    height, width = found.shape
    seen = sum(
        len(rows.weights) * len(columns.weights)
        for rows, columns in product(*(spans(length, tiling.side, tiling.overlap) for length in (height, width)))
    )
    levels = to_8bit(found)
    return Compared(
        f1(levels >= HALF, mask),
        auc(levels, mask),
        float(np.abs(found - other).mean()),
        seam(found, other, tiling),
        seen / found.size,
        abs(tiled[2] - whole[2]),
    )


def seam(tiled: np.ndarray, whole: np.ndarray, tiling: Tiling) -> float:
    """The largest mean step along a border of a tile, of the difference of two maps (H, W); 0 where no border is."""
    largest = 0.0
    for axis, length in enumerate(tiled.shape):
        steps = np.abs(np.diff(tiled - whole, axis=axis)).mean(axis=1 - axis)
        ends = {end for span in spans(length, tiling.side, tiling.overlap) for end in (span.start, span.stop)}
        largest = max([largest, *(float(steps[end - 1]) for end in ends if 0 < end < length)])
    return largest


def mean(all_of_one: Sequence[Compared]) -> Compared:
    """Means over pictures; the seam is the largest of all."""
    known = [one.auc for one in all_of_one if one.auc is not None]
    return Compared(
        float(np.mean([one.f1 for one in all_of_one])),
        float(np.mean(known)) if known else None,
        float(np.mean([one.difference for one in all_of_one])),
        max(one.seam for one in all_of_one),
        float(np.mean([one.cost for one in all_of_one])),
        float(np.mean([one.moved for one in all_of_one])),
    )


def print_table(name: str, rows: dict[float, list[Compared]], ships: float) -> None:
    """One line a value."""
    print(f"{name:<14}{'F1':>7}{'AUC':>7}{'difference':>12}{'seam':>8}{'score':>8}{'cost':>7}")
    for value, all_of_one in rows.items():
        one, label = mean(all_of_one), f"{value:g}{' (ships)' if value == ships else ''}"
        ranked = f"{one.auc:.3f}" if one.auc is not None else "none"
        print(
            f"{label:<14}{one.f1:>7.3f}{ranked:>7}{one.difference:>12.4f}{one.seam:>8.4f}{one.moved:>8.3f}"
            f"{one.cost:>7.2f}"
        )


if __name__ == "__main__":
    main()
