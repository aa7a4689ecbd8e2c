"""`webiml train` and `webiml export`: what they refuse, what a dry run says, what export leaves."""

import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from tests.benchmarks.in_this_process import one_by_one

from webiml.cli import main
from webiml.cli.config import SETTINGS, read_config
from webiml.evaluate.leaks import training_table
from webiml.evidence.dass_input import CHANNELS
from webiml.forge.pictures import list_pictures
from webiml.nets import weights
from webiml.nets.dass import build
from webiml.nets.web_iml import build as build_web_iml
from webiml.settings import TrainSettings
from webiml.train.checkpoint import read_facts, save_checkpoint
from webiml.train.data_table import read_data_table, write_data_table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["NETWORK", "webiml train --help"]),
        (["das", "--images", ".", "--out", "o"], ["das", "dass"]),
        (["dass", "--out", "o"], ["--images"]),
        (["dass", "--images", "none", "--out", "o"], ["none does not exist"]),
        (["dass", "--images", ".", "--out", "o", "--steps", "0"], ["--steps", "between 1 and"]),
        (["dass", "--images", ".", "--out", "o", "--size", "100"], ["--size", "multiple of 32"]),
        (["dass", "--images", ".", "--out", "o", "--preset", "huge"], ["--preset", "huge"]),
        (["dass", "--images", ".", "--out", "o", "--pairs", "0"], ["--pairs"]),
        (["dass", "--images", ".", "--out", "o", "--minutes", "-1"], ["--minutes"]),
        (["dass", "--images", ".", "--out", "o", "--min-qes", "1"], ["--min-qes"]),
        (["dass", "--images", ".", "--out", "o", "--data", "."], ["--data is for localizers"]),
        (["dass", "--images", ".", "--out", "o", "--net", "a:b"], ["--net", "localizer"]),
        (["localizer", "--images", ".", "--out", "o"], ["--net", "localizer"]),
        (["localizer", "--images", ".", "--out", "o", "--net", "nowhere:b"], ["nowhere:b", "imported"]),
        (["web-iml", "--images", ".", "--out", "o", "--mix", "forged=x"], ["--mix", "forged=x"]),
        (["web-iml", "--images", ".", "--out", "o", "--data", "."], ["--data", "--mix"]),
        (["web-iml", "--images", ".", "--out", "o", "--start", "no.safetensors"], ["no.safetensors"]),
        (["web-iml", "--images", ".", "--out", "o", "--start", "web-lmi"], ["web-lmi", "web-iml does"]),
        (
            ["web-iml", "--images", ".", "--out", "o", "--start", "web-iml", "--preset", "small"],
            ["preset tiny", "small"],
        ),
        (
            ["localizer", "--images", ".", "--out", "o", "--net", "json:loads", "--start", "web-iml"],
            ["of web-iml, not"],
        ),
        (["web-iml", "--out", "o"], ["--images", "--mix"]),
        (["web-iml", "--images", ".", "--out", "o", "--mix", "document=1,page=1"], ["--images", "--mix"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_a_wrong_setting_is_one_sentence_before_any_work(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.run(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert all(word in captured.err for word in words)
    assert not list(tmp_path.iterdir())


def test_without_torch_it_says_how_to_get_it(webiml, tmp_path):
    code = (  # an installation that lacks torch, whatever is installed here
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'torch' else found(name, *more)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(code)
    for arguments in (
        ["train", "dass", "--images", ".", "--out", "o"],
        ["export", "a.safetensors", "--name", "dass", "--out", "o"],
    ):
        done = webiml(*arguments, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr == "This needs torch, which is not installed: pip install 'webiml[train]'\n"


def test_help_needs_no_torch(webiml, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit(9)")
    for command in ("train", "export"):
        done = webiml(command, "--help", env={"PYTHONPATH": str(tmp_path)})
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Usage: webiml {command}" in done.stdout


def test_a_dry_run_measures_and_writes_nothing(small_pictures, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("webiml.train.samples.run_ordered", one_by_one)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda *_: 0)
    settings = ["--size", "64", "--batch", "2", "--pairs", "10", "--workers", "1", "--dry-run", "--json"]
    assert main.run(["train", "dass", "--images", str(small_pictures), "--out", str(tmp_path / "out"), *settings]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    plan = json.loads(said.out)
    assert plan["parameters"] == sum(p.numel() for p in build("tiny", CHANNELS).parameters())
    assert (plan["pictures"], plan["pairs"], plan["steps"]) == (8, 10, 2000)
    assert plan["seconds"] == pytest.approx(10 * plan["seconds_a_pair"] + 2000 * plan["seconds_a_step"], abs=2)
    assert not (tmp_path / "out").exists()


def test_documents_are_learned_from_without_any_picture_and_exported(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webiml.train.web_iml.VALIDATION_PICTURES", {"document": 1, "page": 1})
    monkeypatch.setattr("webiml.train.samples.run_ordered", one_by_one)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda *_: 0)
    monkeypatch.setattr("webiml.train.localizer_calibration.calibration", lambda deployed, samples: {})
    settings = ["--pictures", "4", "--steps", "1", "--warmup", "0", "--batch", "1", "--size", "64", "--workers", "1"]
    learn = ["train", "web-iml", "--mix", "document=0.75,page=0.25", "--start", "web-iml", *settings, "--out", "t"]
    assert main.run([*learn, "--quiet", "--device", "cpu"]) == 0
    facts = read_facts(tmp_path / "t" / "best.safetensors")
    assert facts["rendered"] == {"document": 3, "page": 1}
    assert weights.card("web_iml")["start_sha256"].startswith(facts["start"])
    assert weights.card("web_iml")["data"] == facts["data"]  # what the start learned from, it has learned from
    assert read_data_table(tmp_path / "t" / "data.parquet").num_rows == weights.card("web_iml")["pictures"]

    assert main.run(["export", "t/best.safetensors", "--name", "document", "--no-half", "--out", "w"]) == 0
    card = weights.card("document", tmp_path / "w")
    assert (card["rendered"], card["task"], card["kind"]) == (facts["rendered"], "web-iml", "localizer")
    assert "4 pages that were rendered" in (tmp_path / "w" / "document.md").read_text()
    assert training_table(str(tmp_path / "w" / "document.onnx")) is not None
    assert capsys.readouterr().err == ""


def test_a_localizer_that_saw_no_picture_is_exported_with_an_empty_table(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webiml.train.localizer_calibration.calibration", lambda deployed, samples: {})
    digest = write_data_table([], tmp_path / "data.parquet")
    facts = {"task": "web-iml", "data": digest, "settings": {"preset": "tiny"}, "step": 0, "scores": {}}
    net = build_web_iml("tiny")
    save_checkpoint(tmp_path / "best.safetensors", net.state_dict(), facts | {"rendered": {"document": 3}}, {})
    assert main.run(["export", "best.safetensors", "--name", "document", "--out", "w"]) == 0
    assert weights.card("document", tmp_path / "w")["pictures"] == 0
    known = training_table(str(tmp_path / "w" / "document.onnx"))
    assert known is not None and known.keys == ()
    save_checkpoint(tmp_path / "best.safetensors", net.state_dict(), facts, {})
    assert main.run(["export", "best.safetensors", "--name", "document", "--out", "other"]) == 2
    assert "has learned from no pages" in capsys.readouterr().err


@pytest.mark.parametrize(
    "recipe", ["document", "web-iml-tiny", "web-iml-tiny-second", "dass-tiny", "pair-classifier-tiny"]
)
def test_a_recipe_is_a_settings_file(recipe, repository):
    path = repository / "recipes" / f"{recipe}.yaml"
    values = read_config(path, *SETTINGS["train"])
    assert values == yaml.safe_load(path.read_text())
    TrainSettings(**{name: value for name, value in values.items() if name in TrainSettings.__dataclass_fields__})


@pytest.fixture
def trained(repository, tmp_path) -> Path:
    """A checkpoint of a DASS network that has not learned anything, as webiml train leaves one."""
    torch.manual_seed(0)
    pictures = list_pictures([repository / "examples" / "pictures"])
    (tmp_path / "t").mkdir()
    digest = write_data_table(pictures, tmp_path / "t" / "data.parquet")
    facts = {"task": "dass", "data": digest, "settings": {"preset": "tiny"}, "step": 0, "scores": {}}
    save_checkpoint(tmp_path / "t" / "best.safetensors", build("tiny", CHANNELS).state_dict(), facts, {})
    return tmp_path / "t" / "best.safetensors"


def test_export_refuses_another_network_and_licences_that_do_not_ship(trained, capsys, tmp_path):
    assert main.run(["export", str(trained), "--name", "pair-classifier", "--out", str(tmp_path / "out")]) == 2
    assert "is a checkpoint of dass, not of pair-classifier" in capsys.readouterr().err
    assert main.run(["export", str(trained), "--name", "dass", "--out", str(tmp_path / "out")]) == 2
    assert "do not ship" in capsys.readouterr().err  # a folder without pictures.csv says nothing of licences
    assert main.run(["export", str(tmp_path / "none"), "--name", "dass", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_export_leaves_what_ships(trained, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("webiml.train.data_table.ALLOWED_LICENSES", frozenset({""}))
    assert main.run(["export", str(trained), "--name", "dass", "--out", str(tmp_path / "out")]) == 0
    assert "parameters" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "dass.onnx", "dass.json", "dass.md", "dass.data.parquet",
    }  # fmt: skip
    assert (tmp_path / "out" / "dass.onnx").stat().st_size < 6_000_000
    assert os.fspath(tmp_path) not in (tmp_path / "out" / "dass.md").read_text()
