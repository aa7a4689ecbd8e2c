"""The yardstick of localizers: real processes, and figures of every part."""

import json
import sys
from pathlib import Path

import cv2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package
sys.path.insert(0, str(Path(__file__).resolve().parent))

import localizer_speed  # pyright: ignore[reportMissingImports]
from localizer_samples import write_localizer  # pyright: ignore[reportMissingImports]


def test_pictures_have_their_size_and_are_the_same_for_a_seed(tmp_path):
    one, two = (localizer_speed.make_picture(tmp_path / name, (40, 60)) for name in ("1.jpg", "2.jpg"))
    assert one.read_bytes() == two.read_bytes()
    picture = cv2.imread(str(one))
    assert picture is not None and picture.shape == (40, 60, 3)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_every_part_gives_its_figures(tmp_path, monkeypatch, capsys):
    weights = write_localizer(tmp_path / "bright")
    monkeypatch.setattr(localizer_speed, "SMALL", (32, 32))
    monkeypatch.setattr(localizer_speed, "LARGE", {"2 megapixels": (1250, 1600)})
    monkeypatch.setattr(localizer_speed, "STARTS", 1)
    monkeypatch.setattr(localizer_speed, "REPEATS", 2)
    monkeypatch.setattr(sys, "argv", ["x", "--weights", str(weights), "--json", str(tmp_path / "out.json")])
    localizer_speed.main()
    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found["small"]) == {"1", "2"} and 20e6 < found["small"]["1"]["resident"] < 500e6
    assert 0 < found["small"]["1"]["milliseconds"] < 1000 * found["start"]["seconds"]
    assert found["large"]["2 megapixels"]["peak"] > 50e6
    assert "2 megapixels" in capsys.readouterr().out


def test_a_localizer_that_is_not_there_ends_the_measurement(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--part", "small", "--weights", str(tmp_path / "none.onnx")])
    with pytest.raises(SystemExit, match="There is no localizer"):
        localizer_speed.main()
