"""What the pages generate from the code names everything there is, and says what the command itself says."""

import dataclasses
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from webiml import Annotation, Kind, Reason, Status
from webiml.evaluate.degrade import Kind as Degrading
from webiml.evaluate.degrade import parse_degradations
from webiml.evaluate.protocols import PROTOCOLS
from webiml.evaluate.rows import ImageRow
from webiml.localize.rows import PictureRow
from webiml.settings import (
    AnnotateRun,
    AnnotatorSettings,
    EvaluateRun,
    EvaluateSettings,
    LocalizeRun,
    LocalizeSettings,
)
from webiml.types import Row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module("reference")


def first_cells(table: str) -> list[str]:
    """The first column of a Markdown table, head left out."""
    return [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]


def test_every_column_stands_in_its_place_and_is_explained(reference):
    table = reference.columns()
    names = [f"`{field.name}`" for field in dataclasses.fields(Row) if field.name != "extra"]
    assert first_cells(table) == [*names, "`input.<name>`"]
    assert all(len(line.split(" | ")) == 4 and len(line.split(" | ")[3]) > 10 for line in table.splitlines()[2:])


def test_every_word_of_a_closed_list_is_explained(reference):
    for part, words in ((reference.statuses, Status), (reference.kinds, Kind), (reference.reasons, Reason)):
        assert sorted(first_cells(part())) == sorted(f"`{word.value}`" for word in words)


def test_every_column_of_results_is_explained(reference):
    table = reference.localize_columns()
    assert first_cells(table) == [f"`{field.name}`" for field in dataclasses.fields(PictureRow)]
    assert all(len(line.split(" | ")) == 4 and len(line.split(" | ")[3]) > 10 for line in table.splitlines()[2:])
    assert first_cells(reference.localize_regions()) == ["`box`", "`polygons`", "`area`", "`score`"]


def test_every_column_protocol_and_degradation_of_an_evaluation_is_explained(reference):
    table = reference.evaluate_columns()
    assert first_cells(table) == [f"`{field.name}`" for field in dataclasses.fields(ImageRow)]
    assert all(len(line.split(" | ")[3]) > 5 for line in table.splitlines()[2:])
    assert first_cells(reference.evaluate_protocols()) == [f"`{name}`" for name in PROTOCOLS]
    written = [cell.strip("`") for cell in first_cells(reference.evaluate_degradations())]
    kinds = get_args(Degrading)
    assert [text.partition(":")[0] for text in written] == list(kinds)
    assert all(parse_degradations([text]) for text in written)


@pytest.mark.parametrize(
    ("command", "settings", "parts"),
    [
        ("annotate", (AnnotatorSettings, AnnotateRun), ("result_flags", "run_flags")),
        ("localize", (LocalizeSettings, LocalizeRun), ("localize_result_flags", "localize_run_flags")),
        ("evaluate", (EvaluateSettings, EvaluateRun), ("evaluate_result_flags", "evaluate_run_flags")),
    ],
    ids=["annotate", "localize", "evaluate"],
)
def test_every_flag_is_listed_with_its_default_as_the_command_says_it(reference, command, settings, parts):
    shown = subprocess.run(
        [sys.executable, "-m", "webiml", command, "--help"], capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"COLUMNS": "300"},
    ).stdout  # fmt: skip
    listed = "".join(getattr(reference, part)() for part in parts)
    for field in (field for one in settings for field in dataclasses.fields(one)):
        flag = f"--{field.name.replace('_', '-')}"
        (line,) = [line for line in shown.splitlines() if re.match(rf"\S* +{flag} ", line)]
        (row,) = [row for row in listed.splitlines() if re.match(rf"\| `{flag}[ `]", row)]
        named = {True: "on", False: "off", None: "none", "": "none"}
        plain = field.default in (None, "") or isinstance(field.default, bool)
        assert field.default in (None, "") or f"[default: {field.default}]" in line
        assert (f"| {named[field.default]} |" if plain else f"`{field.default}`") in row
        assert row.split(" | ")[2].strip(" |").replace("`", "") in line


def test_the_arguments_are_those_of_the_command(reference):
    assert "`PAIRS`" in reference.arguments() and "`--out PATH`" in reference.arguments()
    assert "`PICTURES`" in reference.localize_arguments() and "`--out PATH`" in reference.localize_arguments()
    for table in (reference.arguments(), reference.localize_arguments()):
        assert all(len(line.split(" | ")[1]) > 10 for line in table.splitlines()[2:])


def test_an_undocumented_attribute_is_noticed(reference):
    assert reference.attribute_docs(AnnotateRun)["workers"].startswith("Processes that annotate")
    with pytest.raises(KeyError):
        reference.fields(Annotation)  # documented in its docstring, not below each attribute


def test_the_page_of_the_api_lists_every_attribute():
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    for name in [field.name for field in dataclasses.fields(Annotation)] + ["mask"]:
        assert f"\n| `{name}` |" in page


def test_the_readme_repeats_the_figures_word_for_word():
    readme = (ROOT / "README.md").read_text("utf-8")
    between = readme.partition("word for word -->\n")[2].partition("<!-- end of figures -->")[0]
    assert between.strip() == (ROOT / "docs" / "figures.md").read_text("utf-8").strip() != ""
