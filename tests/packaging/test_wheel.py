"""The wheel, built and installed into an empty environment, does the main job."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def run(*command: str | Path, **options) -> str:
    left_out = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=600, env=environment, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, repository)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_carries_all_that_the_package_needs_and_no_more(wheel, repository):
    names = set(zipfile.ZipFile(wheel).namelist())
    source = repository / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "webiml").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"webiml/py.typed", "webiml/report/templates/report.html.j2", "webiml/report/templates/report.css"} <= wanted
    assert wanted == {name for name in names if ".dist-info/" not in name}
    assert any(name.endswith("LICENSE") for name in names)


def test_the_installed_command_annotates_a_pair_and_localizes_a_picture(wheel, repository, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    run(  # what is imported is compiled then; most of what is installed never is
        *(sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--no-compile", "--quiet"),
        *("--disable-pip-version-check", "--constraint", repository / "constraints.txt", wheel),
    )
    pair = next(iter(sorted((repository / "examples" / "pairs").glob("*/0.jpg"))), None)
    if pair:
        pictures = [pair, pair.with_name("1.jpg")]
    else:
        pictures = [tmp_path / "authentic.png", tmp_path / "manipulated.png"]
        rgb = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
        for path in pictures:
            Image.fromarray(rgb).save(path)
    dataset = tmp_path / "dataset"
    summary = json.loads(run(scripts / "webiml", "annotate", *pictures, "--out", dataset, "--json", cwd=tmp_path))
    assert summary["inputs"] == 1 and summary["failed"] == 0
    for name in ("annotations.parquet", "report.html"):
        assert (dataset / name).is_file()
    stored = sorted(path.read_bytes() for side in ("authentic", "manipulated") for path in (dataset / side).iterdir())
    assert stored == sorted(path.read_bytes() for path in pictures)

    row = json.loads(run(scripts / "webiml", "localize", pictures[1], "--json", cwd=tmp_path))
    assert row["status"] == "localized" and 0 <= row["score"] <= 1
