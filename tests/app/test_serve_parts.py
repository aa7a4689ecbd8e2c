from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import operator
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.app.serving import png, red
from tests.localize.tiny_localizer import write_tiny

from webiml import SettingError
from webiml.app import api
from webiml.app.serve.admission import LEAST_BYTES, Admission
from webiml.app.serve.answers import RefusalAnswer
from webiml.app.serve.api import routes
from webiml.app.serve.around import Answered
from webiml.app.serve.refusals import Refusal
from webiml.app.serve.results import Results
from webiml.app.serve.service import Service
from webiml.app.serve.workers import Workers, WorkFailed
from webiml.settings.serve import ServeSettings

GOOD = png(red(12, 20))


def asked(app, *calls: Callable[[httpx.AsyncClient], object]) -> list[httpx.Response]:
    """What the application answers, one call after the other."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here", timeout=60) as client:
            return [await call(client) for call in calls]  # type: ignore[misc]

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may hold a loop in this one
        return thread.submit(asyncio.run, ask()).result()


@pytest.fixture
def pool() -> Iterator[Callable[..., Workers]]:
    """One process that calls what it is sent."""
    made: list[Workers] = []

    def make(initializer=int, seconds=30.0, **more) -> Workers:
        made.append(Workers(operator.call, initializer, 1, seconds, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_results_go_when_their_time_is_over_or_others_need_the_room():
    now = [0.0]
    results = Results(100, 60, lambda: now[0])
    first = results.put({"mask": bytes(40), "overlay": bytes(20)})
    now[0] = 30
    second = results.put({"mask": bytes(40)})
    assert first and second and first != second and results.bytes == 100
    assert results.get(first, "overlay") == bytes(20) and results.get(first, "nothing") is None
    now[0] = 61
    assert results.get(first, "mask") is None and results.get(second, "mask") == bytes(40) and results.bytes == 40
    third = results.put({"mask": bytes(90)})
    assert third and results.get(second, "mask") is None and results.bytes == 90
    assert results.put({"mask": bytes(101)}) is None and results.get(third, "mask") == bytes(90)


def test_bodies_together_are_bounded_and_given_back():
    admission = Admission(2, 1_000_000)
    with admission.enter() as one, admission.enter() as other:
        one.grow(LEAST_BYTES - 10)
        other.grow(10)
        with pytest.raises(Refusal, match="memory"):
            other.grow(1)
        with pytest.raises(Refusal, match="2 requests"), admission.enter():
            pass
    assert (admission.inside, admission.bytes) == (0, 0)


def test_a_job_that_raises_costs_itself_alone(pool):
    workers = pool()
    with pytest.raises(WorkFailed) as failed:
        workers.submit(partial(int, "no number")).result()
    assert failed.value.reason == "internal_error" and "number" not in failed.value.sentence
    assert workers.submit(partial(int, "7")).result() == 7 and workers.kills == {"too_slow": 0, "died": 0, "memory": 0}
    workers.close()
    assert workers.ready == 0 and workers.submit(partial(int, "8")).result() == 8  # it starts again


def test_a_process_that_holds_too_much_afterwards_is_replaced(pool):
    import os

    workers = pool(most_resident=1)
    first = workers.submit(os.getpid).result()
    assert workers.submit(os.getpid).result() != first
    workers.close()
    assert workers.kills["memory"] >= 1 and workers.processes() == []


def test_waiting_does_not_count_as_working(pool):
    workers = pool(seconds=0.6)
    jobs = [workers.submit(partial(time.sleep, 0.25)) for _ in range(3)]  # the last one is done after 0.75 s
    assert [job.result() for job in jobs] == [None] * 3


def test_processes_that_cannot_start_are_said_to(pool):
    workers = pool(initializer=partial(operator.getitem, ()))
    with pytest.raises(WorkFailed, match="cannot start") as failed:
        workers.submit(partial(int, "7")).result()
    assert failed.value.reason == "cannot_start"


def test_a_localizer_that_is_missing_or_damaged_is_said_before_anything_is_answered(tmp_path):
    weights = write_tiny(tmp_path)
    with pytest.raises(SettingError, match="There is no localizer"):
        api(ServeSettings(weights=str(tmp_path / "nothing")))
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(SettingError, match="damaged"):
        api(ServeSettings(weights=str(weights)))
    (tmp_path / "tiny.json").write_text('{"kind": "annotator", "onnx_sha256": "0"}')
    with pytest.raises(SettingError, match="not a localizer"):
        api(ServeSettings(weights=str(write_card_again(tmp_path))))


def write_card_again(folder: Path) -> Path:
    """The same network under another name: a card is read once."""
    for ending in (".onnx", ".json"):
        (folder / f"tiny{ending}").rename(folder / f"other{ending}")
    return folder / "other.onnx"


def test_what_nobody_foresaw_is_answered_in_words_and_logged_without_a_traceback(tmp_path, caplog):
    class Broken(Service):
        async def answer(self, request, fields, maps):
            raise ValueError("/home/somebody/secret.png broke")

    service = Broken(ServeSettings(weights=str(write_tiny(tmp_path))))
    with caplog.at_level(logging.INFO, "webiml"):
        (answer,) = asked(Answered(routes(service)), lambda client: client.post("/localize", content=GOOD))
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert RefusalAnswer.model_validate(answer.json()).reason == "internal_error" and "broke" not in answer.text
    (record,) = [one for one in caplog.records if one.getMessage() == "request_refused"]
    assert record.__dict__["fields"]["detail"] == "ValueError: secret.png broke"


def test_keeping_writes_what_came_and_what_was_answered_under_names_of_their_own(tmp_path):
    folder = tmp_path / "kept"
    weights = str(write_tiny(tmp_path / "weights"))
    app = api(ServeSettings(weights=weights, workers=1, keep=folder))

    def lose_the_folder() -> None:
        (folder / "files").rename(tmp_path / "away")
        (folder / "files").write_text("in the way")

    async def after(client: httpx.AsyncClient) -> httpx.Response:
        lose_the_folder()
        return await client.post("/localize", content=png(red(5, 5)))

    good, bad, unkept = asked(
        app,
        lambda client: client.post("/localize", files={"picture": ("../../../x.sh", GOOD)}),
        lambda client: client.post("/localize", content=b"<html>"),
        after,
    )
    lines = [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]
    assert [line["route"] for line in lines] == ["/localize"] * 2
    name = lines[0]["pictures"]["picture"]
    assert name == f"files/{hashlib.sha256(GOOD).hexdigest()}.png"
    assert (tmp_path / "away" / name.removeprefix("files/")).read_bytes() == GOOD
    assert set(lines[0]["maps"]) == {"mask", "probability", "confidence", "overlay"}
    assert lines[0]["answer"] == {key: value for key, value in good.json().items() if key != "links"}
    assert lines[1]["answer"] == bad.json() and lines[1]["pictures"]["picture"].endswith(".bin")
    assert unkept.status_code == 200 and "could not be kept" in unkept.json()["notes"]


def test_a_folder_of_somebody_else_is_not_kept_in(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    weights = str(write_tiny(tmp_path.with_name("weights")))
    with pytest.raises(SettingError, match="not empty"):
        api(ServeSettings(weights=weights, keep=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
