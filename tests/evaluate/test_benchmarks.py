import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.evaluate.tiny_benchmarks import MARKED, SHAPES, black, lay, picture, white, write
from tests.store.store_samples import open_writer

from webiml.errors import SettingError
from webiml.evaluate.benchmarks.items import Benchmark, Item, Member, read_source, read_truth
from webiml.evaluate.benchmarks.layouts import BENCHMARKS
from webiml.evaluate.benchmarks.read import known_names, read_benchmark
from webiml.types import Finished, Reason, Row

MAX_PIXELS = 1_000_000


def by_name(benchmark: Benchmark) -> dict[str, Item]:
    return {item.name: item for item in benchmark.items}


def reasons(benchmark: Benchmark) -> dict[str, str]:
    return {item.name: item.problem.reason.value for item in benchmark.items if item.problem}


@pytest.mark.parametrize("name", SHAPES)
def test_a_published_layout_is_read_from_what_lies_there(name, tmp_path):
    shape = SHAPES[name]
    root = lay(tmp_path / "set", shape)
    benchmark = read_benchmark(str(root))
    first = name.split()[0]
    assert benchmark.name == (first if first in known_names() else "set")
    assert benchmark.layout and benchmark.verified and benchmark.root == root
    assert benchmark.ignored == ("notes.txt",)
    assert [item.key for item in benchmark.items] == sorted(item.key for item in benchmark.items)
    assert len({item.key.lower() for item in benchmark.items}) == len(benchmark.items)
    assert all(item.root == root for item in benchmark.items)

    items = by_name(benchmark)
    good = items[shape.image.format(1)]
    assert good.image == root / shape.image.format(1) and good.mask == root / shape.mask.format(1)
    assert np.array_equal(read_truth(good, benchmark.rule, MAX_PIXELS), MARKED)
    assert (good.kind, good.problem) == (shape.kind, None)
    missing = items[shape.image.format(3)]
    assert missing.manipulated and missing.problem is not None and missing.problem.reason is Reason.NOT_FOUND
    expected_mask = root / shape.mask.format(3)
    assert isinstance(missing.mask, Path) and missing.mask.parent == expected_mask.parent
    assert reasons(benchmark) == {shape.image.format(3): "not_found"}  # nothing has been opened yet
    authentic = {item.name for item in benchmark.items if not item.manipulated}
    assert authentic == ({shape.authentic.format(n) for n in (1, 2)} if shape.authentic else set())


@pytest.mark.parametrize(
    ("name", "group"),
    [("coverage", "1"), ("imd2020", "z1"), ("cocoglide", "1"), ("korus", "Nikon_D90/r1")],
)
def test_a_picture_knows_the_authentic_one_that_it_was_made_from(name, group, tmp_path):
    shape = SHAPES[name]
    root = lay(tmp_path, shape)
    items = by_name(read_benchmark(str(root)))
    made, source = items[shape.image.format(1)], items[shape.authentic.format(1)]
    assert made.authentic == (source.image,)
    assert made.group == source.group == group


def test_nist16_says_itself_which_mask_belongs_to_which_picture(tmp_path):
    names = "ProbeFileName|ProbeMaskFileName|IsTarget|IsManipulationTypeRemoval|IsManipulationTypeSplice|BaseFileName"
    rows = (
        "probe/a.jpg|reference/manipulation/mask/x.png|Y|N|Y|world/w.jpg",
        "probe/b.jpg|reference/manipulation/mask/y.png|Y|Y|N|",
        "probe/c.jpg||Y|N|N|",
        "probe/d.jpg||N|N|N|",
        "|||||",
    )
    for place in ("probe/a.jpg", "probe/b.jpg", "probe/c.jpg", "probe/d.jpg", "probe/stray.jpg", "world/w.jpg"):
        write(tmp_path / place, picture(ord(place[6])))
    write(tmp_path / "reference/manipulation/mask/x.png", black())
    write(tmp_path / "reference/remove/mask/y.png", black())
    write(tmp_path / "reference/manipulation/NC2016-manipulation-ref.csv", "\n".join((names, *rows)).encode())
    benchmark = read_benchmark(str(tmp_path))
    items = by_name(benchmark)
    assert (benchmark.name, benchmark.ignored) == ("nist16", ("probe/stray.jpg",))
    assert np.array_equal(read_truth(items["probe/a.jpg"], benchmark.rule, MAX_PIXELS), MARKED)
    assert items["probe/a.jpg"].authentic == (tmp_path / "world/w.jpg",)
    assert (items["probe/a.jpg"].group, items["probe/a.jpg"].kind) == ("world/w.jpg", "splice")
    assert items["probe/b.jpg"].mask == tmp_path / "reference/remove/mask/y.png"
    assert not items["probe/d.jpg"].manipulated
    assert reasons(benchmark) == {"probe/c.jpg": "not_found", "row 5": "bad_row"}


