"""One picture in, where it was manipulated out: whatever holds the picture, and whatever is wrong with it.

The tiny localizer says sigmoid((red - green) / 8) after a 3x3 mean, so that every answer can be worked out.
"""

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import webiml
from webiml import Localization, Localizer
from webiml.errors import BadImage, BadMap, SettingError, WebimlError
from webiml.images.codec import encode_png
from webiml.localize.localizer import to_rgb
from webiml.types import Reason


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def picture(red_left: int = 40, green_right: int = 80) -> np.ndarray:
    """40x60: the left half is red, the right half green."""
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, :30, 0], rgb[:, 30:, 1] = red_left, green_right
    return rgb


@pytest.fixture(scope="module")
def localizer(tiny) -> Localizer:
    return Localizer.load(tiny, threads=1)


def test_the_answer_has_the_pictures_size_and_is_what_the_network_says(localizer):
    found = localizer.localize(picture())
    assert isinstance(found, Localization)
    for each in (found.probability, found.confidence):
        assert each.shape == (40, 60) and each.dtype == np.float32
    assert found.probability[20, 10] == pytest.approx(sigmoid(40 / 8), abs=1e-5)
    assert found.probability[20, 50] == pytest.approx(sigmoid(-80 / 8), abs=1e-5)
    assert found.probability[20, 29] == pytest.approx(sigmoid((2 * 40 - 80) / 24), abs=1e-5)  # a third is green
    assert found.confidence[20, 50] == pytest.approx(1 - sigmoid(-10), abs=1e-5)
    assert found.score == pytest.approx(sigmoid(5), abs=1e-5) and isinstance(found.score, float)
    assert found.mask.dtype == bool and found.mask[20, 10] and not found.mask[20, 50]
    assert found.area == 0.5


@pytest.mark.parametrize(
    ("threshold", "levels"),
    [(0.5, 128), (0.3, 77), (0.25, 64), (0.4, 102), (1.0, 255)],
)
def test_a_mask_begins_at_the_level_nearest_to_its_threshold(threshold, levels):
    stored = np.arange(256, dtype=np.float32).reshape(16, 16) / 255
    found = Localization(stored, stored, 0.5, threshold)
    assert np.array_equal(found.mask.ravel(), np.arange(256) >= levels)


def test_every_way_to_give_a_picture_gives_the_same(localizer, tmp_path):
    rgb = picture()
    path = tmp_path / "a picture.png"
    path.write_bytes(encode_png(rgb))
    clear = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    palette = Image.fromarray(rgb).quantize(4)
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, ::2] = rgb
    images = [Image.fromarray(rgb), Image.fromarray(clear), palette]
    want = localizer.localize(rgb)
    for each in (path, str(path), *images, clear, wide[:, ::2], rgb[::-1][::-1]):
        found = localizer.localize(each)
        assert np.array_equal(found.probability, want.probability) and found.score == want.score


def test_grey_is_neither_red_nor_green(localizer):
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    for each in (grey, Image.fromarray(grey)):
        assert np.allclose(localizer.localize(each).probability, 0.5)


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[..., 0], rgba[:, 15:, 3] = 200, 255
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    for each in (rgba, Image.fromarray(rgba), tmp_path / "clear.png"):
        rgb = to_rgb(each)
        assert (rgb[:, :15] == 255).all() and (rgb[:, 15:] == (200, 0, 0)).all()


def test_a_file_is_turned_upright_and_an_open_picture_is_taken_as_it_lies(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(picture()).save(tmp_path / "turned.png", exif=exif)
    assert to_rgb(tmp_path / "turned.png").shape == (60, 40, 3)
    with Image.open(tmp_path / "turned.png") as opened:
        assert np.array_equal(to_rgb(opened), picture())


def test_what_is_given_is_never_changed(localizer):
    rgb = picture()
    rgb.flags.writeable = False
    localizer.localize(rgb, views=3)
    image = Image.fromarray(rgb)
    localizer.localize(image)
    assert np.array_equal(np.asarray(image), rgb)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((20, 20, 3), np.float32), "uint8, 0 to 255, got float32"),
        (np.zeros((20, 20), bool), "got bool"),
        (np.zeros((20, 20, 2), np.uint8), r"grey \(H, W\), got \(20, 20, 2\)"),
        (np.zeros((1, 20, 20, 3), np.uint8), r"got \(1, 20, 20, 3\)"),
        ([[1]], "a path, a PIL image or a uint8 array, got list"),
        (b"\x89PNG", "got bytes"),
    ],
    ids=["float", "bool", "two-channels", "batch", "list", "bytes"],
)
def test_what_is_no_picture_is_one_sentence(localizer, given, says):
    with pytest.raises(BadMap, match=says):
        localizer.localize(given)


