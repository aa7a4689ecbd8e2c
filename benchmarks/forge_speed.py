"""How many pairs a second and core does forge make, and what does each operation cost?

    python benchmarks/forge_speed.py --images PACK [--images PACK2] [--count 100] [--size 256]

Prints pairs a second of one core for each kind and for the default mix (parts of the pictures stored, as in any second
run; more pictures than are kept decoded), what finding the parts of a picture costs once, and milliseconds of each edit
and of the web. Times are of the processor, not of the clock, so a busy machine does not change them much.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from webiml.forge import pair
from webiml.forge.objects import find_parts_of, parts_of, stored_name
from webiml.forge.pair import forge_pair
from webiml.forge.pictures import SourcePicture, list_pictures
from webiml.forge.scene import open_scene
from webiml.forge.web_degradation import STRENGTHS, through_the_web
from webiml.settings import ForgeSettings

AIM = 10  # pairs a second and core at 256 pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack or a folder of pictures")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=150, help="take only so many pictures")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = list_pictures(arguments.images)
    pictures = pictures[:: max(1, len(pictures) // arguments.pictures)]
    print(f"{machine()}, one core, {arguments.size} pixels, {len(pictures)} pictures")
    with tempfile.TemporaryDirectory() as temporary:
        objects = Path(temporary)
        print(f"\nparts of a picture, once   {1000 * store(pictures, objects):8.1f} ms")
        kinds = {"SPG": "SPG", "SDG": "SDG", "identical": "identical", "unrelated": "unrelated"}
        print("\npairs a second")
        for name, shares in {**kinds, "default mix": ForgeSettings().kinds}.items():
            settings = ForgeSettings(size=arguments.size, kinds=shares)
            started = time.process_time()
            for index in range(arguments.count):
                forge_pair(f"speed-{index}", pictures, settings, objects=objects)
            rate = arguments.count / (time.process_time() - started)
            aim = f"   (aim {AIM})" if name == "default mix" else ""
            print(f"  {name:<20} {rate:8.1f}{aim}")
        costs = operations(pictures, arguments.size, objects, max(4, arguments.count // 5))
    print("\nmilliseconds an operation")
    for name, seconds in sorted(costs.items(), key=lambda item: -np.mean(item[1])):
        print(f"  {name:<20} {1000 * np.mean(seconds):8.2f}")


def store(pictures: list[SourcePicture], objects: Path) -> float:
    """Store the parts of every picture; seconds a picture."""
    started = time.process_time()
    for picture in pictures:
        (objects / stored_name(picture)).write_bytes(find_parts_of(picture))
    seconds = (time.process_time() - started) / len(pictures)
    parts_of.cache_clear()
    return seconds


def operations(pictures: list[SourcePicture], size: int, objects: Path, count: int) -> dict[str, list[float]]:
    """Seconds of each edit, of opening a scene and of the web, `count` times each."""
    spent: dict[str, list[float]] = defaultdict(list)
    for index in range(count):
        rng = np.random.default_rng(index)
        started = time.process_time()
        scene = open_scene(pictures[index % len(pictures)], size, objects, rng)
        spent["open a scene"].append(time.process_time() - started)
        donor = open_scene(pictures[(index + 7) % len(pictures)], size, objects, rng)
        for name in pair._EDITS:
            started = time.process_time()
            pair._edited(name, scene.rgb, scene, donor, rng, None)
            spent[name].append(time.process_time() - started)
        for strength in STRENGTHS:
            started = time.process_time()
            through_the_web(scene.rgb, np.zeros(scene.shape, bool), strength, rng)
            spent[f"web, {strength}"].append(time.process_time() - started)
    return spent


if __name__ == "__main__":
    main()
