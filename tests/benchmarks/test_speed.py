"""The yardstick itself: the pairs that it makes, and the memory that it sees."""

import sys
from pathlib import Path

import cv2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import speed  # pyright: ignore[reportMissingImports]


def test_pairs_have_their_size_and_are_the_same_for_a_seed(tmp_path):
    kinds = speed.make_pairs(tmp_path / "one", 6, 7, (256, 384))
    assert kinds == speed.make_pairs(tmp_path / "two", 6, 7, (256, 384))
    assert len(kinds) == 6 and set(kinds) <= set(speed.MIX)
    made = sorted((tmp_path / "one").rglob("*.jpg"))
    assert len(made) == 12
    for path in made:
        picture = cv2.imread(str(path))
        assert picture is not None and picture.shape == (256, 384, 3)
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.parametrize("kind", ["SPG", "identical"])
def test_only_an_edit_differs(tmp_path, kind):
    assert speed.make_pairs(tmp_path, 1, 3, (96, 128), {kind: 1.0}) == [kind]
    one, two = (cv2.imread(str(tmp_path / "pair-00000" / name)) for name in ("0.jpg", "1.jpg"))
    assert one is not None and two is not None
    far = (cv2.absdiff(one, two).max(axis=2) > 60).mean()
    assert (far > 0.02) == (kind == "SPG")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_of_grandchildren_is_seen():
    grandchild = "x = bytearray(150_000_000); import time; time.sleep(0.3)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}], check=True)"
    ran = speed.run([sys.executable, "-c", child])
    assert 150e6 < ran.peak < 250e6
    assert ran.seconds > 0.3


def test_a_command_that_fails_ends_the_measurement():
    with pytest.raises(SystemExit, match="ended with 3"):
        speed.run([sys.executable, "-c", "raise SystemExit(3)"])
