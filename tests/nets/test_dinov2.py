"""DINOv2 as a backbone: what it gives of a picture, and that nothing is fetched or believed unasked."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra dinov2")
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import Dinov2Config, Dinov2Model

from webiml.errors import SettingError, WebimlError
from webiml.nets import dinov2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a DINOv2 of random weights: 2 layers, 16 channels."""
    folder = tmp_path_factory.mktemp("dinov2")
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder)
    return folder


def test_every_place_of_14_pixels_gets_a_unit_vector(tiny):
    picture = np.random.default_rng(1).random((1, 3, 42, 70), dtype=np.float32)
    found = dinov2.describer(tiny)(picture)
    assert found.shape == (1, 16, 3, 5) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    assert np.abs(found - dinov2.describer(tiny)(1 - picture)).max() > 0.1


@pytest.fixture
def hub(tiny, monkeypatch):
    """The Hub's cache holds the tiny network in place of every size; the last call is remembered."""
    import huggingface_hub

    called = {}

    def snapshot_download(repository, **how):
        called.update(how, repository=repository)
        return str(tiny)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return called


def test_only_what_was_published_is_believed(tiny, hub, monkeypatch):
    with pytest.raises(WebimlError, match="not those that were published"):
        dinov2.fetch("dinov2-small")
    digest = hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    published = {"dinov2-small": replace(dinov2.PUBLISHED["dinov2-small"], sha256=digest)}
    monkeypatch.setattr(dinov2, "PUBLISHED", published)
    assert dinov2.fetch("dinov2-small") == tiny
    assert hub["local_files_only"] is True and hub["revision"] == published["dinov2-small"].revision
    dinov2.fetch("dinov2-small", download=True)
    assert hub["local_files_only"] is False


def test_what_is_not_there_is_one_sentence(monkeypatch):
    import huggingface_hub

    def nothing(repository, **how):
        raise LocalEntryNotFoundError("no such thing")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", nothing)
    with pytest.raises(SettingError, match="webiml fetch dinov2-base"):
        dinov2.fetch("dinov2-base")
    with pytest.raises(WebimlError, match="cannot be reached"):
        dinov2.fetch("dinov2-base", download=True)


def test_every_size_is_pinned():
    for size in dinov2.PUBLISHED.values():
        assert len(size.revision) == 40 and len(size.sha256) == 64 and size.repository.startswith("facebook/dinov2-")
