"""What docs/other_tools.md says of each tool: folders with its names and formats, made here, are matched and read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from webiml.cli import main
from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.items import Item
from webiml.evaluate.predictions import match_predictions, read_prediction

PAGE = Path(__file__).resolve().parents[2] / "docs" / "other_tools.md"
HEIGHT, WIDTH = 24, 32
NAMES = ("cat.jpg", "dog.png", "sea.tif")

# The truth is the same square of 8 x 16 pixels in each picture. The first map marks all of it, the second its left
# half, the third nothing: F1 is 1, 2 * 64 / (64 + 128) = 2/3, and 0
SQUARE = np.zeros((HEIGHT, WIDTH), bool)
SQUARE[8:16, 8:24] = True
MARKED = {"cat.jpg": SQUARE, "dog.png": SQUARE & (np.arange(WIDTH) < 16), "sea.tif": np.zeros_like(SQUARE)}
MEAN_F1 = (1 + 2 / 3 + 0) / 3
ROWS = np.arange(HEIGHT)[:, None]  # a slope, by which a map that is turned round would be noticed
PROBABILITY = {name: (np.where(marked, 204, 26) + ROWS) / 255 for name, marked in MARKED.items()}
SCORE = {"cat.jpg": 0.9, "dog.png": 0.6, "sea.tif": 0.2}


def levels(name: str) -> np.ndarray:
    return np.rint(PROBABILITY[name] * 255).astype(np.uint8)


def write_benchmark(folder: Path) -> Path:
    """IMDL-BenCo's folder: Tp/ with pictures, Gt/ with masks."""
    noise = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for sort in ("Tp", "Gt"):
        (folder / sort).mkdir(parents=True)
    for name in NAMES:
        cv2.imwrite(str(folder / "Tp" / name), noise)
        cv2.imwrite(str(folder / "Gt" / Path(name).with_suffix(".png")), SQUARE * np.uint8(255))
    return folder


def saved(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def blocks(section: str, mark: str) -> list[str]:
    """Code of the Python blocks of a section of the page whose comment begins with `mark`."""
    text = PAGE.read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"^<!-- {re.escape(mark)}[^\n]*-->\n```python\n(.*?)^```$", text, re.M | re.S)


# ---------------------------------------------------------------- what each tool writes


def write_trufor(root: Path) -> Path:
    """As test_docker/src/trufor_test.py with `-in BENCHMARK -out output`."""
    for name in NAMES:
        (root / "output" / "Tp").mkdir(parents=True, exist_ok=True)
        with open(root / "output" / "Tp" / f"{name}.npz", "wb") as file:
            arrays = {
                "map": PROBABILITY[name].astype(np.float32),
                "imgsize": np.array([HEIGHT, WIDTH]),
                "score": np.array(SCORE[name]),
                "conf": np.full((HEIGHT, WIDTH), 0.5, np.float32),
                "np++": np.full((HEIGHT, WIDTH), 7, np.float32),
            }
            np.savez(file, allow_pickle=False, **arrays)
    return root / "output"


def write_catnet(root: Path) -> Path:
    """As tools/infer.py with the page's lines in place of its plot; the lines themselves are run below."""
    (root / "output_pred").mkdir()
    for name in NAMES:
        np.save(root / "output_pred" / f"{Path(name).stem}.npy", PROBABILITY[name].astype(np.float32))
    return root / "output_pred"


def write_benco(root: Path) -> Path:
    """As test_save_images.py, for a model that gives a label, too."""
    for name in NAMES:
        saved(root / "save_img_dir" / "pred" / f"{Path(name).stem}.png", levels(name))
    for name in ("pred_label_rank0.json", "pred_label_combined.json"):
        (root / "save_img_dir" / name).write_text(json.dumps(SCORE))
    return root / "save_img_dir" / "pred"


def write_mvss(root: Path) -> Path:
    """As inference.py with --test_file data/mine.txt, ckpt/mvssnet_casia.pt and --save_dir save_out."""
    folder = root / "save_out" / "mine" / "mvssnet_casia" / "pred"
    for name in NAMES:
        saved(folder / f"{name.split('.')[0]}.png", levels(name))
    return folder


def write_photoholmes(root: Path) -> Path:
    """As Benchmark.run with a method that has all three outputs."""
    folder = root / "output" / "trufor" / "columbiadataset" / "outputs"
    for name in NAMES:
        (folder / name.split(".")[0]).mkdir(parents=True)
        np.savez_compressed(
            folder / name.split(".")[0] / "output",
            heatmap=PROBABILITY[name].astype(np.float32)[None],
            mask=(PROBABILITY[name] > 0.3).astype(np.float32),
            detection=np.array([SCORE[name]], np.float32),
        )
        np.savez_compressed(folder / name.split(".")[0] / "extra_outputs_arrays", anything=np.zeros((3, 3)))
    (folder.parent / "metrics" / "now").mkdir(parents=True)
    (folder.parent / "metrics" / "now" / "heatmap_report.json").write_text("{}")
    return folder


