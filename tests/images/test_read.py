import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from webiml.errors import BadImage
from webiml.images.read import read_bytes, readable
from webiml.types import Reason


def reason_of(path: Path, root: Path | None = None, max_bytes: int = 1000) -> Reason:
    with pytest.raises(BadImage) as caught:
        read_bytes(path, root, max_bytes)
    assert caught.value.detail.encode()
    return caught.value.reason


def test_reads_a_file_and_follows_a_link_inside(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "empty").touch()
    assert read_bytes(tmp_path / "a", None) == b"abc"
    assert read_bytes(tmp_path / "b", tmp_path) == b"abc"
    assert read_bytes(tmp_path / "empty", tmp_path) == b""


def test_reads_where_the_root_itself_is_a_link_or_relative(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("real")
    assert read_bytes(tmp_path / "link" / "a", tmp_path / "link") == b"abc"
    monkeypatch.chdir(tmp_path)
    assert read_bytes(Path("real/a"), Path("real")) == b"abc"


def test_links_that_leave_the_folder(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"abc")
    root = tmp_path / "pairs"
    root.mkdir()
    (root / "file").symlink_to("../outside/secret")
    (root / "folder").symlink_to("../outside")
    for path in (root / "file", root / "folder" / "secret", root / ".." / "outside" / "secret"):
        assert reason_of(path, root) is Reason.OUTSIDE_FOLDER
        assert read_bytes(path, None) == b"abc"
    (tmp_path / "pairs2").mkdir()
    (tmp_path / "pairs2" / "x").touch()
    (root / "neighbour").symlink_to("../pairs2/x")  # begins with the same letters
    assert reason_of(root / "neighbour", root) is Reason.OUTSIDE_FOLDER


@pytest.mark.parametrize("rooted", [True, False])
def test_paths_that_disappoint(tmp_path, rooted):
    root = tmp_path if rooted else None
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert reason_of(tmp_path / "none", root) is Reason.NOT_FOUND
    assert reason_of(tmp_path / "gone", root) is Reason.NOT_FOUND
    assert reason_of(tmp_path / "file" / "below", root) is Reason.NOT_FOUND
    assert reason_of(tmp_path / ("n" * 5000), root) is Reason.NOT_FOUND
    assert reason_of(tmp_path / "a\0b", root) is Reason.NOT_FOUND
    assert reason_of(tmp_path / "loop", root) is Reason.SYMLINK_LOOP
    assert reason_of(tmp_path / "folder", root) is Reason.NOT_A_FILE


def test_pipes_sockets_and_devices_never_block(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero"), Path("/dev/null")):
            assert reason_of(path) is Reason.NOT_A_FILE


def test_too_many_bytes(tmp_path):
    (tmp_path / "big").write_bytes(bytes(1001))
    assert reason_of(tmp_path / "big") is Reason.TOO_MANY_BYTES
    assert len(read_bytes(tmp_path / "big", None, 1001)) == 1001
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    assert reason_of(tmp_path / "sparse", None, 512 << 20) is Reason.TOO_MANY_BYTES


def test_no_permission(tmp_path):
    (tmp_path / "closed").write_bytes(b"abc")
    (tmp_path / "closed").chmod(0)
    if os.geteuid() != 0:
        assert reason_of(tmp_path / "closed") is Reason.UNREADABLE
        return
    # Root may read everything: ask as somebody else
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o001)
    program = (
        "import os, sys; from pathlib import Path; from webiml.errors import BadImage\n"
        "from webiml.images.read import read_bytes\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: read_bytes(Path(sys.argv[1]), None)\n"
        "except BadImage as bad: print(bad.reason.value)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "closed")], capture_output=True, text=True)
    assert done.stdout.strip() == "unreadable", done.stderr


def test_detail_names_the_file_below_the_root(tmp_path):
    with pytest.raises(BadImage) as caught:
        read_bytes(tmp_path / "key" / "0.jpg", tmp_path)
    assert caught.value.detail == "key/0.jpg: no such file"


def test_readable_names():
    assert readable("Größe 写真.jpg") == "Größe 写真.jpg"
    assert readable(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"
    assert readable("half \ud83d") == r"half \ud83d"
    assert readable(Path("a/b")) == "a/b"
