"""The example notebook runs from the root of the repository, and shows what it says."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> list[dict]:
    """What the cells of the notebook put out, in order, when a real kernel runs it."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))  # nothing of this user is read or written
        client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}})
        client.execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_it_shows_the_pair_the_localizer_and_the_picture(shown):
    pages = [output["data"]["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert len(pages) == 3 and all(page.startswith('<div class="webiml"') for page in pages)
    annotation, localizer, localization = pages
    assert ">kept<" in annotation and annotation.count("data:image/jpeg;base64,") == 2
    assert "Localizer web-iml" in localizer and "<img" not in localizer
    assert "score " in localization and localization.count("data:image/jpeg;base64,") == 3


def test_it_also_shows_pictures_without_html(shown):
    assert sum("image/png" in output.get("data", {}) for output in shown) == 3  # both results, and the cut-out
    text = "".join(output["text"] for output in shown if output["output_type"] == "stream")
    iou = float(text.partition("IoU ")[2].partition(",")[0])
    assert iou > 0.9 and "authentic:   score" in text


def test_it_is_kept_without_outputs_and_without_paths_of_a_machine():
    text = NOTEBOOK.read_text("utf-8")
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert notebook["nbformat"] == 4 and notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert not any(word in text for word in ("/home/", "/work", "/tmp", "C:\\\\"))