Writer = Callable[[Path], Path]
TOOLS: dict[str, tuple[Writer, bool]] = {  # what it writes, and whether there is a score in it
    "trufor": (write_trufor, True),
    "catnet": (write_catnet, False),
    "benco": (write_benco, False),
    "mvss": (write_mvss, False),
    "photoholmes": (write_photoholmes, True),
}


def items() -> list[Item]:
    return [Item(f"{Path(name).stem}-1", f"Tp/{name}", Path("benchmark/Tp") / name) for name in NAMES]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_maps_of_a_tool_are_matched_and_read(tool, tmp_path):
    write, has_score = TOOLS[tool]
    folder = write(tmp_path)
    files = match_predictions(items(), folder).files
    for name in NAMES:
        prediction = read_prediction(files[f"{Path(name).stem}-1"], folder, 10_000)
        assert np.array_equal(prediction.levels, levels(name))
        assert prediction.score == (pytest.approx(SCORE[name]) if has_score else None)


# ---------------------------------------------------------------- what the page says beyond that


def test_what_catnet_writes_unchanged_is_refused(tmp_path):
    jet = cv2.applyColorMap(levels("cat.jpg"), cv2.COLORMAP_JET)
    cv2.imwrite(str(tmp_path / "cat.png"), np.dstack([jet, np.full((HEIGHT, WIDTH), 255, np.uint8)]))
    with pytest.raises(BadImage, match="a coloured picture, no map"):
        read_prediction(tmp_path / "cat.png", tmp_path, 10_000)


def test_the_lines_for_catnet_save_a_map_of_the_pictures_size(tmp_path):
    torch = pytest.importorskip("torch")
    first, second = blocks("CAT-Net", "not tested: ")
    height, width = 21, 30  # padded to 24 x 32, which the network answers with 6 x 8
    label = torch.full((1, 24, 32), -1, dtype=torch.long)
    label[:, :height, :width] = 0
    logits = torch.zeros(1, 2, 6, 8)
    logits[:, 1, 2:4, 2:6] = 20  # rows 8 to 15, columns 8 to 23
    names = {"np": np, "F": torch.nn.functional, "label": label, "pred": logits, "filepath": tmp_path / "a.b.png"}
    exec(first, names)
    names["pred"] = torch.softmax(names["pred"][0], dim=0)[1].numpy()  # between the two, the script's own steps
    exec(second, names)
    prediction = read_prediction(tmp_path / "a.b.npy", tmp_path, 10_000)
    assert prediction.levels.shape == (height, width)
    assert prediction.levels[10:14, 10:22].min() > 250  # two pixels inside the square, and two outside it
    outside = np.ones((height, width), bool)
    outside[6:18, 6:26] = False
    assert np.all(prediction.levels[outside] == 128)  # both logits are 0: one half


def test_the_lines_for_benco_add_the_scores(tmp_path, monkeypatch):
    write_benco(tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("IMDL-BenCo", "not tested: ")
    exec(block, {})
    folder = tmp_path / "save_img_dir" / "scored"
    files = match_predictions(items(), folder).files
    for name in NAMES:
        prediction = read_prediction(files[f"{Path(name).stem}-1"], folder, 10_000)
        assert np.array_equal(prediction.levels, levels(name)) and prediction.score == SCORE[name]


def test_mvss_loses_what_stands_behind_the_first_dot(tmp_path):
    saved(tmp_path / "a.png", levels("cat.jpg"))
    with pytest.raises(SettingError, match=r"no map for 1 of 1 pictures, such as Tp/a\.b\.jpg"):
        match_predictions([Item("a_b-1", "Tp/a.b.jpg", Path("Tp/a.b.jpg"))], tmp_path)


def test_two_methods_of_photoholmes_are_two_maps_of_each_picture(tmp_path):
    folder = write_photoholmes(tmp_path)
    (tmp_path / "output" / "dq" / "columbiadataset").mkdir(parents=True)
    folder.rename(tmp_path / "output" / "dq" / "columbiadataset" / "outputs")
    write_photoholmes(tmp_path / "again")
    (tmp_path / "again" / "output" / "trufor").rename(tmp_path / "output" / "again")
    with pytest.raises(SettingError, match=r"Tp/cat\.jpg \(again/.*/cat/output\.npz and dq/.*/cat/output\.npz\)"):
        match_predictions(items(), tmp_path / "output")


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize("tool", TOOLS)
def test_the_command_scores_the_maps_of_a_tool(tool, tmp_path):
    protocol = "mvss" if tool == "mvss" else "webiml"  # both compare at native size and ignore no edge
    data, out = write_benchmark(tmp_path / "benchmark"), tmp_path / "result"
    (tmp_path / "maps").mkdir()
    maps = TOOLS[tool][0](tmp_path / "maps")
    command = ["evaluate", "--data", data, "--predictions", maps, "--protocol", protocol]
    assert main.run(list(map(str, [*command, "--out", out, "--workers", "1", "--no-pictures"]))) == 0
    result = json.loads((out / "result.json").read_text())
    assert (result["protocol"], result["n"], result["skipped"]) == (protocol, 3, 0)
    assert result["pixel"]["f1"] == pytest.approx(MEAN_F1, abs=1e-6)
    assert result["pixel"]["iou"] == pytest.approx((1 + 1 / 2 + 0) / 3, abs=1e-6)
