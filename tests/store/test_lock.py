"""Two writers of one folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from webiml.errors import OutputError, SettingError
from webiml.store.lock import only_writer


def test_the_second_writer_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    with only_writer(out, "state/lock"):
        assert (out / "state").is_dir()
        with (
            pytest.raises(SettingError, match=r"Another run is writing .*folder: wait"),
            only_writer(out, "state/lock"),
        ):
            pytest.fail("entered twice")
    with only_writer(out, "state/lock"):
        pass


def test_a_file_system_without_locks_is_told_from_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for raised, sentence in (
        (NotImplementedError("no flock"), "without locks: give another --out"),
        (PermissionError(13, "Permission denied"), "Cannot write .*permission denied.*Make it writable"),
    ):

        def refuse(*_: object, error: Exception = raised, **__: object) -> None:
            raise error

        monkeypatch.setattr(FileLock, "acquire", refuse)
        with pytest.raises(OutputError, match=sentence), only_writer(tmp_path, "lock"):
            pytest.fail("entered without a lock")
