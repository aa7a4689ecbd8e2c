from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.evaluate.tiny_benchmarks import MARKED, SHAPES, SIZE, black, green_on_red, lay, ones, picture, white, write

from webiml.evaluate.benchmarks.check import Check, Fault, check_benchmark
from webiml.evaluate.benchmarks.items import MaskRule
from webiml.evaluate.benchmarks.read import read_benchmark


def faults(check: Check) -> dict[str, list[str]]:
    """Keys by fault; the empty key is the whole benchmark."""
    found: dict[str, list[str]] = {}
    for finding in check.findings:
        found.setdefault(finding.fault.value, []).append(finding.key)
    return found


def details(check: Check, fault: Fault) -> list[str]:
    return [finding.detail for finding in check.findings if finding.fault is fault]


def tp_gt(root, **masks: np.ndarray | None):
    """A Tp/Gt folder of one picture for each mask."""
    for number, (name, mask) in enumerate(masks.items()):
        write(root / "Tp" / f"{name}.png", picture(number))
        if mask is not None:
            write(root / "Gt" / f"{name}.png", mask)
    return read_benchmark(str(root))


def test_every_sort_of_fault_is_found_and_sound_items_are_counted(tmp_path):
    root = lay(tmp_path, SHAPES["Tp and Gt"])
    write(root / "Au/3.jpg", (root / "Au/1.jpg").read_bytes())
    write(root / "Au/4.jpg", (root / "Tp/1.jpg").read_bytes())
    write(root / "Gt/stray.png", white())
    seen = []
    check = check_benchmark(read_benchmark(str(root)), 2, lambda item: seen.append(item.key))
    assert (check.manipulated, check.authentic, check.unusable) == (1, 4, 3)
    assert faults(check) == {
        "mask_size": ["Tp-2"],
        "missing_mask": ["Tp-3"],
        "unreadable_picture": ["Tp-4"],
        "duplicate": ["Au-3", "Tp-1"],
    }
    assert details(check, Fault.MASK_SIZE) == ["the picture is 16x20, its mask 18x20 (H x W)"]
    assert details(check, Fault.MISSING_MASK) == ["there is no mask Gt/3 or Gt/3_gt or Gt/3_mask"]
    assert "looks like an HTML page" in details(check, Fault.UNREADABLE_PICTURE)[0]
    assert details(check, Fault.DUPLICATE) == [
        "the same picture as Au-1", "the same picture as Au-4, which is not manipulated",
    ]  # fmt: skip
    assert check.wrong == 5 and check.benchmark.ignored == ("Gt/stray.png", "notes.txt")
    assert seen == [item.key for item in check.benchmark.items]


def test_what_is_wrong_with_masks(tmp_path):
    soft = white()
    soft[0, :8] = 127  # 8 of 320 pixels: 2.5 %
    nearly = white()
    nearly[0, :3] = 127  # 0.9 %
    big = np.zeros(SIZE, bool)
    big[:9] = True
    nothing, everything = np.zeros(SIZE, np.uint8), np.full(SIZE, 255, np.uint8)
    benchmark = tp_gt(
        tmp_path, good=white(), soft=soft, nearly=nearly, none=nothing, all=everything, ones=ones(), big=white(big)
    )
    check = check_benchmark(benchmark, 1)
    assert faults(check) == {
        "full_mask": ["all"],
        "mostly_marked": ["big"],
        "empty_mask": ["none", "ones"],
        "not_binary": ["soft"],
    }
    assert details(check, Fault.EMPTY_MASK) == ["nothing is marked", "nothing is marked (its levels are 0 and 1)"]
    assert details(check, Fault.MOSTLY_MARKED) == ["more than half is marked (56%): inverted?"]
    assert details(check, Fault.NOT_BINARY) == ["2% of it is neither black nor white"]
    assert (check.manipulated, check.wrong) == (7, 4)  # all can be scored; much is unusual, not wrong
    known_levels = replace(benchmark, rule=MaskRule(above=10))  # such a rule was written for masks of three levels
    assert "not_binary" not in faults(check_benchmark(known_levels, 1))


