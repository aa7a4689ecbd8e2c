"""A file of JSON lines that survives any stop."""

import pytest

from webiml.errors import OutputError, SettingError
from webiml.store.lines import Lines


def test_what_is_added_is_read_back_where_it_was_said_to_lie(tmp_path):
    records = [{"key": "a"}, {"key": "ä\n", "list": [1, None]}, {}]
    with Lines(tmp_path / "lines") as lines:
        assert list(lines.read()) == []
        offsets = [lines.add(record) for record in records]
        assert list(lines.read()) == list(zip(offsets, records, strict=True))
        assert [lines.at(offset) for offset in reversed(offsets)] == records[::-1]
    with Lines(tmp_path / "lines") as again:
        assert [record for _, record in again.read()] == records


@pytest.mark.parametrize("rest", [b'{"key": "c"', b"{", b"\0" * 70_000, b""], ids=["half", "a-byte", "zeros", "none"])
def test_what_a_kill_cut_short_does_not_count_and_makes_room(tmp_path, rest):
    path = tmp_path / "lines"
    path.write_bytes(b'{"key":"a"}\n{"key":"b"}\n' + rest)
    with Lines(path) as lines:
        assert [record["key"] for _, record in lines.read()] == ["a", "b"]
        assert lines.add({"key": "c"}) == 24
    assert path.read_bytes() == b'{"key":"a"}\n{"key":"b"}\n{"key":"c"}\n'


@pytest.mark.parametrize("line", [b"[1]\n", b"not json\n", b"\xff\n", b"\n"], ids=["list", "text", "bytes", "empty"])
def test_a_whole_line_that_is_no_record_is_said(tmp_path, line):
    (tmp_path / "lines").write_bytes(b"{}\n" + line)
    with pytest.raises(SettingError, match="line 2 is no record"), Lines(tmp_path / "lines") as lines:
        list(lines.read())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="Cannot write"), Lines(tmp_path / "file" / "lines") as lines:
        lines.add({})
