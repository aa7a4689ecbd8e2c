"""A contact sheet of each kind: authentic, manipulated, mask side by side, for a person to look at."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from webiml.forge.folder import forged_as
from webiml.images.codec import decode_map, encode_png
from webiml.images.decode import decode
from webiml.images.draw import thumbnail
from webiml.images.read import read_bytes
from webiml.store.atomic import make_folder, write_bytes

SIDE, GAP = 200, 4  # pixels, of a thumbnail and between two
COLUMNS, MOST = 3, 24  # pairs in a row, pairs on a sheet
_GROUND = 90


def write_sheets(out: Path) -> list[Path]:
    """Draw `sheets/<kind>.png` from the tables of a folder of forged pairs; the first MOST pairs of each kind.

    Raises:
        OutputError: a sheet cannot be written.
        BadImage: a file of the folder is gone or broken.
    """
    by_kind: dict[str, list[dict[str, str]]] = {}
    for table in ("pairs.csv", "singles.csv"):
        if (out / table).is_file():
            with open(out / table, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    by_kind.setdefault(forged_as(row), []).append(row)
    make_folder(out / "sheets")
    written = []
    for kind, rows in sorted(by_kind.items()):
        written.append(out / "sheets" / f"{kind}.png")
        write_bytes(written[-1], encode_png(contact_sheet(out, rows[:MOST])))
    return written


def contact_sheet(out: Path, rows: list[dict[str, str]]) -> np.ndarray:
    """(H, W, 3) uint8: one strip a row of the table, COLUMNS strips beside each other."""
    strips = [_strip(out, row) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    blank = np.full((SIDE + GAP, width, 3), _GROUND, np.uint8)
    strips = [np.hstack([one, blank[:, one.shape[1] :]]) for one in strips]
    strips += [blank] * (-len(strips) % COLUMNS)
    lines = [np.hstack(strips[start : start + COLUMNS]) for start in range(0, len(strips), COLUMNS)]
    return np.vstack(lines)


def _strip(out: Path, row: dict[str, str]) -> np.ndarray:
    tiles = [
        decode(read_bytes(out / row[side], out), 1 << 28).rgb for side in ("authentic", "manipulated") if row.get(side)
    ]
    for side in ("mask", "donor_mask"):
        if row.get(side):
            levels = decode_map(read_bytes(out / row[side], out))
            tiles.append(np.repeat(levels[..., None], 3, axis=2))
    return np.hstack([_tile(one) for one in tiles])


def _tile(rgb: np.ndarray) -> np.ndarray:
    small = thumbnail(rgb, SIDE)
    below, beside = SIDE + GAP - small.shape[0], SIDE + GAP - small.shape[1]
    return cv2.copyMakeBorder(small, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(_GROUND,) * 3)
