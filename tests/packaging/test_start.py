"""What starts quickly must not import what is heavy; and the public surface is there when asked for."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "cv2", "onnxruntime", "pyarrow", "numpy", "PIL", "jinja2", "pandas", "scipy"}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running `code`."""
    code += "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import webiml",
        "from webiml.cli.main import run; run(['--help'])",
        "from webiml.cli.main import run; run(['--version'])",
        "from webiml.cli.main import run; run(['annotate', '--help'])",
    ],
    ids=["import", "help", "version", "command-help"],
)
def test_nothing_heavy_is_imported(code):
    loaded = modules_after(code)
    assert "webiml" in loaded
    assert not loaded & HEAVY


def test_bare_help_needs_no_command_line_library():
    assert not modules_after("from webiml.cli.main import run; run(['--help'])") & {"cyclopts", "rich", "yaml"}


def test_the_public_surface_is_there():
    code = "import webiml\nfor name in webiml.__all__: assert getattr(webiml, name) is not None\n"
    loaded = modules_after(code + "from webiml import annotate_pair, Annotator")
    assert "torch" not in loaded


def test_an_unknown_name_is_an_attribute_error():
    import webiml

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = webiml.no_such_name
    assert set(webiml.__all__) <= set(dir(webiml))