def test_pictures_and_masks_of_other_names_are_paired_in_order_and_that_is_said(tmp_path):
    for number, (image, mask) in enumerate((("b", "2"), ("a", "1"), ("c", "3"))):
        write(tmp_path / f"Tp/{image}.jpg", picture(number))
        write(tmp_path / f"Gt/{mask}.png", white())
    benchmark = read_benchmark(str(tmp_path))
    assert {item.key: Path(str(item.mask)).name for item in benchmark.items} == {
        "a": "1.png",
        "b": "2.png",
        "c": "3.png",
    }
    assert not reasons(benchmark) and not benchmark.ignored
    assert any("in the order of their names" in note for note in benchmark.notes)

    write(tmp_path / "Tp/d.jpg", picture(9))  # now nobody can say which mask is whose
    with pytest.raises(SettingError, match="no mask was found"):
        read_benchmark(str(tmp_path))


def test_two_files_that_may_both_be_the_mask_are_a_problem(tmp_path):
    write(tmp_path / "Tp/a.jpg", picture(1))
    write(tmp_path / "Tp/b.jpg", picture(2))
    for name in ("a.png", "a.tif", "b.png"):
        write(tmp_path / "Gt" / name, white())
    benchmark = read_benchmark(str(tmp_path))
    assert reasons(benchmark) == {"Tp/a.jpg": "ambiguous"}
    assert all(item.manipulated for item in benchmark.items)


def test_a_name_brings_the_counts_and_the_notes(tmp_path):
    root = lay(tmp_path / "any", SHAPES["imgs and masks"])
    plain, named = read_benchmark(str(root)), read_benchmark(f"Coverage={root}")
    assert (plain.name, plain.expected.manipulated, plain.notes) == ("any", None, ())
    assert (named.name, named.title, named.expected.manipulated) == ("coverage", "Coverage", 100)
    assert named.expected.source and any("another size" in note for note in named.notes)
    assert named.items == plain.items and named.layout == plain.layout == "imgs/ and masks/"


def test_an_archive_that_lies_in_a_folder_of_its_own_is_found(tmp_path):
    root = lay(tmp_path / "download" / "CASIA2", SHAPES["casia-v2"])
    (root / "notes.txt").unlink()
    benchmark = read_benchmark(str(tmp_path / "download"))
    assert (benchmark.name, benchmark.root) == ("casia-v2", root)


def test_names_that_occur_twice_get_keys_from_their_paths(tmp_path):
    root = lay(tmp_path, SHAPES["korus"])
    keys = {item.name: item.key for item in read_benchmark(str(root)).items}
    assert keys["Nikon_D90/pristine/r1.TIF"] == "Nikon_D90-pristine-r1"
    assert keys["Nikon_D90/tampered-realistic/r3.TIF"] == "r3"


