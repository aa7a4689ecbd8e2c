"""Packs, folders and files as one sorted list of pictures."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from webiml.errors import BadImage, SettingError
from webiml.forge.pictures import list_pictures, read_picture, survey_pictures
from webiml.images.hashing import perceptual_hash


def test_only_rows_of_the_split_that_may_be_used(pack):
    assert [one.key for one in list_pictures([pack], split="train", only_shippable=True)] == [f"p{i}" for i in range(5)]
    assert [one.key for one in list_pictures([pack], split="val")] == ["p6", "p7"]


def test_pack_carries_licence_author_and_scene(pack):
    pictures = list_pictures([pack])
    assert pictures[1].license == "CC-BY-SA-4.0" and pictures[1].author == "a1"
    assert pictures[2].scene == pictures[3].scene and pictures[1].scene != pictures[2].scene


def test_picture_and_labels_have_one_size(pack):
    rgb, labels = read_picture(list_pictures([pack])[0])
    assert rgb.shape == (240, 320, 3) and rgb.dtype == np.uint8
    assert labels is not None and labels.shape == (240, 320) and labels.sum() == 80 * 100


def test_folder_lists_pictures_says_what_it_skips_and_reads_its_table(folder):
    pictures, skipped = survey_pictures([folder])
    assert sorted(one.source for one in pictures) == ["f1.png", "f2.png", "f3.png", "more/deep.jpg", "my camera"]
    assert [(one.name, one.problem.reason) for one in skipped] == [("broken.jpg", "truncated")]
    known = next(one for one in pictures if one.source == "my camera")
    assert (known.license, known.author) == ("CC-BY-4.0", "Ada")
    labels = read_picture(next(one for one in pictures if one.source == "f1.png"))[1]
    assert labels is not None and labels[150, 90] == 3


def test_same_keys_get_different_names_and_same_bytes_are_one_scene(folder, tmp_path):
    shutil.copy(folder / "f0.png", tmp_path / "f0.png")
    pictures = list_pictures([folder, tmp_path])
    twins = [one for one in pictures if one.key.startswith("f0")]
    assert len({one.key for one in pictures}) == len(pictures) == 6
    assert len(twins) == 2 and twins[0].scene == twins[1].scene


def test_perceptual_hash_is_near_for_near_pictures(pack):
    pictures = list_pictures([pack])
    one, other = (read_picture(pictures[i])[0] for i in (0, 1))
    darker = (one * 0.8).astype(np.uint8)

    def distance(a: np.ndarray, b: np.ndarray) -> int:
        return bin(int(perceptual_hash(a), 16) ^ int(perceptual_hash(b), 16)).count("1")

    assert len(perceptual_hash(one)) == 16
    assert distance(one, darker) <= 4 < 16 <= distance(one, other)


def test_perceptual_hash_agrees_with_the_packs_at_hand(shared_data):
    pictures = list_pictures([shared_data / "train_pack"], split="val")[:6]
    for one in pictures:
        ours = perceptual_hash(read_picture(one)[0])
        assert bin(int(ours, 16) ^ int(one.phash, 16)).count("1") <= 6


def test_missing_path_empty_folder_and_odd_index_are_sentences(tmp_path, pack):
    with pytest.raises(SettingError, match="does not exist"):
        list_pictures([tmp_path / "none"])
    with pytest.raises(SettingError, match="no usable picture"):
        list_pictures([tmp_path])
    odd = Path(shutil.copytree(pack, tmp_path / "odd"))
    table = pq.read_table(odd / "index.parquet")
    pq.write_table(
        table.set_column(table.schema.get_field_index("tar"), "tar", [["../../x.tar"] * 8]), odd / "index.parquet"
    )
    with pytest.raises(SettingError, match="outside of the pack"):
        list_pictures([odd])


def test_a_picture_that_changed_is_refused(folder, tmp_path):
    path = tmp_path / "one.png"
    shutil.copy(folder / "f0.png", path)
    (picture,) = list_pictures([path])
    shutil.copy(folder / "more" / "deep.jpg", path)
    read_picture(picture)  # same size: still a picture
    path.write_bytes(b"")
    with pytest.raises(BadImage):
        read_picture(picture)
