"""A second web-like copy of a table of pairs, with the processing that forged pairs go through.

    python benchmarks/web_copy.py ../shared/data/casia1_dev/pairs.csv OUT [--seed 3]

Rotation, WebP, captions and frames, mirrored authentic pictures, noise and sharpening: what the first copy lacks. Both
sides go through it on their own, seeded by key; the mask follows the manipulated side. Further columns are carried.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from scoring import read_mask

from webiml.forge.web_degradation import through_the_web
from webiml.images.codec import encode_png
from webiml.images.decode import decode

MIRRORED = 0.08  # share of the authentic pictures


def main() -> None:
    """Copy every pair of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.pairs)
    for side in ("authentic", "manipulated", "mask"):
        (arguments.out / side).mkdir(parents=True, exist_ok=True)
    for index, row in enumerate(table.to_dict("records")):
        truth = read_mask(arguments.pairs.parent / row["mask"])
        for side, mirror in (("authentic", MIRRORED), ("manipulated", 0.0)):
            picture = decode((arguments.pairs.parent / row[side]).read_bytes(), max_pixels=50_000_000).rgb
            digest = hashlib.sha256(f"{arguments.seed}/{row['key']}/{side}".encode()).digest()
            rng = np.random.default_rng(np.frombuffer(digest[:16], np.uint64))
            mask = truth if side == "manipulated" else np.zeros(picture.shape[:2], bool)
            copy, followed, _, _ = through_the_web(picture, mask, "middle", rng, mirror=mirror)
            if side == "manipulated":
                truth = followed
            table.loc[index, side] = _write(arguments.out, f"{side}/{row['key']}.png", copy)
        table.loc[index, "mask"] = _write(arguments.out, f"mask/{row['key']}.png", truth.astype(np.uint8) * 255)
    table.to_csv(arguments.out / "pairs.csv", index=False)
    print(f"{len(table)} pairs in {arguments.out}")


def _write(folder: Path, name: str, array: np.ndarray) -> str:
    (folder / name).write_bytes(encode_png(array))
    return name


if __name__ == "__main__":
    main()
