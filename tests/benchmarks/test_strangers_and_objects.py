"""What shared_objects.py sorts by, and that false_alarms.py puts only strangers together."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import false_alarms  # pyright: ignore[reportMissingImports]
import shared_objects  # pyright: ignore[reportMissingImports]

from webiml.forge.pictures import Place, SourcePicture

MIRROR = np.diag([-1.0, 1.0, 1.0])
NOISE = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)


def square(side: int) -> np.ndarray:
    mask = np.zeros((100, 100), bool)
    mask[20 : 20 + side, 20 : 20 + side] = True
    return mask


@pytest.mark.parametrize(
    ("operation", "transforms", "picture", "side", "sorts"),
    [
        ("paste_1", [np.eye(3)], NOISE, 30, {"all"}),
        ("paste_1", [np.eye(3)], NOISE, 17, {"all", "small"}),  # 2.89 %
        ("recoloured_paste_1", [MIRROR], NOISE, 30, {"all", "recoloured", "mirrored"}),
        ("bent_recoloured_paste_2", [np.eye(3), MIRROR], NOISE, 30,
         {"all", "bent", "recoloured", "mirrored", "repeated"}),
        ("band", [np.eye(3)], np.full_like(NOISE, 90), 30, {"all", "smooth"}),
    ],
)  # fmt: skip
def test_a_pair_belongs_to_what_it_is(operation, transforms, picture, side, sorts):
    pasted = shared_objects.Pasted(operation, np.array(transforms), picture, square(side))
    assert {name for name, belongs in shared_objects.SORTS.items() if belongs(pasted)} == sorts


def test_strangers_share_no_component_and_no_scene(tmp_path):
    with open(tmp_path / "pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "authentic", "manipulated", "component"])
        writer.writerows([f"k{i}", f"a{i}.png", f"m{i}.png", f"c{i % 2}"] for i in range(4))
    place = Place(Path("x.png"))
    pictures = [SourcePicture(f"p{i}", f"s{i % 2}", "", "", "", "", "", 9, 9, place) for i in range(4)]
    pairs = false_alarms.strangers(tmp_path / "pairs.csv", pictures, 60, seed=1)
    assert len(pairs) == 60 and pairs == false_alarms.strangers(tmp_path / "pairs.csv", pictures, 60, seed=1)
    for number, (authentic, manipulated) in enumerate(pairs):
        if number % 3 == 0:
            assert int(authentic.stem[1]) % 2 != int(manipulated.stem[1]) % 2
        elif number % 3 == 1:
            assert isinstance(authentic, SourcePicture) and manipulated.parent == tmp_path
        else:
            assert authentic.scene != manipulated.scene
