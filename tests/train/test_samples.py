"""Samples on disk: made once, the same whatever the workers, resumed after a kill, refused when they are others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from webiml.errors import OutputError, SettingError, WebimlError
from webiml.train.samples import list_samples, prepare, read

HERE = Path(__file__).parent
KEYS = [str(n) for n in range(6)]


@pytest.fixture(scope="module", autouse=True)
def makers():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        import sample_makers

        yield sample_makers


def test_what_is_read_is_what_was_made(makers, tmp_path):
    assert prepare(makers.square, KEYS, tmp_path / "a", {"seed": 1}, quiet=True) == KEYS
    sample = read(tmp_path / "a", "4")
    assert sorted(sample) == ["mask", "n", "stack"]
    assert sample["n"] == 4
    assert sample["stack"].dtype == np.float32 and np.array_equal(sample["stack"], np.full((2, 3, 4), 4))
    assert sample["mask"].dtype == bool and np.array_equal(sample["mask"], np.eye(3) > 0)
    assert list_samples(tmp_path / "a", {"seed": 1}) == KEYS


def test_a_second_call_makes_only_what_is_missing(makers, tmp_path, monkeypatch):
    count = tmp_path / "count"
    monkeypatch.setenv("WEBIML_TEST_COUNT", str(count))
    prepare(makers.counted, KEYS[:4], tmp_path / "a", {}, quiet=True)
    (tmp_path / "a" / "2.safetensors").unlink()
    assert prepare(makers.counted, KEYS, tmp_path / "a", {}, quiet=True) == KEYS
    assert count.read_text().split() == ["0", "1", "2", "3", "2", "4", "5"]


def test_bytes_do_not_depend_on_workers_nor_on_a_kill(makers, tmp_path):
    prepare(makers.slow, KEYS, tmp_path / "one", {"seed": 1}, quiet=True)
    prepare(makers.slow, KEYS, tmp_path / "two", {"seed": 1}, workers=2, quiet=True)
    code = (
        "import sample_makers as m; from webiml.train.samples import prepare; from pathlib import Path\n"
        f"if __name__ == '__main__': prepare(m.slow, {KEYS}, Path({str(tmp_path / 'cut')!r}), {{'seed': 1}})"
    )
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(HERE)}) as process:
        limit = time.monotonic() + 60
        while not list((tmp_path / "cut").glob("*.safetensors")) and time.monotonic() < limit:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert 0 < len(list((tmp_path / "cut").glob("*.safetensors"))) < len(KEYS)
    with pytest.raises(SettingError, match="no finished samples"):
        list_samples(tmp_path / "cut")
    prepare(makers.slow, KEYS, tmp_path / "cut", {"seed": 1}, quiet=True)
    contents = [{p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two", "cut")]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == len(KEYS) + 1


def test_other_settings_are_refused_by_name(makers, tmp_path):
    prepare(makers.square, KEYS[:1], tmp_path, {"seed": 1, "size": 2}, quiet=True)
    with pytest.raises(SettingError, match=r"another seed;"):
        prepare(makers.square, KEYS, tmp_path, {"seed": 2, "size": 2}, quiet=True)
    with pytest.raises(SettingError, match=r"another grid;"):
        list_samples(tmp_path, {"seed": 1, "size": 2, "grid": 1})


def test_a_key_without_a_sample_costs_only_itself(makers, tmp_path):
    assert prepare(makers.odd_only, KEYS, tmp_path / "odd", {}, quiet=True) == ["1", "3", "5"]
    assert prepare(makers.fails_at_three, KEYS, tmp_path / "a", {}, quiet=True) == ["0", "1", "2", "4", "5"]
    assert json.loads((tmp_path / "a" / "samples.json").read_text())["without"] == {"3": "ValueError: three is no good"}
    assert list_samples(tmp_path / "a") == ["0", "1", "2", "4", "5"]


def test_a_maker_that_always_fails_ends_the_work_in_a_sentence(makers, tmp_path):
    with pytest.raises(WebimlError, match="No sample can be made: ValueError: nothing works"):
        prepare(makers.fails, [str(n) for n in range(500)], tmp_path, {}, quiet=True)


@pytest.mark.parametrize("keys", [["../a"], ["a/b"], [""], ["a", "a"]])
def test_keys_must_be_names_of_their_own(makers, tmp_path, keys):
    with pytest.raises(SettingError):
        prepare(makers.square, keys, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_an_output_error(makers, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        prepare(makers.square, KEYS, tmp_path / "file" / "out", {})
