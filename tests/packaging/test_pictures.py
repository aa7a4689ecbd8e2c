"""No picture that may not be redistributed is in the repository."""

import hashlib
import subprocess
from pathlib import Path

import pytest

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff"}


def committed(repository: Path) -> list[Path]:
    """Every picture that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        timeout=60,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    paths = (repository / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.suffix.lower() in PICTURES and path.is_file()]


def test_every_picture_is_ours_to_ship(repository, shared_data):
    ours = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in committed(repository)}
    free = shared_data / "free_pictures"
    for path in shared_data.rglob("*"):
        if path.is_file() and not path.is_relative_to(free):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert digest not in ours, f"{ours.get(digest)} is {path.relative_to(shared_data)}"