def test_links_out_of_the_folder_are_refused_and_linked_folders_are_not_followed(tmp_path):
    root = lay(tmp_path / "set", SHAPES["Tp and Gt"])
    write(tmp_path / "secret.jpg", picture(7))
    os.symlink(tmp_path / "secret.jpg", root / "Tp" / "out.jpg")
    write(root / "Gt" / "out.png", white())
    os.symlink(tmp_path, root / "Au" / "up")
    benchmark = read_benchmark(str(root))
    out = by_name(benchmark)["Tp/out.jpg"]
    with pytest.raises(Exception, match="leaves the folder"):
        read_source(out.image, out.root)
    assert benchmark.ignored == ("Au/up", "notes.txt")

    (tmp_path / "linked").mkdir()
    os.symlink(root / "Tp", tmp_path / "linked" / "Tp")
    with pytest.raises(SettingError, match="links to folders are not followed, such as Tp"):
        read_benchmark(str(tmp_path / "linked"))


def test_brackets_and_stars_in_names_are_only_letters(tmp_path):
    write(tmp_path / "Tp/a[1]{x}*.jpg", picture(1))
    write(tmp_path / "Gt/a[1]{x}*.png", white())
    (item,) = read_benchmark(str(tmp_path)).items
    assert item.problem is None and item.mask == tmp_path / "Gt/a[1]{x}*.png"