def test_pictures_that_cannot_be_used_carry_their_reason(localizer, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    small = np.zeros((15, 40, 3), np.uint8)
    (tmp_path / "small.png").write_bytes(encode_png(small))
    reasons = {
        tmp_path / "none.jpg": Reason.NOT_FOUND,
        tmp_path: Reason.NOT_A_FILE,
        tmp_path / "text.jpg": Reason.NOT_AN_IMAGE,
        tmp_path / "cut.jpg": Reason.TRUNCATED,
        tmp_path / "small.png": Reason.TOO_SMALL,
    }
    for path, reason in reasons.items():
        with pytest.raises(BadImage) as caught:
            localizer.localize(path)
        assert caught.value.reason is reason
    for each in (small, Image.fromarray(small), small[..., 0]):
        with pytest.raises(BadImage, match="40x15 pixels"):
            localizer.localize(each)
    with Image.open(tmp_path / "cut.jpg") as opened, pytest.raises(BadImage, match="undecodable"):
        localizer.localize(opened)


# ---------------------------------------------------------------- views


class Lopsided(Localizer):
    """Believes in the upper left quarter alone, and says how often it was asked."""

    def __init__(self):
        self.threshold, self.enlargement, self.asked = 0.5, 1.0, 0

    def _run(self, rgb):
        self.asked += 1
        height, width = rgb.shape[:2]
        probability = np.full((height, width), sigmoid(-6), np.float32)
        probability[: height // 2, : width // 2] = sigmoid(6)
        return probability, np.full((height, width), sigmoid(self.asked), np.float32), sigmoid(self.asked)


@pytest.mark.parametrize(
    ("views", "upper_left", "upper_right", "lower_left", "lower_right"),
    [(1, 6, -6, -6, -6), (2, 0, 0, -6, -6), (3, -2, -2, -2, -6)],
)
def test_views_are_turned_back_and_averaged_as_log_odds(views, upper_left, upper_right, lower_left, lower_right):
    localizer = Lopsided()
    found = localizer.localize(np.zeros((20, 40, 3), np.uint8), views=views)
    assert localizer.asked == views and found.probability.dtype == np.float32
    corners = found.probability[0, 0], found.probability[0, -1], found.probability[-1, 0], found.probability[-1, -1]
    wanted = [sigmoid(x) for x in (upper_left, upper_right, lower_left, lower_right)]
    assert corners == pytest.approx(wanted, abs=1e-3)  # log-odds are kept from the ends
    asked = [1, 2, 3][:views]
    assert np.allclose(found.confidence, sigmoid(float(np.mean(asked))), atol=1e-4)
    assert found.score == pytest.approx(sigmoid(float(np.mean(asked))), abs=1e-4)


def test_a_small_picture_is_looked_at_twice_in_every_view(tiny):
    for enlargement, pixels, times in ((1.5, 400, 2), (1.0, 400, 1), (1.5, 401, 1)):
        localizer = Lopsided()
        localizer.enlargement = enlargement
        found = localizer.localize(np.zeros((pixels, 400, 3), np.uint8), views=2)
        assert localizer.asked == 2 * times and found.probability.shape == (pixels, 400)
        assert found.probability[5, 5] == pytest.approx(0.5, abs=1e-3)
    larger = Localizer.load(tiny, threads=1)
    alone = larger.localize(picture()).probability
    larger.enlargement = 3.0  # the mean of 3x3 pixels then has a third of its reach: the border is sharper
    both = larger.localize(picture()).probability
    assert np.allclose(both[20, [10, 50]], alone[20, [10, 50]], atol=1e-4) and both[20, 29] > alone[20, 29]


@pytest.mark.parametrize("views", [0, 4, 1.5])
def test_there_are_three_views(localizer, views):
    with pytest.raises(SettingError, match="1, 2 or 3"):
        localizer.localize(picture(), views=views)


# ---------------------------------------------------------------- the card


@pytest.mark.parametrize("said", [0.2, 1000, "2", None, float("nan")])
@pytest.mark.parametrize("name", ["enlargement", "threshold"])
def test_a_card_that_says_nonsense_is_refused(write_localizer, tmp_path, name, said):
    path = write_localizer(tmp_path, **{name: said})
    if (name, said) == ("threshold", 0.2):
        assert Localizer.load(path).threshold == 0.2
        return
    with pytest.raises(WebimlError, match=f"says {name} .*no number from"):
        Localizer.load(path)


def test_a_localizer_knows_its_card(tiny, localizer):
    assert localizer.name == "tiny" and localizer.threshold == 0.5 and localizer.card["kind"] == "localizer"
    assert localizer.digest == hashlib.sha256(tiny.read_bytes()).hexdigest()


def test_its_threshold_is_the_cards(write_localizer, tmp_path):
    localizer = Localizer.load(write_localizer(tmp_path, threshold=0.8))
    assert localizer.localize(picture(8)).threshold == 0.8
    assert not localizer.localize(picture(8)).mask.any()  # sigmoid(1) is 0.73
    assert localizer.localize(picture(16)).area > 0.4


def test_another_network_is_refused():
    with pytest.raises(SettingError, match="dass is a network, but not a localizer"):
        Localizer.load("dass")


def test_a_damaged_file_is_refused(write_localizer, tmp_path):
    path = write_localizer(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(WebimlError, match="damaged"):
        Localizer.load(path)


def test_a_card_that_claims_too_much_is_refused(write_localizer, tmp_path):
    model = (Path(webiml.__file__).parent / "weights" / "trunk.onnx").read_bytes()
    path = write_localizer(tmp_path, "claims", onnx_sha256=hashlib.sha256(model).hexdigest())
    path.write_bytes(model)
    with pytest.raises(WebimlError, match="does not take and give what a localizer does"):
        Localizer.load(path)


def test_no_torch_is_needed(tiny):
    code = f"""
import sys
from webiml import Localizer
import numpy as np
Localizer.load({str(tiny)!r}).localize(np.zeros((16, 16, 3), np.uint8))
sys.exit(bool({{"torch", "huggingface_hub", "pyarrow", "pandas"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
