"""What the README and the documentation tell a reader to type does run, from the root of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ANNOTATE = "webiml annotate examples/pairs --out dataset\n"  # what most pages begin with
PAIRS = ("cat-over-the-lake", "dandelion-again", "no-diving")  # kept and not kept: enough for any page
SHARE = 0.6  # of their sides: they are kept or not as the whole pictures are, in half the time
WHOLE = ("forge.md",)  # says in pixels where something lies
BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>python|sh)\n(?P<code>.*?)^```$", re.M | re.S)
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(path.read_text("utf-8"))
]


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, code and the mark in the comment above, for each block of a page."""
    return [(b["language"], b["code"], b["mark"] or "") for b in BLOCK.finditer(page.read_text("utf-8"))]


def run(language: str, code: str, folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", code] if language == "python" else ["sh", "-ec", code]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ANNOTATE has run once: pages that begin with it go on from its dataset, as the command does, in no time."""
    folder = tmp_path_factory.mktemp("annotated")
    copy_pairs(folder)
    run("sh", ANNOTATE, folder)
    return folder


def copy_pairs(folder: Path, share: float = SHARE) -> None:
    for key in PAIRS:
        there = folder / "examples" / "pairs" / key
        shutil.copytree(ROOT / "examples" / "pairs" / key, there)
        for path in (path for path in there.iterdir() if share < 1 and path.suffix in (".jpg", ".png")):
            with Image.open(path) as whole:
                how = Image.Resampling.NEAREST if path.suffix == ".png" else Image.Resampling.LANCZOS  # .png: a mask
                smaller = whole.resize((round(whole.width * share), round(whole.height * share)), how)
            smaller.save(path, quality=95)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_that_could_run_is_tested_or_says_why_not(page):
    for language, code, mark in blocks(page):
        if language == "python" or "webiml" in code:
            assert mark.startswith(("tested", "not tested: ")), code


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(mark.startswith("tested") for *_, mark in blocks(page))],
    ids=lambda page: page.name,
)
def test_the_blocks_of_a_page_run_in_order(page, tmp_path, annotated):
    copy_pairs(tmp_path, 1 if page.name in WHOLE else SHARE)
    before = {mark.partition("after ")[2] for *_, mark in blocks(page) if mark.startswith("tested: after ")}
    if before or any(ANNOTATE in code and mark.startswith("tested") for _, code, mark in blocks(page)):
        shutil.copytree(annotated / "dataset", tmp_path / "dataset")
    for earlier in sorted(before):
        language, code, _ = next(block for block in blocks(ROOT / "docs" / earlier) if block[2] == "tested")
        run(language, code, tmp_path)
    for language, code, mark in blocks(page):
        if mark.startswith("tested"):
            run(language, code, tmp_path)
