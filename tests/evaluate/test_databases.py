"""DocTamper's LMDB databases: read where they lie, and hostile ones refused."""

import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from tests.evaluate.tiny_benchmarks import MARKED, ones, picture

from webiml.errors import BadImage, SettingError
from webiml.evaluate.benchmarks.check import check_benchmark
from webiml.evaluate.benchmarks.databases import Entry, read_entry
from webiml.evaluate.benchmarks.items import read_source, read_truth
from webiml.evaluate.benchmarks.read import read_benchmark
from webiml.evaluate.plan import plan
from webiml.evaluate.run import evaluate
from webiml.settings import EvaluateRun, EvaluateSettings
from webiml.types import Reason

lmdb = pytest.importorskip("lmdb", reason="the lmdb extra is not installed")


def write_database(folder: Path, values: dict[str, bytes]) -> Path:
    folder.mkdir()
    with lmdb.open(str(folder), map_size=1 << 20) as database, database.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return folder


def coded(array) -> bytes:
    return cv2.imencode(".png", array)[1].tobytes()


@pytest.fixture
def database(tmp_path) -> Path:
    """Three pictures, of which the last has no mask."""
    values = {f"image-{number:09}": coded(picture(number)) for number in range(3)}
    values |= {f"label-{number:09}": coded(ones()) for number in range(2)}
    return write_database(tmp_path / "DocTamperV1-FCD", values | {"num-samples": b"3"})


def test_a_database_is_a_benchmark(database):
    found = read_benchmark(str(database))
    assert (found.name, len(found.items), found.rule.above) == ("doctamper", 3, 0)
    first = found.items[0]
    assert read_source(first.image) == coded(picture(0))
    assert (read_truth(first, found.rule, 10**6) == MARKED).all()
    checked = check_benchmark(found, 1)
    assert (checked.manipulated, checked.unusable) == (2, 1)


def test_it_is_scored_like_any_other_and_what_is_missing_is_a_row(database, tmp_path):
    (tmp_path / "maps").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "maps" / f"{number:09}.png"), MARKED.astype("uint8") * 255)
    settings, run = EvaluateSettings(predictions=tmp_path / "maps"), EvaluateRun(workers=1)
    result = evaluate(plan([read_benchmark(str(database))], settings, run), tmp_path / "out", run).result
    assert (result["n"], result["skipped"], result["pixel"]["f1"]) == (2, 1, 1.0)
    assert result["skipped_reasons"] == {"not_found": 1}
    assert result["skipped_pictures"][0]["detail"] == "label-000000002 is not in the database"


def test_a_value_that_is_not_there_is_a_bad_image(database):
    with pytest.raises(BadImage) as error:
        read_entry(Entry(database, "image-000000007"))
    assert error.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("said", [b"-1", b"0", b"99999999999", b"many", b"", None])
def test_a_database_that_does_not_say_how_many_is_refused(said, tmp_path):
    folder = write_database(tmp_path / "odd", {"image-000000000": b"x"} | ({"num-samples": said} if said else {}))
    with pytest.raises(SettingError, match="does not say how many"):
        read_benchmark(str(folder))


def test_a_damaged_database_is_refused(database):
    whole = (database / "data.mdb").read_bytes()
    (database / "data.mdb").write_bytes(whole[:5000])
    with pytest.raises(SettingError, match="is damaged"):
        read_benchmark(str(database))


def test_without_lmdb_one_sentence_says_what_to_install(database):
    code = (
        "import sys; sys.modules['lmdb'] = None\n"
        "import importlib.util; importlib.util.find_spec = lambda name: None\n"
        "from webiml.evaluate.benchmarks.databases import count_pictures\n"
        "from pathlib import Path\n"
        "from webiml.errors import SettingError\n"
        "try: count_pictures(Path(sys.argv[1]))\n"
        "except SettingError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(database)], capture_output=True, text=True, timeout=60)
    assert "pip install 'webiml[lmdb]'" in done.stdout
