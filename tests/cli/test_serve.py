"""`webiml serve` as a user starts it."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys

import pytest
from tests.cli.serving import ask, end, first_line, started


def test_it_says_where_it_is_wants_its_token_and_ends_well(localizer):
    with started("serve", "--weights", localizer, "--workers", "1", "--port", "0") as process:
        line = first_line(process)
        found = re.fullmatch(r"Serving: (http://127\.0\.0\.1:(\d+)/)\?token=([\w-]{43})   \(Ctrl-C ends it\)", line)
        assert found, line
        address, port, token = found.groups()
        assert ask(address, "/openapi.json")[0] == 401
        status, headers, _ = ask(address, f"/?token={token}")
        assert (status, headers["location"]) == (303, "/")
        name, _, value = headers["set-cookie"].partition(";")[0].partition("=")
        assert name.startswith("webiml") and name.endswith(f"_{port}") and value == token
        status, headers, page = ask(address, "/", Cookie=f"{name}={value}")
        assert status == 200 and "static/page.js" in page and "server" not in headers
        status, headers, _ = ask(address, "/static/page.js", Cookie=f"{name}={value}")
        assert status == 200 and headers["content-type"].startswith("text/javascript")
        assert "/localize" in ask(address, "/openapi.json", Authorization=f"Bearer {token}")[2]["paths"]
        assert ask(address, "/health")[2]["status"] == "ok"
        assert ask(address, "/health", Host="evil.example")[0] == 421
        assert end(process, signal.SIGINT) == (0, "", "")


def test_a_service_brings_its_own_token_which_is_printed_nowhere_and_sigterm_ends_it(localizer):
    token = "a-token-of-the-service"
    arguments = ("serve", "--weights", localizer, "--workers", "1", "--json", "--log-json", "--host", "localhost")
    with started(*arguments, WEBIML_TOKEN=token) as process:
        said = json.loads(first_line(process))
        assert said == {"url": said["address"], "address": said["address"], "token": None}
        assert said["address"].startswith("http://localhost:")
        assert ask(said["address"], "/openapi.json", Authorization=f"Bearer {token}")[0] == 200
        assert ask(said["address"], f"/missing?token={token}")[0] == 303
        code, out, errors = end(process, signal.SIGTERM)
    events = [json.loads(line) for line in errors.splitlines()]
    names = [one["event"] for one in events]
    assert (code, out) == (0, "") and token not in errors
    assert names[0] == "run_started" and names[-1] == "run_finished" and "listening" in names
    asked = [(one["path"], one["status"]) for one in events if one["event"] == "request"]
    assert asked == [("/openapi.json", 200), ("/missing", 303)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines connect; say with --allow-host"),
        (["--host", "203.0.113.7", "--allow-host", "x.example"], "--host 203.0.113.7 cannot be listened at"),
        (["--allow-host", "x.example:80"], "--allow-host takes a name"),
        (["--port", "70000"], "--port must lie between 0 and 65535"),
        (["--queue", "0"], "--queue must lie between 1 and 10000"),
        (["--seconds", "nan"], "--seconds must lie above 0 and at most 86400, got nan."),
        (["--weights", "no-such-localizer"], "no-such-localizer"),
        (["--keep-going"], "Unknown option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_setting_is_a_sentence(webiml_here, arguments, sentence):
    done = webiml_here("serve", *arguments)
    assert done.returncode == 2 and sentence in done.stderr and done.stdout == ""


def test_a_short_token_is_refused(webiml_here):
    done = webiml_here("serve", env={"WEBIML_TOKEN": "short"})
    assert done.returncode == 2 and done.stderr.startswith("WEBIML_TOKEN must have 16 to 512")


def test_a_port_that_is_taken_is_said(webiml_here, localizer):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = webiml_here("serve", "--weights", localizer, "--port", port)
    assert done.returncode == 2
    assert done.stderr == f"Port {port} of 127.0.0.1 is taken; leave --port out for a free one.\n"


@pytest.mark.parametrize("command", ["serve", "review"])
def test_without_the_extra_the_install_line_comes_first(webiml_here, monkeypatch, tmp_path, command):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = webiml_here(command, *([tmp_path] if command == "review" else []))
    assert done.returncode == 2
    assert done.stderr == f'webiml {command} needs an extra: pip install "webiml[app]" (missing: uvicorn).\n'


def test_help_shows_examples_and_how_it_ends(webiml_here):
    text = webiml_here("serve", "--help").stdout
    assert "Examples" in text and "Ctrl-C, or SIGTERM" in text and "--max-body-mb" in text and "--allow-host" in text
