"""Typefaces: where they come from, and that they have the letters that are written with."""

import sys

import pytest

from webiml.errors import SettingError
from webiml.forge.document.content import LETTERS, plain
from webiml.forge.document.fonts import FAMILIES, Face, check_installed, families, font
from webiml.forge.document.page import Words, ink_of


def drawn(letter: str, face: Face) -> bytes:
    return ink_of(Words(letter, 0.0, 0.0, 8.0, face, (0, 0, 0), "text"))[0].tobytes()


def test_no_family_is_in_both_splits():
    names = {split: {family.name for family in families(split)} for split in ("train", "val")}
    assert names == {split: set(FAMILIES[split]) for split in names}
    assert not names["train"] & names["val"]
    files = [{face.path for f in families(split) for face in (f.regular, f.bold, f.italic)} for split in names]
    assert not files[0] & files[1]


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_face_has_every_letter(split):
    for family in families(split):
        for face in (family.regular, family.bold, family.italic):
            box = drawn("\U000f1234", face)  # in no face: the sign for a missing letter
            assert [one for one in LETTERS.strip() if drawn(one, face) == box] == [], face


def test_sizes_are_rounded():
    face = families("train")[0].regular
    assert font(face, 40.4) is font(face, 40)


@pytest.mark.parametrize(
    ("packages", "sentence"),
    [
        (("font_lato",), "--domain document needs font-lato, which is not installed: pip install 'webiml[documents]'"),
        (("font_lato", "faker"), "needs font-lato, faker, which are not installed: pip install 'webiml[documents]'"),
    ],
)
def test_a_missing_package_is_named(packages, sentence, monkeypatch):
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)  # how Python marks a package that cannot be imported
    families.cache_clear()
    with pytest.raises(SettingError) as error:
        families("train")
    assert str(error.value).endswith(sentence)
    check_installed("numpy")


@pytest.mark.parametrize(
    ("text", "want"),
    [("Łódź\n ul. Długa 3", "ódz ul. Duga 3"), ("Ștefan²", "Stefan2"), ("Åse Müller, 3 €", "Åse Müller, 3 €")],
)
def test_letters_that_a_face_may_lack_are_written_plainly(text, want):
    assert plain(text) == want
