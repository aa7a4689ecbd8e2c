"""What a localizer learns from: shares, crops, annotated datasets, a loss that falls, and curves fitted by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from webiml.annotate.dataset import annotate_dataset
from webiml.errors import SettingError
from webiml.nets.localizer import Deployed
from webiml.nets.web_iml import PRESETS, WebIml
from webiml.pairs.source import list_pairs
from webiml.settings import AnnotateRun, AnnotatorSettings, TrainSettings
from webiml.train.annotated import LONGEST, _window, prepare_annotated
from webiml.train.checkpoint import save_checkpoint
from webiml.train.localizer_calibration import best_threshold, calibration, logistic
from webiml.train.samples import read
from webiml.train.segmentation import MISSING
from webiml.train.web_iml import ForgedPicture, WebImlTask, crop, predicted, prepare_pictures, shares_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SETTINGS = TrainSettings(steps=4, batch=2, size=64, warmup=0)


def test_shares_add_up_to_one():
    assert shares_of("authentic=1, forged=3") == {"forged": 0.75, "authentic": 0.25}
    assert shares_of("jittered") == {"jittered": 1.0}


@pytest.mark.parametrize("mix", ["", "forged=0", "fogred=1", "forged=-1", "forged=a", "forged=1,forged=2"])
def test_a_mix_that_cannot_be_read_is_refused(mix):
    with pytest.raises(SettingError, match="--mix"):
        shares_of(mix)


def test_a_crop_shows_the_mask_and_says_what_lies_beyond_the_picture():
    picture, mask = np.full((3, 40, 200), 90, np.uint8), np.zeros((40, 200), np.uint8)
    mask[10:14, 150:154] = 255
    inside = 0
    for seed in range(30):
        made = crop(picture, mask, 64, np.random.default_rng(seed))
        assert made["picture"].shape == (3, 64, 64) and set(np.unique(made["mask"])) <= {0, MISSING, 255}
        assert (made["mask"] == MISSING).sum() == 24 * 64
        inside += bool((made["mask"] == 255).any())
    assert inside > 20


def test_an_authentic_sample_went_through_the_web_and_has_no_mask(small_pictures):
    forged, authentic = (
        ForgedPicture((small_pictures,), "train", 3, None, True, origin) for origin in ("forged", "authentic")
    )
    made = authentic("train-00000")
    assert made is not None and not made["mask"].any() and made["picture"].shape[1:] == made["mask"].shape
    made = forged("train-00000")
    assert made is not None and made["mask"].any() and set(np.unique(made["mask"])) == {0, 255}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_pictures, samples_here):
    folder = tmp_path_factory.mktemp("pictures")
    prepare_pictures([small_pictures], folder, pictures=8, seed=1, workers=1, quiet=True)
    return folder


def test_the_loss_falls(folder):
    torch.manual_seed(0)
    task = WebImlTask(SETTINGS, folder)
    batch = {name: torch.from_numpy(array[None]) for name, array in task.sample(1).items()}
    assert batch["picture"].shape == (1, 3, 64, 64) and batch["mask"].shape == (1, 64, 64)
    batch = {name: torch.cat([tensor] * 2) for name, tensor in batch.items()}
    net = task.net.train()
    optimizer, losses = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=2e-3), []
    parts: dict[str, torch.Tensor] = {}
    for _ in range(6):
        optimizer.zero_grad()
        parts = task.loss(net, batch)
        losses.append(float(parts["total"].detach()))
        parts["total"].backward()
        optimizer.step()
    assert set(parts) == {"total", "entropy", "dice", "score", "certain"}
    assert losses[-1] < 0.8 * losses[0]


def test_validation_scores_whole_pictures(folder):
    task = WebImlTask(SETTINGS, folder)
    scores, picture = task.validate(task.net.eval())
    assert set(scores) == {"score", "f1", "auc", "flagged"} and 0 <= scores["auc"] <= 1
    assert scores["score"] == pytest.approx(scores["f1"] + scores["auc"] - scores["flagged"])
    assert picture is not None and picture.shape[1] == 3 * 240


def test_any_network_learns_in_the_same_task(folder):
    task = WebImlTask(SETTINGS, folder, net=lambda: torch.nn.Conv2d(3, 1, 1))
    batch = {name: torch.from_numpy(array[None]) for name, array in task.sample(0).items()}
    assert set(task.loss(task.net, batch)) == {"total", "entropy"}
    task.net.load_state_dict({"weight": torch.zeros(1, 3, 1, 1), "bias": torch.ones(1)})
    assert predicted(task.net, np.zeros((3, 10, 20), np.uint8)) == pytest.approx(
        np.full((10, 20), 1 / (1 + math.e**-1))
    )


def test_a_training_may_start_from_the_weights_of_another(folder, tmp_path):
    before = WebImlTask(SETTINGS, folder, net=lambda: torch.nn.Conv2d(3, 1, 1))
    save_checkpoint(tmp_path / "best.safetensors", before.net.state_dict(), {"task": "localizer"}, {})
    other = TrainSettings(steps=4, batch=2, size=64, warmup=0, seed=9)
    after = WebImlTask(other, folder, net=lambda: torch.nn.Conv2d(3, 1, 1), start=tmp_path / "best.safetensors")
    assert torch.equal(after.net.weight, before.net.weight)  # pyright: ignore[reportArgumentType]
    with pytest.raises(SettingError, match="lacks"):
        WebImlTask(other, folder, start=tmp_path / "best.safetensors")


def test_the_hardest_pixels_alone_cost_more(folder):
    settings = TrainSettings(steps=1, batch=1, size=64, warmup=0)
    easy, hard = WebImlTask(settings, folder), WebImlTask(settings, folder, hardest=0.1)
    batch = {name: torch.from_numpy(array[None]) for name, array in easy.sample(0).items()}
    with torch.no_grad():
        assert hard.loss(hard.net, batch)["entropy"] > easy.loss(easy.net, batch)["entropy"]


# ---------------------------------------------------------------- annotated datasets


@pytest.fixture(scope="module", params=["folder", "shards"])
def dataset(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("dataset") / "set"
    pairs = list_pairs([EXAMPLES / "pairs"]).pairs[:3]
    annotate_dataset(pairs, out, AnnotatorSettings(method="prior"), AnnotateRun(format=request.param, workers=1))
    return out


def test_kept_rows_of_an_annotated_dataset_become_samples(dataset, tmp_path):
    keys = prepare_annotated([dataset], tmp_path / "annotated", workers=1, quiet=True)
    assert keys
    made = read(tmp_path / "annotated" / "train", keys[0])
    assert made["picture"].shape[1:] == made["mask"].shape and (made["mask"] == 255).any()
    task = WebImlTask(SETTINGS, tmp_path, mix="annotated=1")
    assert task.sample(0)["mask"].shape == (64, 64)


def test_a_large_picture_is_cut_where_its_mask_lies():
    mask = np.zeros((2000, 500), bool)
    mask[1900:1950, 10] = True
    rows, columns = _window(mask)
    assert (rows.start, rows.stop) == (2000 - LONGEST, 2000) and columns.start == 0


# ---------------------------------------------------------------- calibration


def test_the_best_threshold_is_the_middle_of_all_as_good():
    truth = np.zeros((4, 4), bool)
    truth[0] = True
    logits = np.where(truth, 2.0, -1.0)
    assert best_threshold([(logits, truth)]) == pytest.approx(0.5, abs=0.11)  # any of (-1, 2] is right


def test_a_logistic_curve_is_that_of_the_frequencies():
    logits = np.repeat([-1.0, 1.0], 100)
    truth = np.r_[np.arange(100) < 10, np.arange(100) < 60]  # odds 1:9 and 3:2
    gain, bias = logistic(np.stack([logits, np.ones(200)], 1), truth)
    assert gain == pytest.approx((math.log(1.5) + math.log(9)) / 2, abs=0.01)
    assert bias == pytest.approx((math.log(1.5) - math.log(9)) / 2, abs=0.01)
    (alone,) = logistic(logits[:, None], truth)  # 10 and 40 of 100 are against it
    assert alone == pytest.approx(math.log(150 / 50), abs=0.01)


def test_calibration_makes_one_half_the_best_threshold(folder):
    deployed = Deployed(WebIml(PRESETS["tiny"])).eval()
    noted = calibration(deployed, folder)["calibration"]
    gain, bias = deployed.pixel.tolist()
    assert -bias / gain == pytest.approx(noted["best_threshold"], abs=0.01)
    assert noted["pictures"] == 3 * 5 and noted["certain"] == pytest.approx(deployed.certain.tolist(), abs=1e-4)