def test_a_mask_that_cannot_be_read_and_files_that_have_gone(tmp_path):
    benchmark = tp_gt(tmp_path, a=white(), b=white(), c=white(), d=white())
    (tmp_path / "Gt/a.png").write_bytes(b"no picture")
    (tmp_path / "Gt/b.png").unlink()
    (tmp_path / "Tp/c.png").unlink()
    cut = (tmp_path / "Tp/d.png").read_bytes()
    (tmp_path / "Tp/d.png").write_bytes(cut[: len(cut) // 2])  # its header is whole
    check = check_benchmark(benchmark, 1)
    assert faults(check) == {
        "unreadable_mask": ["a"], "missing_mask": ["b"], "missing_picture": ["c"], "unreadable_picture": ["d"],
    }  # fmt: skip
    assert check.unusable == 4


@pytest.mark.parametrize("name", ["dso-1", "columbia"])
def test_the_polarity_of_a_set_is_known_and_the_wrong_one_is_noticed(name, tmp_path):
    root = lay(tmp_path, SHAPES[name])
    benchmark = read_benchmark(str(root))
    check = check_benchmark(benchmark, 1)
    assert check.manipulated == 1 and "inverted" not in faults(check) and "mostly_marked" not in faults(check)
    turned = replace(benchmark.rule, inverted=not benchmark.rule.inverted)
    wrong = check_benchmark(replace(benchmark, rule=turned), 1)
    assert faults(wrong)["inverted"] == [""] and len(faults(wrong)["mostly_marked"]) == 2
    assert details(wrong, Fault.INVERTED) == [
        "2 of 2 masks mark more than half of their picture: the set looks inverted"
    ]


def test_masks_that_are_drawn_the_other_way_round_look_inverted(tmp_path):
    turned = check_benchmark(tp_gt(tmp_path, a=black(), b=black(), c=white()), 1)
    assert details(turned, Fault.INVERTED) == [
        "2 of 3 masks mark more than half of their picture: the set looks inverted"
    ]
    assert turned.wrong == 1


def test_counts_are_compared_with_what_is_published(tmp_path):
    root = lay(tmp_path, SHAPES["coverage"])
    named = check_benchmark(read_benchmark(str(root)), 1)
    assert [detail.partition(" (")[0] for detail in details(named, Fault.COUNT)] == [
        "1 manipulated pictures, 100 are expected", "2 authentic pictures, 100 are expected",
    ]  # fmt: skip
    assert all("dong03/MVSS-Net" in detail for detail in details(named, Fault.COUNT))
    assert named.findings[0].fault is Fault.COUNT  # what concerns the whole stands first


def test_one_picture_in_two_rows_with_two_masks_is_no_duplicate(tmp_path):
    write(tmp_path / "1.png", picture(1))
    for name in ("a", "b"):
        write(tmp_path / f"{name}.png", white())
    rows = ("key,authentic,manipulated,mask", "a,,1.png,a.png", "b,,1.png,b.png", "c,,1.png,b.png")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    assert faults(check_benchmark(read_benchmark(str(tmp_path / "pairs.csv")), 1)) == {"duplicate": ["c"]}


def test_the_rule_of_columbia_bears_jpeg(tmp_path):
    """Its masks are JPEG files: the colours run into each other, and red is never quite without green."""
    root = lay(tmp_path, SHAPES["columbia"])
    big = np.kron(MARKED, np.ones((16, 16))).astype(bool)
    coded = cv2.imencode(".jpg", green_on_red(big), [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()
    (root / "4cam_splc/edgemask/canong3_sub_01_edgemask.png").unlink()
    write(root / "4cam_splc/edgemask/canong3_sub_01_edgemask.jpg", coded)
    write(root / "4cam_splc/canong3_sub_01.tif", np.kron(picture(1), np.ones((16, 16, 1), np.uint8)))
    from webiml.evaluate.benchmarks.items import read_truth

    benchmark = read_benchmark(str(root))
    (item,) = (item for item in benchmark.items if item.name == "4cam_splc/canong3_sub_01.tif")
    wrong = read_truth(item, benchmark.rule, 1_000_000) != big
    assert wrong.mean() < 0.01
