from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from tests.app.serving import Server, levels, png, red, resident, serving
from tests.localize.tiny_localizer import write_tiny

from webiml import Kind, Localizer, annotate_pair
from webiml.app.serve.answers import AnnotateAnswer, LocalizeAnswer, RefusalAnswer

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")

PREFIX = "/tools/webiml"
PNG = {"Accept": "image/png"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def server(weights, tmp_path_factory) -> Iterator[Server]:
    """Mounted in another application, and without a token of its own."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, PREFIX, weights=str(weights), threshold=0.6, workers=2, results_mb=1.0) as running:
        yield running
        assert running.written() == []  # nothing of all that was sent below


@pytest.fixture(scope="module")
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as one:
        yield one


def file_of(client: httpx.Client, link: str) -> np.ndarray:
    """The picture behind a link, which leads from the root of the outer application."""
    assert link.startswith(f"{PREFIX}/results/")
    answer = client.get(str(client.base_url.copy_with(path=link)))
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    return levels(answer.content)


def test_the_json_says_what_the_localizer_says(client, weights):
    picture = red(20, 30)
    found = Localizer.load(weights).localize(picture)
    marked = (found.probability * 255).round() >= 153  # 0.6
    answer = client.post("/localize", files={"picture": ("../../x.png", png(picture), "text/plain")})
    said = answer.json()
    LocalizeAnswer.model_validate(said)
    assert answer.status_code == 200 and said["score"] == pytest.approx(found.score, abs=1e-6)
    assert said["area"] == marked.mean() and said["threshold"] == 0.6 and said["components"] == 1
    assert [said["height"], said["width"]] == [48, 64] and said["regions"][0]["area"] == marked.sum()
    assert said["sha256"] == hashlib.sha256(png(picture)).hexdigest() and said["weights"].startswith("tiny:")
    assert (file_of(client, said["links"]["mask"]) == marked * 255).all()
    assert (file_of(client, said["links"]["probability"]) == np.rint(found.probability * 255)).all()
    assert (file_of(client, said["links"]["confidence"]) == np.rint(found.confidence * 255)).all()
    assert file_of(client, said["links"]["overlay"]).shape == picture.shape


def test_bytes_and_a_form_are_answered_alike(client):
    data = png(red(12, 12))
    as_form = client.post("/localize", files={"picture": data}).json()
    for kind in ("image/jpeg", "application/octet-stream", None):  # what it says of itself does not count
        answer = client.post("/localize", content=data, headers={"Content-Type": kind} if kind else {})
        assert {**answer.json(), "links": 0, "seconds": 0} == {**as_form, "links": 0, "seconds": 0}


@pytest.mark.parametrize("name", ["mask", "probability", "confidence", "overlay"])
def test_png_is_the_map_that_the_links_lead_to(client, name):
    data = png(red(10, 30))
    alone = client.post("/localize", params={"picture": name}, content=data, headers=PNG)
    linked = client.post("/localize", content=data).json()["links"][name]
    assert alone.headers["content-type"] == "image/png" and alone.headers["vary"] == "Accept"
    assert (levels(alone.content) == file_of(client, linked)).all()


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "application/json"),
        ("text/html, image/png;q=0.4, */*;q=0.3", 200, "image/png"),
        ("image/*", 200, "image/png"),
        ("image/png;q=0.2, application/json;q=0.9", 200, "application/json"),
        ("text/html", 406, "application/json"),
        ("image/png;q=0, text/html;q=nan", 406, "application/json"),
        (",;;q=;image/", 406, "application/json"),
    ],
)
def test_the_client_says_what_it_accepts(client, accept, status, kind):
    answer = client.post("/localize", content=png(red(8, 8)), headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)


def test_a_pair_is_annotated_as_from_python(client, repository):
    folder = repository / "examples" / "pairs" / "dandelion-again"
    sides = []
    for name in ("0.jpg", "1.jpg"):
        bgr = cv2.imread(str(folder / name))
        assert bgr is not None
        sides.append(cv2.resize(bgr, (200, 200 * bgr.shape[0] // bgr.shape[1]), interpolation=cv2.INTER_AREA))
    authentic, manipulated = (np.ascontiguousarray(side[..., ::-1]) for side in sides)
    found = annotate_pair(authentic, manipulated)
    assert found.mask is not None and found.transform is not None
    answer = client.post("/annotate", files={"manipulated": png(manipulated), "authentic": png(authentic)})
    said = answer.json()
    AnnotateAnswer.model_validate(said)
    assert (said["status"], said["kind"], said["reason"]) == (found.status, found.kind, found.reason)
    assert said["qes"] == pytest.approx(found.qes, abs=0.02) and said["width"] == 200
    assert said["kind_probabilities"] == pytest.approx(
        {**dict.fromkeys(Kind, 0.0), **found.kind_probabilities}, abs=1e-3
    )
    assert said["transform"] == pytest.approx(found.transform.ravel().tolist(), abs=1e-3)
    assert abs(file_of(client, said["links"]["mask"]) / 255.0 - found.mask).mean() < 0.01
    aligned = file_of(client, said["links"]["aligned"])
    outside = ~found.mask  # there the two pictures are the same scene
    assert np.abs(aligned[outside].astype(float) - manipulated[outside]).mean() < 12


def test_a_pair_that_cannot_be_compared_says_which_side(client):
    answer = client.post("/annotate", files={"authentic": b"<html>", "manipulated": png(red(8, 8))})
    assert answer.status_code == 422 and "authentic: looks like" in answer.json()["error"]
    answer = client.post("/annotate", content=png(red(8, 8)), headers={"Content-Type": "image/png"})
    assert answer.status_code == 415 and "authentic and manipulated" in answer.json()["error"]


def test_links_end_when_memory_does(client):
    """Of 1 MB; a thousand small maps more, and the first ones have gone."""
    rng = np.random.default_rng(1)
    noise = png(rng.integers(0, 256, (300, 300, 3), np.uint8))
    links = [client.post("/localize", content=noise).json()["links"] for _ in range(4)]
    first, last = (client.get(str(client.base_url.copy_with(path=one["mask"]))) for one in (links[0], links[-1]))
    assert (first.status_code, last.status_code) == (404, 200) and first.json()["reason"] == "gone"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/localize", 405, "POST"),
        ("HEAD", "/localize", 405, "POST"),
        ("DELETE", "/health", 405, "GET"),
        ("OPTIONS", "/annotate", 204, "POST, OPTIONS"),
        ("OPTIONS", "/", 204, "GET, HEAD, OPTIONS"),
        ("HEAD", "/openapi.json", 200, None),
        ("GET", "/nothing", 404, None),
        ("OPTIONS", "/nothing", 404, None),
        ("GET", "/localize/", 404, None),
        ("GET", "/static/..%2f..%2fapi.py", 404, None),
        ("GET", "/static/api.py", 404, None),
        ("GET", "/results/x/mask.png", 404, None),
        ("GET", "/results/%00/%2e%2e.png", 404, None),
    ],
)
def test_other_methods_and_addresses(client, method, path, status, allow):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    if status >= 400 and method != "HEAD":
        RefusalAnswer.model_validate(answer.json())
    if method == "HEAD":
        assert answer.content == b""


def test_the_document_describes_every_answer_and_names_the_place_where_it_is_mounted(client):
    document = client.get("/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]
    assert set(document["paths"]) == {"/localize", "/annotate", "/results/{key}/{name}.png", "/health", "/metrics"}
    post = document["paths"]["/localize"]["post"]
    assert set(post["responses"]) == {*["200", "400", "401", "403", "406", "408", "413", "415", "421", "422", "503"]}
    assert set(post["responses"]["200"]["content"]) == {"application/json", "image/png"}
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert document["components"]["schemas"]["LocalizeAnswer"]["properties"]["score"]["description"]


def test_the_docs_page_loads_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert (
        page.status_code == 200 and "http" not in page.text and "'unsafe" not in page.headers["content-security-policy"]
    )
    for name in ("swagger-ui.css", "swagger-ui.js", "docs.js"):
        assert f'"static/{name}"' in page.text and client.get(f"/static/{name}").status_code == 200


def test_the_docs_page_shows_every_address_under_its_policy(client, server, page):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: complaints.append(request.url) if server.url not in request.url else None)
    page.goto(f"{server.url}/docs")
    page.wait_for_selector(".opblock-summary-path")
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    assert [text.replace("\u200b", "") for text in shown][:2] == ["/localize", "/annotate"]
    assert [one for one in complaints if not one.startswith("data:")] == []


def test_metrics_count_what_was_asked(client):
    client.get("/nothing")
    before = client.get("/metrics").text
    client.post("/localize", content=b"no picture")
    client.get("/results/some/thing.png")
    after = client.get("/metrics")
    assert after.headers["content-type"].startswith("text/plain; version=0.0.4")
    for route, status in (("/localize", 422), ("/results", 404)):
        line = f'webiml_requests_total{{route="{route}",status="{status}"}} '
        was, now = (float((text.partition(line)[2] or "0").split()[0]) for text in (before, after.text))
        assert now == was + 1
    assert 'route="other",status="404"' in after.text and "nothing" not in after.text
    assert "webiml_workers_ready 2.0" in after.text


def test_fifty_clients_each_get_their_own_answer_and_memory_stays_flat(server, weights):
    shapes = [(4 + n // 10, 6 + 3 * (n % 10)) for n in range(50)]
    pictures = [png(red(*shape)) for shape in shapes]
    boxes = [_marked_box(Localizer.load(weights), red(*shape)) for shape in shapes]
    assert len(set(map(tuple, boxes))) == 50

    def ask(number: int, times: int) -> list[list[int]]:
        connection = http.client.HTTPConnection(*server.host, timeout=60)
        found = []
        for _ in range(times):
            connection.request("POST", f"{PREFIX}/localize", pictures[number])
            answer = connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status == 200, said
            found.append(said["regions"][0]["box"])
        connection.close()
        return found

    def wave(times: int) -> None:
        with ThreadPoolExecutor(50) as pool:
            assert list(pool.map(ask, range(50), [times] * 50)) == [[box] * times for box in boxes]

    wave(2)
    before = {process: resident(process) for process in (server.process.pid, *server.workers())}
    wave(4)
    grown = {process: resident(process) - size for process, size in before.items()}
    assert len(grown) == 3 and max(grown.values()) < 25_000_000, grown


def _marked_box(localizer: Localizer, rgb: np.ndarray) -> list[int]:
    """x0, y0, x1, y1 of what is marked at 0.6."""
    ys, xs = np.nonzero((localizer.localize(rgb).probability * 255).round() >= 153)
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]
