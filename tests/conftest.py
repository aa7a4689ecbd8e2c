"""What all tests share: the hypothesis profiles and where the repository lies."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# No deadline: on a busy machine it measures the neighbours. Fixed examples where a failure would block somebody else.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=25, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach what tests start: a process of pytest-xdist ignores it, and its children would, too."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[dict[str, str]]:
    from tests.s3_server import s3_server

    with s3_server() as environment:
        yield environment


@pytest.fixture
def s3(_s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The address of an empty bucket of a real S3-compatible server; the environment says where it is."""
    import hashlib

    import fsspec

    for name, value in _s3_server.items():
        monkeypatch.setenv(name, value)
    bucket = f"test-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data(repository: Path) -> Path:
    """Data that may be looked at but not redistributed; it lies beside the checkout on some machines only."""
    data = repository.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the shared data does not lie beside this checkout")
    return data


@pytest.fixture(scope="session")
def picture(repository: Path) -> Callable[[str, int], np.ndarray]:
    """`picture(name, width)`: one of examples/pictures as (H, W, 3) uint8 RGB, made smaller to this width in pixels."""
    import cv2

    def load(name: str, width: int) -> np.ndarray:
        bgr = cv2.imread(str(repository / "examples" / "pictures" / f"{name}.jpg"))
        assert bgr is not None, name
        size = (width, round(bgr.shape[0] * width / bgr.shape[1]))
        return np.ascontiguousarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)[..., ::-1])

    return load


@pytest.fixture(scope="session")
def small_pictures(picture: Callable[[str, int], np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the pictures of examples/pictures, each 260 pixels wide: pairs forged from them are made sooner."""
    import cv2

    folder = tmp_path_factory.mktemp("small") / "pictures"
    folder.mkdir()
    for name in ("boards", "canyon", "cat", "coffee", "dandelion", "earth-orbit", "pier", "rocket"):
        cv2.imwrite(str(folder / f"{name}.jpg"), picture(name, 260)[..., ::-1])
    return folder
