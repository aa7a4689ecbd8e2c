"""What tests of training share: samples that are made in the process of the tests."""

from collections.abc import Iterator

import pytest
from tests.benchmarks.in_this_process import one_by_one


@pytest.fixture(scope="module")
def samples_here() -> Iterator[None]:
    """No worker makes samples: one takes longer to start than the few samples of a test to make."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("webiml.train.samples", "webiml.train.forged"):
            patch.setattr(f"{module}.run_ordered", one_by_one)
        yield
