"""Pages to learn from: parts that show an edit, whole ones to validate with, a table and a card without pictures."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from webiml.errors import SettingError
from webiml.forge.document.forgery import forge_document
from webiml.forge.pictures import Place, SourcePicture
from webiml.nets.localizer import Deployed
from webiml.settings import ForgeSettings, TrainSettings
from webiml.train.data_table import data_digest, read_data_table, write_data_table
from webiml.train.documents import SIZES, WINDOW, TrainingPage, window
from webiml.train.export import card_text
from webiml.train.localizer_calibration import calibration
from webiml.train.samples import list_samples, read
from webiml.train.web_iml import VALIDATION_PICTURES, WebImlTask, prepare_pictures

MIX = "document=0.5,page=0.5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, samples_here):
    folder = tmp_path_factory.mktemp("pages")
    prepare_pictures([], folder, pictures=4, mix=MIX, seed=1, workers=1, quiet=True)
    return folder


def test_a_window_shows_the_edit_wherever_it_lies():
    places = set()
    for seed in range(60):
        mask = np.zeros((700, 300), bool)
        mask[690:695, 20:30] = True
        rows, columns = window(mask, 200, np.random.default_rng(seed))
        assert mask[rows, columns].any() and mask[rows, columns].shape == (200, 200)
        places.add((rows.start, columns.start))
    assert len({y for y, _ in places}) == 10  # at the lower end it can only lie at 491 to 500
    assert max(x for _, x in places) > 20 and {y for y, _ in places} == set(range(491, 501))


def test_a_window_of_a_small_or_untouched_page_is_a_part_of_it():
    mask = np.zeros((150, 400), bool)
    starts = {window(mask, 200, np.random.default_rng(seed))[1].start for seed in range(60)}
    assert window(mask, 200, np.random.default_rng(0))[0] == slice(0, 200)
    assert len(starts) > 20 and min(starts) >= 0 and max(starts) <= 200


def test_pages_become_samples_without_any_picture(folder):
    for origin in ("document", "page"):
        assert len(list_samples(folder / origin / "train")) == 2
        assert len(list_samples(folder / origin / "val")) == 4
        for key in list_samples(folder / origin / "train"):
            made = read(folder / origin / "train", key)
            assert made["picture"].dtype == np.uint8 and made["picture"].shape[1:] == made["mask"].shape
            assert max(made["mask"].shape) <= WINDOW and set(np.unique(made["mask"])) <= {0, 255}
            assert made["mask"].any() == (origin == "document")
    assert not (folder / "objects").exists()


def test_a_page_is_validated_with_as_a_whole(folder):
    longest = [max(read(folder / "document" / "val", f"val-{i:05d}")["mask"].shape) for i in range(4)]
    assert set(longest) - {WINDOW} and max(longest) <= 1.1 * max(SIZES)


def test_a_page_is_the_one_of_its_key_and_split():
    make = TrainingPage("train", 1)
    one, again, other = make("a"), make("a"), make("b")
    assert one is not None and again is not None and other is not None
    assert np.array_equal(one["picture"], again["picture"]) and np.array_equal(one["mask"], again["mask"])
    assert one["picture"].shape != other["picture"].shape or (one["picture"] != other["picture"]).any()
    assert make.settings != replace(make, split="val").settings != replace(make, split="val", origin="page").settings


def test_its_mask_is_that_of_the_forgery():
    seed = 3
    digest = hashlib.sha256(f"{seed}/document/val-0/page".encode()).digest()
    size = int(np.random.default_rng(np.frombuffer(digest, np.uint64)).choice(SIZES, p=(0.2, 0.3, 0.35, 0.15)))
    pair = forge_document("document-val-0", ForgeSettings(seed=seed, size=size, domain="document"), "val")
    made = TrainingPage("val", seed)("val-0")
    assert made is not None
    assert np.array_equal(made["picture"].transpose(1, 2, 0), pair.manipulated)
    assert np.array_equal(made["mask"] == 255, pair.mask)


def test_photographs_without_images_are_refused_before_any_work(tmp_path):
    with pytest.raises(SettingError, match="made of --images"):
        prepare_pictures([], tmp_path / "s", pictures=4, mix="document,forged", seed=1, workers=1, quiet=True)
    assert not (tmp_path / "s").exists()


def test_a_localizer_learns_from_pages_and_is_validated_and_calibrated_with_others(folder):
    net = lambda: torch.nn.Conv2d(3, 1, 1)  # noqa: E731 (one line says it)
    task = WebImlTask(TrainSettings(steps=1, batch=1, size=64, warmup=0), folder, mix=MIX, net=net)
    assert task.sample(0)["picture"].shape == (3, 64, 64)
    assert {origin: len(keys) for origin, keys in task.validation.items()} == {"document": 4, "page": 4}
    scores, _ = task.validate(task.net.eval())
    assert 0 <= scores["flagged"] <= 1 and 0 <= scores["auc"] <= 1
    noted = calibration(Deployed(task.net).eval(), folder)["calibration"]
    assert noted["pictures"] == 8 and list(VALIDATION_PICTURES)[:3] == ["forged", "jittered", "authentic"]


# ---------------------------------------------------------------- the table of pictures


def test_a_table_may_be_empty_and_takes_up_that_of_a_start(tmp_path):
    path = tmp_path / "data.parquet"
    assert write_data_table([], path) == hashlib.sha256(b"").hexdigest()[:16]
    assert read_data_table(path).num_rows == 0
    row = SourcePicture("b", "a", "CC0-1.0", "somebody", "a camera", "b" * 64, "00ff", 64, 64, Place(path, 0, 1))
    first = replace(row, key="a", sha256="a" * 64)
    write_data_table([row, first], path)
    before = read_data_table(path)
    assert write_data_table([], path, before) == data_digest(before)
    assert read_data_table(path).equals(before)
    write_data_table([replace(row, key="c"), replace(row, key="d", sha256="d" * 64)], path, before)
    assert read_data_table(path)["key"].to_pylist() == ["a", "c", "d"]  # b is the picture of c


def test_the_card_says_that_pages_were_rendered():
    card = {
        "name": "own", "about": "A.", "inputs": {}, "output": "o", "parameters": 1, "bytes": 1, "stored": "float16",
        "limits": [], "pictures": 0, "licenses": {}, "onnx_sha256": "x", "largest_difference": 0.0, "rounding": 0.0,
        "checkpoint_sha256": "y", "rendered": {"document": 1440, "page": 360},
    }  # fmt: skip
    text = card_text(json.loads(json.dumps(card)))
    assert "And 1,800 pages that were rendered for it (1,440 forged, 360 untouched)" in text
    assert "validation (rendered pages of typefaces and layouts held out, averaged" in text
    assert "the packs' val split and rendered pages" in card_text(card | {"pictures": 3})
    assert "rendered" not in card_text({key: value for key, value in card.items() if key != "rendered"})
