"""`webiml grow` as a user runs it: over a real server, and with settings that are wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.collect.web_server import WebServer
from tests.grow.growing import contents

from webiml.cli.grow import read_settings
from webiml.cli.main import run
from webiml.errors import SettingError
from webiml.settings.grow import GrowSettings
from webiml.store.dataset import read_rows

CONFIG = """\
source: links.csv
store: data/store
generations: data/generations
against: [bench]
collect: {contact: tests@example.org, allow-private: true, host_rate: 0}
annotate: {method: prior, workers: 1, pictures: false}
"""


def table(path: Path, server: WebServer, names: list[tuple[str, str]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "authentic_url", "manipulated_url"])
        for authentic, manipulated in names:
            urls = [server.url(f"/{name}") for name in (authentic, manipulated)]
            writer.writerow([manipulated.rpartition("/")[2], *urls])


def test_a_source_grows_and_every_run_does_what_is_new(tmp_path, webiml, capsys):
    config = tmp_path / "cats.yaml"
    config.write_text(CONFIG)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "other.png").write_bytes(_noise())
    with WebServer() as server:
        table(tmp_path / "links.csv", server, [("picture/1.jpg", "picture/2.png"), ("picture/1.jpg", "status/404")])
        assert run(["grow", str(config), "--dry-run", "--json"]) == 0
        planned = json.loads(capsys.readouterr().out)
        assert (planned["to_ask"], planned["hosts"], planned["at_most_more"]) == (3, {"127.0.0.1": 3}, 2)
        assert not server.requests and not (tmp_path / "data").exists()

        done = webiml("grow", config, "--json", "--quiet", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        summary = json.loads(done.stdout)
        first = Path(summary["generation"])
        assert first == tmp_path / "data" / "generations" / "000000"
        assert (summary["collect"]["fetched"], summary["collect"]["failed"], summary["waiting"]) == (2, 1, 1)
        [one] = summary["generations"]
        assert one["pairs"] == one["rows"] == len([*read_rows(first)]) == 1 and one["steps"]["annotate"]["count"] == 1
        assert "cats, generation 0" in (first / "README.md").read_text()
        assert not any(word in (first / "grown.json").read_bytes() for word in (b"example.org", b"127.0.0.1", b"2.png"))

        before, asked = contents(tmp_path / "data"), len(server.requests)
        assert run(["grow", str(config), "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")
        assert contents(tmp_path / "data") == before and len(server.requests) == asked

        table(tmp_path / "links.csv", server, [("picture/1.jpg", "picture/2.png"), ("picture/3.jpg", "picture/4.png")])
        assert run(["grow", str(config)]) == 0
    out = capsys.readouterr().out
    assert "generation 000001   new pairs 1   kept 0" in out and "webiml dataset merge" in out
    assert "duplicates 1" in out  # the pictures of this server are alike but for a comment
    assert not [*read_rows(first.with_name("000001"))] and (first.with_name("000001") / "dropped.parquet").exists()


def _noise() -> bytes:
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))[1].tobytes()


def settings(folder: Path, text: str) -> GrowSettings:
    (folder / "cats.yaml").write_text(text)
    return read_settings(folder / "cats.yaml")


def test_paths_are_relative_to_the_file_and_addresses_stay(tmp_path):
    text = "source: a.csv\nstore: s3://bucket/store\ngenerations: g\nannotate: {weights: nets, runner: ray}\n"
    read = settings(tmp_path, text)
    assert (read.source, read.store, read.generations) == (
        *(str(tmp_path / "a.csv"), "s3://bucket/store"),
        tmp_path / "g",
    )
    assert read.annotate.weights == tmp_path / "nets" and read.annotate_run.runner == "ray"
    assert read.card.name == "cats"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("sorce: a", "has an unknown key 'sorce'. Did you mean source"),
        ("source:", "source must be text"),
        ("against: bench", "against must be a list of texts"),
        ("annotate: [1]", "annotate must hold settings"),
        ("annotate: {min_qs: 1}", "annotate has an unknown key 'min_qs'. Did you mean min_qes"),
        ("annotate: {quiet: true}", "annotate has an unknown key 'quiet'"),
        ("annotate: {min_qes: high}", "annotate: min_qes must be a number"),
        ("annotate: {min_qes: 2}", "annotate: --min-qes must lie between 0 and 1"),
        ("annotate: {ray_address: auto}", "add --runner ray"),
        ("collect: {retry: slowness}", "knows no reason 'slowness'"),
        ("dedup: {distance: 17}", "dedup: distance must lie between 0 and 16"),
        ("leaks: {distance: near}", "leaks: distance must be a whole number"),
        ("card: {title: x}", "card has an unknown key 'title'. Known: name."),
    ],
)
def test_every_key_and_value_is_checked_before_work_starts(tmp_path, more, words):
    text = "".join(f"{name}: {name}\n" for name in ("source", "store", "generations") if not more.startswith(name))
    with pytest.raises(SettingError) as error:
        settings(tmp_path, text + more)
    assert words in str(error.value) and "cats.yaml" in str(error.value)


@pytest.mark.parametrize("missing", ["source", "store", "generations"])
def test_what_must_be_said_is_named_with_an_example(tmp_path, missing):
    lines = [f"{name}: x" for name in ("source", "store", "generations") if name != missing]
    with pytest.raises(SettingError, match=f"does not say {missing}: add a line such as `{missing}:"):
        settings(tmp_path, "\n".join(lines))


def test_a_source_with_addresses_needs_a_contact_and_what_is_wrong_exits_2(tmp_path, capsys):
    (tmp_path / "links.csv").write_text("url,group,name\nhttp://127.0.0.1:9/1.jpg,1,1\n")
    (tmp_path / "cats.yaml").write_text("source: links.csv\nstore: store\ngenerations: generations\n")
    assert run(["grow", str(tmp_path / "cats.yaml"), "--quiet"]) == 2
    assert "collect: contact is missing" in capsys.readouterr().err
    assert not (tmp_path / "store").exists() and not (tmp_path / "generations").exists()
