"""What a person has drawn: kept stroke by stroke, of nothing but pixels of the grid, and laid on exactly these."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.app.review.drafts import Draft, Stroke, add_to_draft, drop_draft, read_draft, strokes_on_grid
from webiml.app.review.grid import grid_of, to_grid, to_native
from webiml.app.review.mask import mended
from webiml.errors import SettingError

GRID = (3, 5)
BEGUN = Draft(GRID, None)


def add(folder: Path, line: dict | None) -> Draft:
    return add_to_draft(folder, "cat", "Ann", BEGUN, line)


def stroke(value: int, *runs: int) -> dict:
    return {"stroke": {"value": value, "runs": list(runs)}}


def test_lines_are_read_back_in_their_order(tmp_path):
    assert read_draft(tmp_path, "cat", "Ann") is None
    add(tmp_path, stroke(1, 0, 2, 7, 3))
    add(tmp_path, {"threshold": 90})
    add(tmp_path, stroke(0, 8, 1))
    read = read_draft(tmp_path, "cat", "Ann")
    assert read is not None
    assert (read.grid, read.base, read.threshold) == (GRID, None, 90)
    assert read.strokes == [Stroke(1, [0, 2, 7, 3]), Stroke(0, [8, 1])]
    assert read_draft(tmp_path, "cat", "Bo") is None
    assert read_draft(tmp_path, "dog", "Ann") is None


def test_undo_drops_the_last_stroke_and_no_threshold(tmp_path):
    for line in (stroke(1, 0, 1), {"threshold": 90}, stroke(1, 3, 1), {"undo": True}):
        add(tmp_path, line)
    read = read_draft(tmp_path, "cat", "Ann")
    assert read is not None
    assert ([one.runs for one in read.strokes], read.threshold) == ([[0, 1]], 90)
    add(tmp_path, {"undo": True})
    assert add(tmp_path, {"undo": True}).strokes == []  # with nothing left it does nothing
    assert add(tmp_path, {"threshold": None}).threshold is None


def test_a_dropped_draft_is_gone(tmp_path):
    add(tmp_path, stroke(1, 0, 1))
    drop_draft(tmp_path, "cat", "Ann")
    assert read_draft(tmp_path, "cat", "Ann") is None
    drop_draft(tmp_path, "cat", "Ann")


def test_a_stroke_that_a_kill_cut_short_does_not_count_and_the_next_one_does(tmp_path):
    add(tmp_path, stroke(1, 0, 1))
    [path] = (tmp_path / ".webiml" / "review").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"stroke":{"value":1,"ru')
    read = read_draft(tmp_path, "cat", "Ann")
    assert read is not None and len(read.strokes) == 1
    assert len(add(tmp_path, stroke(1, 4, 1)).strokes) == 2
    read = read_draft(tmp_path, "cat", "Ann")
    assert read is not None and [one.runs for one in read.strokes] == [[0, 1], [4, 1]]


def test_what_was_answered_survives_a_kill(tmp_path):
    code = (
        "import sys, os, signal\nfrom pathlib import Path\n"
        "from webiml.app.review.drafts import Draft, add_to_draft\n"
        "for number in range(3):\n"
        "    line = {'stroke': {'value': 1, 'runs': [number, 1]}}\n"
        "    add_to_draft(Path(sys.argv[1]), 'cat', 'Ann', Draft((3, 5), None), line)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60)
    assert done.returncode == -9
    read = read_draft(tmp_path, "cat", "Ann")
    assert read is not None and [one.runs for one in read.strokes] == [[0, 1], [1, 1], [2, 1]]
    assert len(add(tmp_path, stroke(1, 9, 1)).strokes) == 4  # and its lock ended with it


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"stroke": {"value": 1, "runs": [0, 1]}, "undo": True},
        {"undo": 1},
        {"undo": False},
        {"threshold": 0},
        {"threshold": 256},
        {"threshold": 1.0},
        {"threshold": True},
        {"threshold": float("nan")},
        {"stroke": None},
        {"stroke": [1]},
        stroke(2, 0, 1),
        {"stroke": {"value": True, "runs": [0, 1]}},
        {"stroke": {"value": 1}},
        {"stroke": {"value": 1, "runs": "0123"}},
        stroke(1),
        stroke(1, 0),
        stroke(1, 0, 0),
        stroke(1, -1, 2),
        stroke(1, 0, -1),
        stroke(1, 14, 2),  # 15 pixels
        stroke(1, 0, 16),
        stroke(1, 0, 2, 1, 2),
        stroke(1, 4, 1, 0, 1),
        stroke(1, 10**30, 1),
        {"stroke": {"value": 1, "runs": [0.0, 1.0]}},
        {"stroke": {"value": 1, "runs": [float("nan"), 1]}},
        {"stroke": {"value": 1, "runs": [False, True]}},
        {"stroke": {"value": 1, "runs": [[0, 1]]}},
        {"path": "../x"},
    ],
    ids=str,
)
def test_what_is_no_line_is_refused_and_not_written(tmp_path, line):
    with pytest.raises(SettingError):
        add(tmp_path, line)
    assert read_draft(tmp_path, "cat", "Ann") is None


def test_a_draft_of_another_size_is_refused_in_words(tmp_path):
    add(tmp_path, stroke(1, 0, 1))
    with pytest.raises(SettingError, match="another size"):
        add_to_draft(tmp_path, "cat", "Ann", Draft((4, 4), None), stroke(1, 0, 1))


def test_a_file_that_somebody_changed_is_told_in_words(tmp_path):
    add(tmp_path, stroke(1, 0, 1))
    [path] = (tmp_path / ".webiml" / "review").iterdir()
    for wrong in (b'{"stroke":{"value":1,"runs":[0,99]}}\n', b"[]\n", b"nonsense\n"):
        path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n" + wrong)
        with pytest.raises(SettingError, match="drop it"):
            read_draft(tmp_path, "cat", "Ann")
    drop_draft(tmp_path, "cat", "Ann")
    assert add(tmp_path, stroke(1, 0, 1)).lines == 2


def test_a_full_draft_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("webiml.app.review.drafts.MAX_STROKES", 2)
    add(tmp_path, stroke(1, 0, 1))
    add(tmp_path, stroke(1, 2, 1))
    with pytest.raises(SettingError, match="full"):
        add(tmp_path, stroke(1, 4, 1))
    assert len(add(tmp_path, {"undo": True}).strokes) == 1


def test_later_strokes_win():
    drawn = strokes_on_grid([Stroke(1, [0, 4, 10, 5]), Stroke(0, [2, 3])], GRID)
    assert drawn.tolist() == [[1, 1, 0, 0, 0], [-1] * 5, [1] * 5]


def test_many_runs_are_drawn_as_few_are(monkeypatch):
    strokes = [Stroke(1, [0, 2, 2, 1, 5, 1, 14, 1]), Stroke(0, [1, 1])]
    slow = strokes_on_grid(strokes, GRID)
    monkeypatch.setattr("webiml.app.review.drafts._PYTHON_RUNS", 0)
    assert np.array_equal(strokes_on_grid(strokes, GRID), slow)


sides = st.integers(1, 40)


@given(st.tuples(sides, sides), st.integers(1, 600))
def test_a_grid_pixel_covers_its_own_pixels_once_and_gets_them_back(size, most):
    grid = grid_of(size, most)
    assert grid[0] * grid[1] <= max(most, 1) and 1 <= grid[0] <= size[0] and 1 <= grid[1] <= size[1]
    numbers = np.arange(grid[0] * grid[1]).reshape(grid)
    native = to_native(numbers, size)
    assert native.shape == size
    assert np.array_equal(np.unique(native), numbers.reshape(-1))  # every grid pixel has some, every pixel one
    assert np.array_equal(to_grid(native, grid), numbers)
    assert np.all(np.diff(native, axis=1) >= 0) and np.all(np.diff(native, axis=0) >= 0)


@given(
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 199), st.integers(1, 60)), max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_strokes_change_what_they_touch_and_nothing_else(size, most, given_strokes, seed):
    grid = grid_of(size, most)
    count = grid[0] * grid[1]
    strokes = [Stroke(v, [s % count, min(n, count - s % count)]) for v, s, n in given_strokes]
    rng = np.random.default_rng(seed)
    base, levels = rng.random(size) < 0.5, rng.integers(0, 256, size, np.uint8)
    for threshold, start in ((None, base), (77, levels >= 77)):
        mask = mended(base, levels, Draft(grid, None, threshold, strokes), None, size)
        wanted = start.copy()
        for y, x in np.ndindex(size):  # by hand, pixel by pixel
            at = (y * grid[0] // size[0]) * grid[1] + x * grid[1] // size[1]
            for one in strokes:
                if one.runs[0] <= at < one.runs[0] + one.runs[1]:
                    wanted[y, x] = one.value == 1
        assert np.array_equal(mask, wanted)