LISTS = {
    "mvss.txt": "./imgs/1.v2.jpg ./masks/1.png 1\n./imgs/2.v2.jpg None 0\n./imgs/3.v2.jpg None 1\n",
    "set_fake.txt": "imgs/1.v2.jpg,masks/1.png\nimgs/3.v2.jpg,None\n",
    "cat_auth_list.txt": "imgs/2.v2.jpg,None,imgs/2.v2.jpg\nimgs/1.v2.jpg,masks/1.png,x.jpg\nimgs/3.v2.jpg,,\n",
    "benco.json": json.dumps(
        [["./imgs/1.v2.jpg", "./masks/1.png"], ["imgs/2.v2.jpg", "Negative"], ["imgs/3.v2.jpg", ""], "no pair"]
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_other_code_is_read(name, tmp_path):
    lay(tmp_path, SHAPES["imgs and masks"])
    (tmp_path / name).write_text(LISTS[name])
    (tmp_path / "set_real.txt").write_text("imgs/2.v2.jpg\n")
    benchmark = read_benchmark(str(tmp_path / name))
    items = {Path(item.name).name: item for item in benchmark.items}
    assert items["1.v2.jpg"].mask == tmp_path / "masks/1.png"
    assert items["2.v2.jpg"].mask is None and items["2.v2.jpg"].problem is None
    three = items["3.v2.jpg"]
    assert three.manipulated and three.problem is not None and three.problem.reason is Reason.NOT_FOUND
    assert read_source(items["1.v2.jpg"].image) == (tmp_path / "imgs/1.v2.jpg").read_bytes()
    assert ("entry 4" in items) == (name == "benco.json")


def test_a_list_names_a_split_of_the_folder_that_it_lies_in(tmp_path):
    root = lay(tmp_path, SHAPES["rtm"])
    (root / "test.txt").write_text("cpmv_1\ngood_2\ncpmv_9\n")
    benchmark = read_benchmark(f"rtm={root / 'test.txt'}")
    assert [item.key for item in benchmark.items] == ["cpmv_1", "cpmv_9", "good_2"]
    assert reasons(benchmark) == {"cpmv_9": "missing_manipulated"}
    assert (benchmark.name, benchmark.title) == ("rtm-test", "RealTextManipulation, test")
    assert benchmark.rule.above == 0 and benchmark.expected.manipulated is None  # the count is that of the whole
    assert [item.key for item in read_benchmark(str(root / "test.txt")).items] == ["cpmv_1", "cpmv_9", "good_2"]


@pytest.mark.parametrize("form", ["folder", "shards"])
def test_one_of_our_own_datasets_gives_kept_masks_and_each_authentic_picture_once(form, tmp_path):
    def png(pixels: np.ndarray) -> bytes:
        return cv2.imencode(".png", pixels)[1].tobytes()

    with open_writer(tmp_path / "data", format=form) as writer:
        for number, (key, status, authentic, extra) in enumerate(
            (
                ("a", "kept", 1, {}),
                ("b", "kept", 1, {}),
                ("c", "kept", 2, {"component": "c7"}),
                ("d", "rejected", 3, {}),
            )
        ):
            files = {"authentic.png": png(picture(authentic)), "manipulated.png": png(picture(10 + number))}
            files |= {"mask.png": png(white())} if status == "kept" else {}
            row = Row(key, f"name {key}", status, kind="SPG", authentic_sha256=f"hash {authentic}", extra=extra)
            writer.add(Finished(row, files))
        writer.finish()
    benchmark = read_benchmark(str(tmp_path / "data"))
    items = {item.key: item for item in benchmark.items}
    assert list(items) == ["a", "a-authentic", "b", "c", "c-authentic"]
    assert [item.manipulated for item in benchmark.items] == [True, False, True, True, False]
    assert [item.group for item in benchmark.items] == ["hash 1", "hash 1", "hash 1", "c7", "c7"]
    assert items["b"].kind == "SPG" and items["b"].name == "name b"
    assert isinstance(items["b"].image, Member)
    assert read_source(items["b"].image) == png(picture(11))
    assert read_source(items["b"].authentic[0]) == read_source(items["a-authentic"].image) == png(picture(1))
    assert np.array_equal(read_truth(items["c"], benchmark.rule, MAX_PIXELS), MARKED)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("none", "none does not exist"),
        ("casia-v3={}", "There is no benchmark 'casia-v3'. Did you mean casia-v2"),
        ("xyzzy={}", "There is no benchmark 'xyzzy'. Known: autosplice"),
        ("coverage=none", "none does not exist"),
        ("coverage=", "The path does not exist"),
        ("", "The path does not exist"),
        ("{}/a.jpg", "neither a folder nor a table"),
        ("{}/empty", "There is no picture in"),
        ("{}/odd", "no mask was found where a benchmark lies .autosplice.* It holds pairs.csv: give one"),
        ("dso-1={}/odd", "no mask was found where DSO-1 lies, nor in DSO-1/, DSO-1-Fake-Images-Masks/; Tp/ and Gt/"),
        ("{}/lmdb", "is no LMDB database of pictures, or is damaged"),
        ("{}/gone.txt", "None of the 1 pictures in .*gone.txt is there, such as x/a.jpg"),
        ("{}/empty.txt", "names no picture"),
        ("{}/broken.json", "is not readable JSON"),
        ("{}/dict.json", "must hold a list"),
        ("{}/binary.txt", "is no list of pictures"),
        ("{}/bad\0name", "cannot be looked at|does not exist"),
    ],
)
def test_what_is_no_benchmark_is_refused_in_one_sentence(spec, words, tmp_path):
    write(tmp_path / "a.jpg", picture(1))
    write(tmp_path / "odd/x/a.jpg", picture(1))
    (tmp_path / "odd/pairs.csv").write_text("key\n")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "lmdb/data.mdb", b"\0")
    (tmp_path / "gone.txt").write_text("x/a.jpg x/b.png 1\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "broken.json").write_text('[["a"')
    (tmp_path / "dict.json").write_text("{}")
    (tmp_path / "binary.txt").write_bytes(b"\0\1")
    with pytest.raises(SettingError, match=words) as error:
        read_benchmark(spec.format(tmp_path))
    assert len(str(error.value).splitlines()) == 1


def test_what_is_known_has_its_source():
    for known in BENCHMARKS:
        counts = (known.expected.manipulated, known.expected.authentic)
        assert bool(known.expected.source) == any(count is not None for count in counts), known.name
        assert all(layout.source for layout in known.layouts), known.name
    assert len(set(known_names())) == len(BENCHMARKS)
    assert not ({shape.split()[0] for shape in SHAPES} ^ set(known_names())) - {
        "Tp", "imgs", "images", "autosplice-90", "defacto-12k",
    }  # fmt: skip


def test_the_page_says_what_the_code_knows():
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")
    rows = {line.split("`")[1]: line.split("|") for line in page.splitlines() if line.startswith("| `")}
    for known in BENCHMARKS:
        cells = [cell.strip() for cell in rows[known.name]]
        counts = [known.expected.manipulated, known.expected.authentic]
        assert cells[3:5] == ["unknown" if count is None else f"{count:,}" for count in counts], known.name
