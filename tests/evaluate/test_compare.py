"""Who wins, worked out by hand; and results that are damaged, strange or not of one kind."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluate.saved_runs import authentic, result, row, write_run

from webiml.errors import SettingError
from webiml.evaluate.compare import Comparison, compare, holm
from webiml.evaluate.published import Published, read_published, same_benchmark
from webiml.evaluate.saved_run import read_run
from webiml.report.comparison import as_record, sentence


def two(tmp_path: Path, first: dict[str, float], second: dict[str, float], groups: str = "", **options) -> Comparison:
    """A against B, of pictures with these F1; `groups` has a letter for each, in order."""
    folders = []
    for name, values in (("A", first), ("B", second)):
        named = dict(zip(values, groups, strict=True)) if groups else {}
        folders.append(write_run(tmp_path / name, [row(key, f1, named.get(key, "")) for key, f1 in values.items()]))
    return compare(folders, **options)


def test_three_groups_have_eight_signs(tmp_path):
    # Sums of the groups: x 0.1 + 0.2, y 0.3, z -0.1. Of 8 signs, 4 give a sum as far from 0 as 0.5.
    first = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    found = two(tmp_path, first, {"a": 0.6, "b": 0.7, "c": 0.8, "d": 0.4}, "xxyz")
    (duel,) = found.duels
    assert (duel.first, duel.second, duel.n, duel.groups) == ("A", "B", 4, 3)
    assert duel.difference.mean == pytest.approx(0.125) and duel.difference.p == duel.p_holm == 0.5
    assert (duel.difference.first, duel.difference.second, duel.difference.equal) == (1, 3, 0)
    # Drawn are whole groups, so the mean lies between those of z and y alone
    assert duel.difference.low == pytest.approx(-0.1) and duel.difference.high == pytest.approx(0.3)
    assert sentence(duel, found) == (
        "No difference seen between A and B: +0.125 F1 at 0.5 (-0.100 to +0.300), p = 0.500, on 4 pictures."
    )


def test_who_wins_is_said_with_how_much_and_how_surely(tmp_path):
    first = dict.fromkeys("abcdef", 0.25)
    found = two(tmp_path / "up", first, dict.fromkeys("abcdef", 0.5))
    assert found.duels[0].difference.p == 2 / 64  # all six signs alike
    words = "better than A by 0.250 F1 at 0.5 (0.250 to 0.250), p = 0.031, on 6 pictures."
    assert sentence(found.duels[0], found) == f"B is {words}"
    found = two(tmp_path / "down", dict.fromkeys("abcdef", 0.5), first)
    assert sentence(found.duels[0], found) == f"A is {words.replace('than A', 'than B')}"
    found = two(tmp_path / "same", first, first, metric="iou")
    assert found.duels[0].difference.p == 1 and "No difference seen between A and B: +0.000 IoU" in sentence(
        found.duels[0], found
    )


def test_p_values_of_several_runs_are_corrected(tmp_path):
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.8, 0.7]) == [1.0, 1.0] and holm([0.2]) == [0.2]
    keys = "abcdefg"
    levels = {"A": 0.2, "B": 0.4, "C": 0.2}
    folders = [write_run(tmp_path / name, [row(key, f1) for key in keys]) for name, f1 in levels.items()]
    found = compare(folders)
    assert [duel.difference.p for duel in found.duels] == [2 / 128, 1.0]
    assert [duel.p_holm for duel in found.duels] == [4 / 128, 1.0]
    assert "p = 0.016 (0.031 after Holm), on 7 pictures" in sentence(found.duels[0], found)


def test_only_pictures_that_all_runs_have_scored_are_compared(tmp_path):
    pictures = [row("a", 0.1), row("b", 0.2), row("c", 0.3), row("d", 0.4)]
    other = [row("a", 0.3), row("b", 0.9, sha256="edited"), row("c", 0.9, mask_sha256="redrawn")]
    other += [replace(row("d", None), result="skipped"), row("e", 0.9)]
    found = compare([write_run(tmp_path / "A", pictures), write_run(tmp_path / "B", other)])
    assert [[one.key for one in rows] for rows in found.common] == [["a"], ["a"]]
    assert (found.n, found.left_out) == (1, (3, 3)) and found.duels[0].difference.mean == pytest.approx(0.2)
    first, second = found.parts["set"]
    assert (first.n, first.own, first.f1, second.own, second.f1) == (1, 4, 0.1, 4, 0.3)


def test_figures_are_of_the_pictures_in_common(tmp_path):
    pictures = [
        row("a", 0.25, score=0.9),
        row("b", 0.75, score=0.2),
        authentic("x", 0.1, 0.5),
        authentic("y", 0.3, 0.0),
    ]
    elsewhere = [row("c", 0.5, benchmark="other"), row("gone", 1.0)]
    folders = [write_run(tmp_path / "A", [*pictures, *elsewhere]), write_run(tmp_path / "B", [*pictures, elsewhere[0]])]
    found = compare(folders)
    assert list(found.parts) == ["set", "other", "all together"]
    one = found.parts["set"][0]
    assert (one.run, one.n, one.own, one.f1, one.false_alarm_area) == ("A", 4, 5, 0.5, 0.25)
    assert one.image_auc == 0.75  # of four pairs only 0.2 against 0.3 is the wrong way round
    assert one.f1_interval == (0.25, 0.75)
    together = found.parts["all together"][1]
    assert (together.n, together.own, together.f1) == (5, 5, 0.5) and found.parts["other"][0].image_auc is None


def test_authentic_pictures_count_where_the_protocol_says_so(tmp_path):
    pictures = [row("a", 0.5), replace(authentic("x", 0.1), f1=0.0)]
    for protocol, n in (("webiml", 1), ("benco", 2)):
        names = ("A", "B")
        found = compare([write_run(tmp_path / protocol / name, pictures, protocol=protocol) for name in names])
        assert (found.duels[0].n, found.parts["set"][0].f1) == (n, 0.5 / n)


def test_a_picture_without_the_figure_in_one_run_is_not_in_its_test(tmp_path):
    first = write_run(tmp_path / "A", [row("a", 0.5), row("b", 0.5, auc=None)])
    second = write_run(tmp_path / "B", [row("a", 0.75, auc=None), row("b", 0.75)])
    assert compare([first, second]).duels[0].n == 2
    with pytest.raises(SettingError, match="A and B share no picture that has pixel AUC: give another --metric"):
        compare([first, second], "auc")


def test_runs_of_one_name_are_told_apart_by_their_path(tmp_path):
    folders = [write_run(tmp_path / name / "out", [row("a")]) for name in ("x", "y")]
    assert [run.name for run in compare(folders).runs] == [str(folder) for folder in folders]


def test_what_cannot_be_compared_is_refused(tmp_path):
    ours = write_run(tmp_path / "ours", [row("a")])
    with pytest.raises(SettingError, match="Give two results or more"):
        compare([ours])
    with pytest.raises(SettingError, match="was given twice"):
        compare([ours, tmp_path / "." / "ours" / ".." / "ours"])
    theirs = write_run(tmp_path / "theirs", [row("a")], protocol="trufor")
    with pytest.raises(SettingError, match=r"different protocols \(ours webiml, theirs trufor\)"):
        compare([ours, theirs])
    apart = write_run(tmp_path / "apart", [row("a", benchmark="other")])
    with pytest.raises(SettingError, match=r"no picture in common.*ours: set; apart: other"):
        compare([ours, apart])
    empty = write_run(tmp_path / "empty", [replace(row("a"), result="skipped")])
    with pytest.raises(SettingError, match=r"no picture in common.*empty: none"):
        compare([ours, empty])
    double = write_run(tmp_path / "double", [row("a", 0.1), row("a", 0.2)])
    with pytest.raises(SettingError, match="two rows of set a"):
        compare([ours, double])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": 2}, "has schema 2, this webiml reads 1"),
        ({"schema": True}, "schema is missing or wrong"),
        ({"protocol": "best"}, "names a protocol that webiml does not know: 'best'"),
        ({"n": -1}, "n is missing or wrong"),
        ({"what": []}, "what.kind is missing or wrong"),
        ({"training_data": {"known": True, "leaks": None}}, "training_data.leaks is missing or wrong"),
        ({"pixel.f1_by_threshold": [0.5] * 254}, "pixel.f1_by_threshold is missing or wrong"),
        ({"pixel.f1_by_threshold": [2.0] * 255}, "pixel.f1_by_threshold is missing or wrong"),
        ({"pixel.f1": "0.5"}, "pixel.f1 is missing or wrong"),
        ({"pixel.f1": float("nan")}, "holds no JSON object"),
        ({"robustness": {"jpeg": {"levels": [1, 2], "f1": [0.5]}}}, "robustness is missing or wrong"),
        ({"robustness": {"jpeg": {"levels": [1e300], "f1": [0.5]}}}, "robustness is missing or wrong"),
        ({"robustness": {"jpeg": 5}}, "robustness is missing or wrong"),
        ({"robustness": {str(kind): {"levels": [1], "f1": [0.5]} for kind in range(99)}}, "robustness is missing"),
        ({"fingerprint": "another"}, "are not of one run: evaluate again"),
    ],
)
def test_a_result_that_is_not_as_it_should_be_is_refused(tmp_path, changes, words):
    with pytest.raises(SettingError, match=r"run/(result\.json|per_image\.parquet)") as error:
        read_run(write_run(tmp_path / "run", [row("a")], **changes))
    assert words in str(error.value)


def test_files_that_are_none_of_ours_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"is no finished result .*no such file\); give a folder"):
        read_run(tmp_path / "nowhere")
    run = write_run(tmp_path / "run", [row("a")])
    for text in ("{", "[1]", "[" * 100_000, '{"schema": 1e999}', "\xff"):
        (run / "result.json").write_text(text, encoding="latin-1")
        with pytest.raises(SettingError, match="is no result of webiml evaluate"):
            read_run(run)
    (run / "result.json").unlink()
    (tmp_path / "elsewhere.json").write_text(json.dumps(result([])))
    os.symlink(tmp_path / "elsewhere.json", run / "result.json")
    with pytest.raises(SettingError, match="leaves the folder"):
        read_run(run)


def test_tables_that_are_none_of_ours_are_refused(tmp_path):
    run = write_run(tmp_path / "run", [row("a")])
    table = run / "per_image.parquet"
    good = pq.read_table(table)
    texts = pa.array(["much"] * good.num_rows)
    column = good.schema.get_field_index("f1")
    for changed, words in (
        (good.drop_columns(["f1"]), "column f1 is missing or not double"),
        (good.set_column(column, "f1", texts), "column f1 is missing or not double"),
        (good.set_column(column, "f1", pa.array([1.5])), "the row 'a' holds what is no figure"),
        (good.set_column(column, "f1", pa.array([np.nan])), "the row 'a' holds what is no figure"),
    ):
        pq.write_table(changed.replace_schema_metadata(good.schema.metadata), table)
        with pytest.raises(SettingError) as error:
            read_run(run)
        assert words in str(error.value)
    table.write_bytes(b"PAR1 and no more")
    with pytest.raises(SettingError, match="cannot be read as a table"):
        read_run(run)
    table.unlink()
    with pytest.raises(SettingError, match="is not there"):
        read_run(run)


def test_published_figures_are_rows_of_the_same_protocol_and_benchmark(tmp_path):
    table = tmp_path / "published.csv"
    table.write_text(
        "name,benchmark,protocol,f1,iou,n,source,learned_from\n"
        '"Net, large",SET,webiml,0.5,,920,"a paper, table 3",CASIA v2\n'
        "Net,set,benco,0.7,,,,\n"
        "Net,set 2,webiml,,0.25,,,\n"
    )
    published = read_published(table)
    assert published[0] == Published("Net, large", "SET", "webiml", 0.5, n=920, source="a paper, table 3")
    assert (published[2].f1, published[2].iou) == (None, 0.25)
    folders = [write_run(tmp_path / name, [row("a")]) for name in "AB"]
    found = compare(folders, published=published)
    assert (found.published, found.published_left_out) == ((published[0],), 2)
    record = json.loads(json.dumps(as_record(found), allow_nan=False))
    assert record["published"][0]["source"] == "a paper, table 3" and len(record["differences"]) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a,set,webiml,1.5", "line 2: f1 must lie between 0 and 1, got '1.5'"),
        ("a,set,webiml,nan", "line 2: f1 must lie between 0 and 1, got 'nan'"),
        ("a,set,webiml,high", "line 2: f1 must lie between 0 and 1, got 'high'"),
        (",set,webiml,0.5", "line 2: name is empty"),
        ("a,set,webiml,0.5,6", "line 2: 5 fields, the header has 4"),
    ],
)
def test_a_published_row_that_cannot_be_used_is_an_error(tmp_path, line, words):
    table = tmp_path / "published.csv"
    table.write_text(f"name,benchmark,protocol,f1\n{line}\n")
    with pytest.raises(SettingError) as error:
        read_published(table)
    assert words in str(error.value)


def test_tables_of_published_figures_that_cannot_be_read(tmp_path):
    table = tmp_path / "published.csv"
    table.write_text("name,benchmark,f1\na,b,0.5\n")
    with pytest.raises(SettingError, match="has no column protocol"):
        read_published(table)
    with pytest.raises(SettingError, match=r"must be a \.csv or \.tsv table"):
        read_published(tmp_path / "published.xlsx")
    table.write_text("name,benchmark,protocol,f1,n\na,set,webiml,0.5,many\n")
    with pytest.raises(SettingError, match="n must be a number of pictures, got 'many'"):
        read_published(table)


def test_names_of_one_benchmark():
    assert same_benchmark("CASIA v1", "casia-v1") and same_benchmark("NIST16", "nist_16")
    assert not same_benchmark("CASIA v1+", "casia-v1") and not same_benchmark("CASIA v2", "casia-v1")
