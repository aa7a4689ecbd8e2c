"""What a run says of itself where there is no terminal."""

from __future__ import annotations

import pytest

from webiml.runners import progress
from webiml.runners.progress import Progress


@pytest.mark.parametrize(("total", "words"), [(10, "collect 5/10   fetched 5"), (0, "collect 5   fetched 5")])
def test_an_end_is_promised_only_where_the_total_is_known(capsys, monkeypatch, total, words):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with Progress("collect", total) as shown:
        shown.update(5, "fetched 5")
    said = capsys.readouterr().err
    assert said.startswith(words) and ("left" in said) == bool(total)
