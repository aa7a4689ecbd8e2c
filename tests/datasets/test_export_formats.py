"""Every format is read back by the tool that it is for, or by its own rules."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.datasets.small_dataset import TURNED, contents, finished, levels, picture, pixels, usual, write_pictured

from webiml.datasets.export.write import export_dataset
from webiml.store.place import Place

KEYS = ["pair-0", "pair-1", "pair-2"]


@pytest.fixture(scope="module", params=["folder", "shards"])
def dataset(request, tmp_path_factory) -> Path:
    return write_pictured(tmp_path_factory.mktemp("made") / "dataset", format=request.param)


def export(dataset: Path, out: Path, format: str, **options) -> dict[str, bytes]:
    export_dataset(Place(str(dataset)), Place(str(out)), format, workers=1, **options)
    return contents(out)


def masks() -> dict[str, np.ndarray]:
    return {f"pair-{number}": levels(number) >= 128 for number in range(3)}


def test_a_folder_has_the_bytes_as_given_and_a_row_for_each_pair(dataset, tmp_path):
    files = export(dataset, tmp_path / "out", "folder")
    rows = list(csv.DictReader(io.StringIO(files["rows.csv"].decode())))
    assert [row["key"] for row in rows] == KEYS
    for row, pair in zip(rows, usual(), strict=False):
        for role, name in (("authentic", "authentic.jpg"), ("manipulated", "manipulated.png"), ("mask", "mask.png")):
            assert files[row[role]] == pair.files[name]
        assert files[row["probability"]] == pair.files["probability.png"]
        assert (row["license"], row["author"]) == ("CC BY 4.0", pair.row.author)
        assert (row["input.authentic_license"], row["manipulated_url"]) == ("CC0", pair.row.manipulated_url)
    assert len(files) == 3 * 4 + len(["rows.csv", "rows.parquet", "export.json"])


def test_the_table_of_a_folder_is_one_that_pairs_and_benchmarks_are_read_from(dataset, tmp_path):
    from webiml.evaluate.benchmarks.items import read_truth
    from webiml.evaluate.benchmarks.read import read_benchmark
    from webiml.pairs.source import list_pairs

    export(dataset, tmp_path / "out", "folder")
    pairs = list_pairs([tmp_path / "out" / "rows.csv"]).pairs
    assert [pair.key for pair in pairs] == KEYS and not any(pair.problem for pair in pairs)
    benchmark = read_benchmark(str(tmp_path / "out" / "rows.csv"))
    for item in benchmark.items:
        assert (read_truth(item, benchmark.rule, 10**6) == masks()[item.key]).all()


def test_webdataset_members_share_the_key_and_archives_hold_so_many_pairs(dataset, tmp_path):
    files = export(dataset, tmp_path / "out", "webdataset", shard_pairs=2)
    assert {name for name in files if name.endswith(".tar")} == {"shard-000000.tar", "shard-000001.tar"}
    with tarfile.open(fileobj=io.BytesIO(files["shard-000001.tar"])) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    pair = finished(2)
    assert list(members) == ["pair-2.authentic.jpg", "pair-2.manipulated.png", "pair-2.mask.png", "pair-2.json"]
    assert members["pair-2.authentic.jpg"] == pair.files["authentic.jpg"]
    assert members["pair-2.mask.png"] == pair.files["mask.png"]
    record = json.loads(members["pair-2.json"])
    assert (record["author"], record["input.score"], record["kind"]) == ("Author 2", "2", "SDG")


def test_imdl_benco_lists_each_authentic_picture_once_and_our_reader_reads_it(dataset, tmp_path):
    from webiml.evaluate.benchmarks.items import read_source, read_truth
    from webiml.evaluate.benchmarks.read import read_benchmark

    files = export(dataset, tmp_path / "out", "imdl-benco")
    listed = json.loads(files["imdl-benco.json"])
    assert [record for record in listed if record[1] != "Negative"] == [[f"Tp/{k}.png", f"Gt/{k}.png"] for k in KEYS]
    assert len([record for record in listed if record[1] == "Negative"]) == 2  # of three pairs, two share one
    assert all(name in files for record in listed for name in record if name != "Negative")
    benchmark = read_benchmark(str(tmp_path / "out" / "imdl-benco.json"))
    found = {item.name: item for item in benchmark.items}
    assert len(found) == 5 and not any(item.problem for item in benchmark.items)
    for key, mask in masks().items():
        assert (read_truth(found[f"Tp/{key}.png"], benchmark.rule, 10**6) == mask).all()
    authentic = [read_source(item.image) for item in benchmark.items if not item.manipulated]
    assert set(authentic) == {pair.files["authentic.jpg"] for pair in usual()[:3]}


def test_imdl_benco_leaves_out_a_picture_that_is_stored_turned(tmp_path):
    turned = finished(1, manipulated=picture(7, "JPEG", (64, 48), TURNED))
    turned.files["manipulated.jpg"] = turned.files.pop("manipulated.png")
    dataset = write_pictured(tmp_path / "dataset", [finished(0), turned])
    place = Place(str(tmp_path / "out"))
    done = export_dataset(Place(str(dataset)), place, "imdl-benco", workers=1)
    assert (done.pairs, dict(done.skipped)) == (1, {"stored_turned": 1})
    assert json.loads(place.read("imdl-benco.json"))[0] == ["Tp/pair-0.png", "Gt/pair-0.png"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of the library's own decoder
def test_coco_opens_and_decodes_to_the_same_masks(dataset, tmp_path):
    coco_of = pytest.importorskip("pycocotools.coco", reason="needs the extra data").COCO
    files = export(dataset, tmp_path / "out", "coco")
    coco = coco_of(str(tmp_path / "out" / "annotations.json"))
    by_name = {image["file_name"]: image for image in coco.imgs.values()}
    assert set(by_name) == {name for name in files if name.startswith("images/")}
    for key, mask in masks().items():
        (annotation,) = coco.imgToAnns[by_name[f"images/{key}.png"]["id"]]
        assert (coco.annToMask(annotation) == mask).all()
        assert (annotation["area"], annotation["category_id"]) == (mask.sum(), 1)
        rows, columns = np.nonzero(mask)
        width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
        assert annotation["bbox"] == [columns.min(), rows.min(), width, height]
    authentic = [image for name, image in by_name.items() if "authentic-" in name]
    assert len(authentic) == 2 and not any(coco.imgToAnns[image["id"]] for image in authentic)
    assert {(image["height"], image["width"]) for image in by_name.values()} == {(48, 64)}
    assert [licence["name"] for licence in coco.dataset["licenses"]] == ["CC BY 4.0"]


@pytest.mark.filterwarnings("ignore")  # of the library, not ours
def test_hugging_face_opens_the_folder_with_pictures(dataset, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="needs the extra data")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    files = export(dataset, tmp_path / "out", "huggingface", shard_pairs=2)
    assert {"data/pairs-000000.parquet", "data/pairs-000001.parquet", "README.md"} < set(files)
    opened = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened["key"][:] == KEYS
    for row, pair in zip(opened, usual(), strict=False):
        assert (np.array(row["mask"]) == pixels(pair.files["mask.png"])).all()
        assert (np.array(row["probability"]) == pixels(pair.files["probability.png"])).all()
        assert (np.array(row["manipulated"]) == pixels(pair.files["manipulated.png"])).all()
        assert (np.array(row["authentic"]) == pixels(pair.files["authentic.jpg"])).all()
        assert (row["kind"], row["qes"], row["transform"]) == (pair.row.kind, pair.row.qes, pair.row.transform)
        assert row["input.score"] == pair.row.extra["score"]
    stored = pq.read_table(tmp_path / "out" / "data" / "pairs-000000.parquet").to_pylist()
    assert stored[0]["authentic"]["bytes"] == usual()[0].files["authentic.jpg"]


def test_fiftyone_samples_name_files_that_are_there(dataset, tmp_path):
    files = export(dataset, tmp_path / "out", "fiftyone")
    samples = json.loads(files["samples.json"])["samples"]
    metadata = json.loads(files["metadata.json"])
    assert "version" not in metadata  # which makes the layout the one that its importer reads so
    assert metadata["info"]["mask_targets"] == {"ground_truth": {"255": "manipulated"}}
    for sample, pair in zip(samples, usual()[:3], strict=True):
        assert files[sample["filepath"]] == pair.files["manipulated.png"]
        assert files[sample["authentic_path"]] == pair.files["authentic.jpg"]
        assert sample["ground_truth"]["_cls"] == "Segmentation"
        assert files[sample["ground_truth"]["mask_path"]] == pair.files["mask.png"]
        assert sample["probability"]["_cls"] == "Heatmap"
        assert files[sample["probability"]["map_path"]] == pair.files["probability.png"]
        # its importer turns the paths of fields that have a folder below fields/ into whole ones
        assert {name.split("/")[1] for name in files if name.startswith("fields/")} <= set(sample)
        assert not any("." in name for name in sample) and sample["input_score"] == pair.row.extra["score"]


def test_a_manifest_has_all_columns_and_maps_and_no_picture(dataset, tmp_path):
    files = export(dataset, tmp_path / "out", "manifest", status="all")
    table = pq.read_table(tmp_path / "out" / "manifest.parquet")
    assert table["key"].to_pylist() == [f"pair-{number}" for number in range(6)]
    assert set(table.schema.names) == set(pq.read_schema(dataset / "annotations.parquet").names)
    assert {name for name in files if name.endswith(".png")} == {
        *(f"{folder}/pair-{number}.png" for folder in ("masks", "probability") for number in range(4)),
        "alternative/pair-3.png",
    }
    assert not any(pair.files[name] in files.values() for pair in usual()[:3] for name in list(pair.files)[:2])


FORMATS = pytest.mark.parametrize(
    "format", ["folder", "webdataset", "imdl-benco", "coco", "huggingface", "fiftyone", "manifest"]
)


@FORMATS
def test_every_export_says_which_files_belong_to_which_pair(dataset, tmp_path, format):
    files = export(dataset, tmp_path / "out", format)
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    named = [name for row in rows for name in row["files"] + row["shared_files"]]
    assert [row["key"] for row in rows] == KEYS and set(named) <= set(files)
    whole = pq.read_table(dataset / "annotations.parquet").to_pylist()
    assert [{n: row[n] for n in whole[0]} for row in rows] == whole[:3]
    indexes = {"rows.csv", "imdl-benco.json", "annotations.json", "samples.json", "metadata.json", "README.md"}
    assert set(files) - set(named) <= indexes | {"rows.parquet", "export.json", "manifest.parquet"}
    about = json.loads(files["export.json"])
    assert (about["schema"], about["format"], about["rows"], about["skipped"]) == (1, format, 3, {})
    assert about["dataset"] == "dataset"


@FORMATS
@pytest.mark.parametrize(
    ("status", "without_maps"), [("rejected", ["pair-3", "pair-4"]), ("all", [*KEYS, "pair-3", "pair-4"])]
)
def test_rejected_pairs_go_where_asked_and_none_becomes_an_authentic_picture(
    dataset, tmp_path, format, status, without_maps
):
    place = Place(str(tmp_path / "out"))
    done = export_dataset(Place(str(dataset)), place, format, status=status, workers=1)
    keys = pq.read_table(tmp_path / "out" / "rows.parquet")["key"].to_pylist()
    if format in ("imdl-benco", "coco"):  # a picture without a mask would count as authentic
        assert keys == [key for key in without_maps if key != "pair-4"]
        assert dict(done.skipped) == {"no_mask": 1}
    else:
        failed = ["pair-5"] if (format, status) == ("manifest", "all") else []
        assert keys == without_maps + failed and not done.skipped
