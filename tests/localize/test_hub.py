"""Localizers by name: what is found where, and that nothing is fetched or guessed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from webiml import Localizer
from webiml.errors import SettingError, WebimlError
from webiml.localize import hub
from webiml.nets import weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "somebody/tiny-localizer"


def test_a_file_and_the_folder_that_holds_it_are_the_same(tiny, monkeypatch):
    monkeypatch.chdir(tiny.parent)
    names = [tiny, str(tiny), tiny.parent, str(tiny.parent), Path("tiny.onnx"), "tiny.onnx", "./tiny.onnx", "."]
    digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert {Localizer.load(name, threads=1).digest for name in names} == {digest}
    assert hub.find(tiny).name == "tiny" and hub.find(tiny.parent).name == tiny.parent.name


def test_a_name_that_ships_goes_before_a_folder_of_that_name(write_localizer, tmp_path, monkeypatch):
    write_localizer(tmp_path / "pair-classifier", "own")
    monkeypatch.chdir(tmp_path)
    for said in ("pair-classifier", "pair_classifier"):
        assert hub.find(said) == hub.Place("pair-classifier", "pair_classifier")
    assert hub.find("./pair-classifier").stem == hub.find(Path("pair-classifier")).stem == "own"


def test_localizers_that_ship_are_told_by_their_cards(tmp_path, write_localizer, monkeypatch):
    write_localizer(tmp_path, "one_localizer")
    write_localizer(tmp_path, "other_net", kind="other")
    monkeypatch.setattr(weights, "_shipped", lambda: tmp_path)
    weights.card.cache_clear()
    assert hub.shipped_names() == ["one-localizer"]
    with pytest.raises(SettingError, match=r"no localizer webiml; give one that ships \(one-localizer\)"):
        hub.find("webiml")
    weights.card.cache_clear()


def test_a_folder_holds_exactly_one(write_localizer, tmp_path):
    with pytest.raises(SettingError, match=r"holds no \.onnx file"):
        hub.find(tmp_path)
    write_localizer(tmp_path, "one")
    write_localizer(tmp_path, "two")
    with pytest.raises(SettingError, match=r"holds 2 \.onnx files \(one, two\); name one of them"):
        hub.find(tmp_path)
    assert Localizer.load(tmp_path / "two.onnx").name == "two"


def test_a_file_without_its_card_is_one_sentence(write_localizer, tmp_path):
    path = write_localizer(tmp_path, "alone")
    path.with_suffix(".json").unlink()
    with pytest.raises(WebimlError, match=r"alone\.json is missing in"):
        Localizer.load(path)


@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("web-iml-2", {}, "no localizer web-iml-2"),
        ("none.onnx", {}, r"no localizer none\.onnx"),
        ("a/b/c", {}, "no localizer a/b/c"),
        (Path("owner/repository"), {}, "no localizer owner"),  # a path is never an address
        ("https://huggingface.co/owner/repository", {}, "no localizer https"),
        ("../owner", {}, r"no localizer \.\./owner"),
        ("owner/repository", {}, "40 hex digits as revision, got none"),
        ("owner/repository", {"revision": "main", "download": True}, "got main"),
        ("owner/repository", {"revision": COMMIT[:12]}, "got 0123456789ab"),
        ("dass", {"revision": COMMIT}, "dass lies on this machine"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(name, how, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=says):
        Localizer.load(name, **how)


def test_a_checkpoint_is_exported_first(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"")
    with pytest.raises(SettingError, match=r"best\.safetensors is no \.onnx file; `webiml export` makes one"):
        Localizer.load(tmp_path / "best.safetensors")


# ---------------------------------------------------------------- the Hub


def cache(home: Path, model: Path) -> None:
    """Lay a localizer into HF_HOME as huggingface_hub does: blobs by hash, and links to them below the commit."""
    repository = home / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot, blobs = repository / "snapshots" / COMMIT, repository / "blobs"
    for folder in (snapshot, blobs, repository / "refs"):
        folder.mkdir(parents=True)
    for file in (model, model.with_suffix(".json")):
        blob = blobs / hashlib.sha256(file.read_bytes()).hexdigest()
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    (repository / "refs" / "main").write_text(COMMIT)


def test_a_commit_in_the_cache_is_used_without_a_network(tiny, tmp_path):
    cache(tmp_path, tiny)
    code = f"""
import socket
def refuse(*_, **__): raise AssertionError("a network was used")
socket.socket.connect = socket.getaddrinfo = refuse
from webiml import Localizer, SettingError
print(Localizer.load({REPOSITORY!r}, revision={COMMIT!r}).digest)
try: Localizer.load({REPOSITORY!r}, revision={COMMIT[::-1]!r})
except SettingError as error: print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env=os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")},
    )  # fmt: skip
    digest, refused = done.stdout.splitlines()
    assert digest == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert "is not on this machine, and nothing is downloaded unless asked" in refused


def test_only_networks_and_cards_of_the_pinned_commit_are_taken(tiny, monkeypatch):
    called = {}

    def snapshot_download(repository, **how):
        called.update(how, repository=repository)
        return str(tiny.parent)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert Localizer.load(REPOSITORY, revision=COMMIT, download=True).name == REPOSITORY
    assert called == {
        "repository": REPOSITORY,
        "revision": COMMIT,
        "allow_patterns": ["*.onnx", "*.json", "*.data.parquet"],
        "local_files_only": False,
    }
    Localizer.load(REPOSITORY, revision=COMMIT)
    assert called["local_files_only"] is True


@pytest.mark.parametrize(
    ("raised", "says"),
    [(LocalEntryNotFoundError("nothing"), "cannot be reached"), (OSError("404 Client Error"), "404 Client Error")],
)
def test_what_the_hub_refuses_is_one_sentence(raised, says, monkeypatch):
    def refuse(*_, **__):
        raise raised

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(WebimlError, match=says):
        Localizer.load(REPOSITORY, revision=COMMIT, download=True)


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"pip install 'webiml\[hub\]'"):
        Localizer.load(REPOSITORY, revision=COMMIT)
