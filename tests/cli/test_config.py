"""Settings from YAML: known keys, right types, flags win."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webiml.cli import main
from webiml.cli.config import MAX_BYTES, read_config
from webiml.errors import SettingError
from webiml.settings import AnnotateRun, AnnotatorSettings


def read(path: Path) -> dict:
    return read_config(path, AnnotatorSettings, AnnotateRun)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("min_qes: 0.6", {"min_qes": 0.6}),
        ("min-qes: 1", {"min_qes": 1}),
        ("workers: 3\nformat: shards\npictures: no\n", {"workers": 3, "format": "shards", "pictures": False}),
    ],
    ids=["empty", "comment", "underscore", "hyphen", "three"],
)
def test_read(text, want, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    assert read(path) == want


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min_qse: 0.6", ["min_qse", "Did you mean min_qes"]),
        ("colour: red", ["colour", "Known: method"]),
        ("out: there", ["out"]),
        ("min_qes: high", ["min_qes", "a number", "high"]),
        ("min_qes: true", ["min_qes", "a number"]),
        ("workers: 2.5", ["workers", "a whole number"]),
        ("workers: true", ["workers", "a whole number"]),
        ("strict: 1", ["strict", "true or false"]),
        ("format: shrads", ["format", "folder, shards", "Did you mean shards"]),
        ("format: [shards]", ["format", "folder, shards"]),
        ("min_qes: 0.6\nmin-qes: 0.7", ["min_qes", "twice"]),
        ("- min_qes", ["list"]),
        ("0.5", ["float"]),
        ("a: [1", ["not readable YAML"]),
        ("when: 2026-13-45", ["not readable YAML"]),
        ("!!python/object/apply:os.system ['true']", ["not readable YAML"]),
        ("\x00", ["not readable YAML"]),
        ("[" * 1000, ["not readable YAML"]),
        ("x" * (MAX_BYTES + 1), ["larger than 64 kB"]),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_refuse(text, words, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(SettingError) as caught:
        read(path)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert str(path) in message
    assert len(message) < 600


def test_refuse_what_is_no_file(tmp_path):
    with pytest.raises(SettingError, match="cannot be read"):
        read(tmp_path / "missing.yaml")
    with pytest.raises(SettingError, match="cannot be read"):
        read(tmp_path)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "min_qes": st.floats(0, 1),
            "max_megapixels": st.floats(0.001, 10_000) | st.integers(1, 10_000),
            "workers": st.integers(0, 256),
            "strict": st.booleans(),
            "format": st.sampled_from(["folder", "shards"]),
        },
    )
)
def test_what_yaml_writes_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("config") / "settings.yaml"
    path.write_text(yaml.safe_dump(values))
    assert read(path) == values


@pytest.fixture
def parsed(pairs, tmp_path, monkeypatch):
    """The settings that a command line ends in; nothing is run."""

    def parse(*flags: str) -> tuple[AnnotatorSettings, AnnotateRun]:
        seen = []

        def stop(_pairs, _out, settings, run, *_, **__):
            seen.append((settings, run))
            raise KeyboardInterrupt

        monkeypatch.setattr("webiml.annotate.dataset.annotate_dataset", stop)
        assert main.run(["annotate", str(pairs), "--out", str(tmp_path / "dataset"), *flags]) == 130
        return seen[0]

    return parse


def test_without_a_file_the_defaults_hold(parsed):
    assert parsed() == (AnnotatorSettings(), AnnotateRun())


def test_flags_win_over_the_file_and_the_file_over_defaults(parsed, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("min_qes: 0.7\nmin-area: 0.01\nworkers: 3\npictures: false\nstrict: true\n")
    got = parsed("--config", str(path), "--min-qes", "0.8", "--no-strict", "--quiet")
    assert got == (
        AnnotatorSettings(min_qes=0.8, min_area=0.01),
        AnnotateRun(workers=3, pictures=False, strict=False, quiet=True),
    )


def test_a_range_is_checked_in_the_file_too(pairs, tmp_path, capsys):
    path = tmp_path / "settings.yaml"
    path.write_text("min_qes: 7")
    assert main.run(["annotate", str(pairs), "--out", str(tmp_path / "dataset"), "--config", str(path)]) == 2
    assert "between 0 and 1" in capsys.readouterr().err
    assert not (tmp_path / "dataset").exists()
