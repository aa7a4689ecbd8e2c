"""The command as a user runs it: resumed after kill -9, and every mistake one sentence."""

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.cli.forged_folders import kill_after, results

SHARED = ("--size", "128", "--seed", "3", "--workers", "1", "--kinds", "SPG,SDG")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(5):
        rng, picture = np.random.default_rng(seed), np.zeros((180, 240, 3), np.float32)
        for sigma in (2, 7, 20):
            layer = cv2.GaussianBlur(rng.standard_normal(picture.shape).astype(np.float32), (0, 0), sigma)
            picture += layer / layer.std()
        levels = cv2.normalize(picture, np.empty_like(picture), 10, 245, cv2.NORM_MINMAX).astype(np.uint8)
        cv2.imwrite(str(folder / f"photo {seed}.jpg"), levels)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


@pytest.fixture(scope="module")
def forged(webiml, photos, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "forged"
    done = webiml("forge", photos, "--out", out, "--count", "8", "--json", *SHARED)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["pairs"], summary["pictures"], summary["skipped"]) == (8, 5, 1)
    return out


def test_result_is_ready_for_annotate(webiml_here, forged, tmp_path):
    done = webiml_here("annotate", forged / "pairs.csv", "--out", tmp_path / "dataset", "--dry-run", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["inputs"] == 8
    assert "broken.png,undecodable" in (forged / "skipped.csv").read_text()


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_killed_run_goes_on_to_the_same_bytes(webiml, photos, forged, tmp_path):
    out = tmp_path / "forged"
    command = [sys.executable, "-m", "webiml", "forge", str(photos), "--out", str(out), "--count", "8", *SHARED]
    kill_after(command, out, 3)
    done = webiml(*command[3:])
    assert done.returncode == 0 and "already finished" in done.stderr
    assert results(out) == results(forged)


def test_sheet_dry_run_and_strict(webiml, photos, forged, tmp_path):
    again = webiml("forge", photos, "--out", forged, "--count", "8", "--sheet", "--strict", *SHARED)
    assert again.returncode == 1  # one picture was skipped
    assert (forged / "sheets" / "SPG.png").is_file()
    for sheet in (forged / "sheets").iterdir():
        sheet.unlink()
    (forged / "sheets").rmdir()
    planned = webiml("forge", photos, "--out", tmp_path / "new", "--dry-run", "--json", *SHARED)
    assert planned.returncode == 0 and json.loads(planned.stdout)["to_do"] == 100
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--kinds", "spg"], "--kinds"),
        (["--size", "8"], "--size"),
        (["--remover", "os:nothing"], "cannot be imported"),
        (["--labels", "os:nothing"], "cannot be imported"),
        (["--labels", "nothing"], "package.module:function"),
        (["--coco", "nowhere.json"], "no such file"),
        (["--coco", "a.json", "--labels", "a:b"], "not both"),
        (["--remover", "no_such_module_here:f"], "cannot be imported"),
        (["--count", "0"], "--count"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_sentences(webiml_here, photos, tmp_path, extra, words):
    done = webiml_here("forge", photos, "--out", tmp_path / "out", *extra)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_output_among_the_input_no_input_and_one_picture(webiml_here, photos, tmp_path):
    assert "lies inside" in webiml_here("forge", photos, "--out", photos / "forged").stderr
    assert webiml_here("forge", "--out", tmp_path / "out").returncode == 2
    done = webiml_here("forge", photos / "photo 0.jpg", "--out", tmp_path / "out", "--count", "1", "--kinds", "SDG")
    assert done.returncode == 2 and "Give more pictures" in done.stderr


def test_remover_named_on_the_command_line(webiml, photos, tmp_path):
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    done = webiml(
        "forge", photos, "--out", tmp_path / "out", "--count", "2", "--remover", "forge_remover:fill_green", *SHARED,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "forge_remover:fill_green" in (tmp_path / "out" / ".forge" / "forge.json").read_text()
    odd = webiml("forge", photos, "--out", tmp_path / "b", "--remover", "forge_remover:NO_FUNCTION", env=environment)
    assert odd.returncode == 2 and "no function" in odd.stderr


def test_jittered_pairs_of_the_objects_that_a_coco_file_knows(webiml, photos, tmp_path):
    images = [{"id": i, "file_name": f"photo {i}.jpg", "width": 240, "height": 180} for i in range(2)]
    counts = [60 * 180 + 40]  # an object of 80 x 80 pixels, 40 from the top and 60 from the left
    for column in range(80):
        counts += [80, 100 if column < 79 else 60 + 100 * 180]
    annotations = [{"image_id": i, "segmentation": {"size": [180, 240], "counts": counts}} for i in range(2)]
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    run = ("forge", photos / "photo 0.jpg", photos / "photo 1.jpg", "--out", tmp_path / "out", "--count", "2")
    run += ("--kinds", "jittered", "--size", "240", "--workers", "1", "--json")
    done = webiml(*run, "--coco", tmp_path / "coco.json", "--sheet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kinds"] == {"jittered": 2}
    assert (tmp_path / "out" / "sheets" / "jittered.png").is_file()
    assert len(list((tmp_path / "out" / "labels").iterdir())) == 2
    for row in (tmp_path / "out" / "pairs.csv").read_text().splitlines()[1:]:
        assert ",SPG,object_jitter web:" in row
    refused = webiml(*run)
    assert refused.returncode == 2 and "was made with labels 'coco:" in refused.stderr
