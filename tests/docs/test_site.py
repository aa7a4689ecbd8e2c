"""The documentation builds without a warning, and its pictures are all there and all used."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "trees", "docs", tmp_path / "html"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "data.html").read_text("utf-8")
    assert "kind_confidence" in page and "worker_died" in page and "{reference}" not in page
    assert "--max-megapixels" in page  # with two dashes, to be copied


def test_every_link_to_a_file_leads_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            if not target.startswith("https://"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_picture_is_shown_somewhere():
    text = "".join(page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md"))
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert f"pictures/{picture.name}" in text


def test_the_steps_can_still_be_drawn():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        draw = importlib.import_module("make_pictures")
    committed = {path.stem for path in (ROOT / "docs" / "pictures").glob("*.jpg")}
    spg, sdg = (draw.annotate(key) for key in (draw.SPG, draw.SDG))
    committed -= {"factor-crop", "factor-watermark"}  # drawn by benchmarks/one_factor.py --worst
    assert committed == {"result", "examples", "qes"} | draw.spg_steps(spg).keys() | draw.sdg_steps(sdg).keys()
