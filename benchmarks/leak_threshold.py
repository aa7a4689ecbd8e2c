"""How near must two perceptual hashes be to be of one picture? The limit of the leakage gate (evaluate/leaks.py).

    python benchmarks/leak_threshold.py --images ../shared/data/train_pack --images ../shared/data/train_pack_2
                                        [--benchmark ../shared/data/casia1_dev/images] [--weights web-iml]
                                        [--json OUT.json]

Recall: of each picture of the packs and of examples/pictures a copy is made: saved as JPEG 50, made half as large,
both, cropped by 3 % of both sides evenly, and at one corner; how many copies lie within a distance of their picture.
False alarms: how many pairs of different pictures of the packs do; crops of one photograph are left out. With
--benchmark also how many of its pictures lie within it of a picture that the localizer learned from, though none of
them is one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from webiml.errors import WebimlError
from webiml.evaluate.leaks import LIMIT, training_table
from webiml.forge.pictures import SourcePicture, list_pictures, read_picture
from webiml.forge.web_degradation import saved_as_jpeg
from webiml.images.hashing import distances, telling_hash
from webiml.store.atomic import write_bytes

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "pictures"
CROP = 0.03  # of both sides
SHOWN = range(0, 17)  # distances
NEAREST = 5  # pairs of different pictures that are named


def main() -> None:
    """Hash every picture and its copies, and print what each distance finds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--benchmark", type=Path, help="folder of pictures that no localizer learned from")
    parser.add_argument("--weights", default="web-iml", help="localizer whose training is compared with --benchmark")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    try:
        packs = list_pictures(arguments.images)
        own, copies = hashed(packs)
        examples, more = hashed(list_pictures([EXAMPLES]))
        found = {name: [*copies[name], *more[name]] for name in COPIES}
        near = false_alarms(packs, own)
        alarms = benchmark_alarms(arguments.benchmark, arguments.weights) if arguments.benchmark else []
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    told = sum(one is not None for one in (*own, *examples))
    print(f"{machine()}\n{len(own) + len(examples):,} pictures, {told:,} of them with a telling hash; limit {LIMIT}\n")
    print("distance " + "".join(f"{name:>12}" for name in COPIES) + f"{'false':>8}{'benchmark':>12}")
    within = {name: [float(np.mean(np.array(apart) <= most)) for most in SHOWN] for name, apart in found.items()}
    false = [int(np.count_nonzero(near <= most)) for most in SHOWN]
    seen = [sum(apart <= most for apart in alarms) for most in SHOWN]
    for most in SHOWN:
        if most % 2 == 0:  # two hashes with as many ones each differ in an even number of bits
            recall = "".join(f"{100 * within[name][most]:>10.1f} %" for name in COPIES)
            print(f"{most:>8} {recall}{false[most]:>8}{seen[most] if alarms else '-':>12}")
    print(f"\nfalse: of {len(near):,} pairs; benchmark: of {len(alarms):,} pictures")
    if arguments.json:
        kept = {"machine": machine(), "limit": LIMIT, "pictures": told, "recall": within, "false": false}
        kept |= {"pairs": len(near), "benchmark": seen, "benchmark_pictures": len(alarms)}
        write_bytes(arguments.json, json.dumps(kept, indent=1).encode())


def half(rgb: np.ndarray) -> np.ndarray:
    """Made half as large, by area."""
    height, width = rgb.shape[:2]
    return cv2.resize(rgb, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def cropped(rgb: np.ndarray, top: float, bottom: float) -> np.ndarray:
    """Without these shares of the height at the top and below, and of the width at the left and the right."""
    height, width = rgb.shape[:2]
    rows, columns = (slice(round(top * side), side - round(bottom * side)) for side in (height, width))
    return np.ascontiguousarray(rgb[rows, columns])


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "jpeg 50": lambda rgb: saved_as_jpeg(rgb, 50, True),
    "half": half,
    "half, jpeg": lambda rgb: saved_as_jpeg(half(rgb), 50, True),
    "crop": lambda rgb: cropped(rgb, CROP / 2, CROP / 2),
    "corner": lambda rgb: cropped(rgb, CROP, 0),
}


def hashed(pictures: Sequence[SourcePicture]) -> tuple[list[int | None], dict[str, list[int]]]:
    """The hash of each picture, None where it tells nothing; and how far each copy's lies from it, by kind of copy."""
    own: list[int | None] = []
    apart: dict[str, list[int]] = {name: [] for name in COPIES}
    for picture in pictures:
        rgb, _ = read_picture(picture)
        one = telling_hash(rgb)
        own.append(int(one, 16) if one else None)
        for name, change in COPIES.items():
            copy = telling_hash(change(rgb))
            if one:  # a copy that tells nothing is not found
                apart[name].append((int(one, 16) ^ int(copy, 16)).bit_count() if copy else 64)
    return own, apart


def false_alarms(pictures: Sequence[SourcePicture], hashes: Sequence[int | None]) -> np.ndarray:
    """How far apart all pairs of different pictures are; the nearest are printed, for a person to look at."""
    told = [(picture, one) for picture, one in zip(pictures, hashes, strict=True) if one is not None]
    values = np.array([one for _, one in told], np.uint64)
    scenes = np.array([picture.scene for picture, _ in told])
    found, nearest = [np.zeros(0, int)], []
    for index, (picture, one) in enumerate(told):
        others = np.flatnonzero(scenes[index + 1 :] != picture.scene) + index + 1
        apart = distances(one, values[others])
        found.append(apart)
        nearest += [(int(apart[place]), picture.key, told[others[place]][0].key) for place in apart.argsort()[:NEAREST]]
    for distance, key, other in sorted(nearest)[:NEAREST]:
        print(f"{distance:>3} apart: {key}, {other}")
    return np.concatenate(found)


def benchmark_alarms(folder: Path, weights: str) -> list[int]:
    """How far each picture of a folder lies from the nearest that a localizer learned from."""
    training = training_table(weights)
    if training is None:
        raise SystemExit(f"{weights} has no table of its training pictures.")
    hashes = training.phash[training.hashed]
    own, _ = hashed(list_pictures([folder]))
    return [int(distances(one, hashes).min()) for one in own if one is not None]


if __name__ == "__main__":
    main()
