"""The yardstick of scoring: real processes, a few small pictures, every figure there."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import evaluate_speed  # pyright: ignore[reportMissingImports]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_speed_memory_and_the_ratio_are_measured_in_one_run(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    sizes = ["--count", "4", "--few", "2", "--side", "64", "--usual", "2", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["x", *sizes, "--json", str(out)])
    monkeypatch.setattr(evaluate_speed, "DISTINCT", 3)
    evaluate_speed.main()
    found = json.loads(out.read_text())
    assert found["ratio"] == pytest.approx(found["usual_seconds_a_picture"] / found["our_seconds_a_picture"])
    assert found["many"]["pictures"] == 4 and 20 < found["many"]["main_mb"] < 400
    assert 20 < found["many"]["worker_mb"] < 400
    assert 0.5 < found["many"]["f1"] < 1  # the maps are right in part
    assert "times as long" in capsys.readouterr().out
