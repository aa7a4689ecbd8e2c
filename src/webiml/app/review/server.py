"""The review page and its API: what comes from the browser is checked here, answered by a Session, and sent.

    GET  /  /static/FILE                      the page
    GET  /api/about  /api/queue  /api/rows  /api/changes  /api/agreement
    GET  /api/case/KEY  /api/case/KEY/VIEW
    POST /api/case/KEY/draft  /api/case/KEY/decision  /api/undo      DELETE /api/case/KEY/draft

An error is {"error": a sentence}. docs/review.md tells who may ask at all (app/guard.py).
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from webiml.app.review import decision
from webiml.app.review.cases import Cases
from webiml.app.review.drafts import checked_threshold
from webiml.app.review.queue import SHOWN, Wanted
from webiml.app.review.requests import Refused, answered, as_asked, error_answer, json_answer, json_body, whole_number
from webiml.app.review.session import Session
from webiml.store.drawn_masks import is_sha256
from webiml.store.reviews import REJECTIONS, Verdict, reviewer_name
from webiml.types import Reason

STATIC = Path(__file__).with_name("static")
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MAX_KEYS, MAX_ROWS = 100_000, 200
VIEWS_AT_ONCE = 2  # each takes a core and some hundred megabytes for a large picture
LAST_FILE = "main.js"  # of the page that a browser asks for


def review_app(cases: Cases, reviewer: str) -> Starlette:
    """The page over a set of cases as an ASGI application, without any guard.

    Args: reviewer: the name under which decisions are kept where the page gives none.
    Raises:
        SettingError: the name is none, or the folder's reviews.jsonl is damaged.
    """
    app = Starlette(
        routes=[
            Route("/", answered(_page)),
            Route("/static/{name:path}", answered(_static)),
            Route("/api/about", answered(_about)),
            Route("/api/queue", answered(_queue)),
            Route("/api/rows", answered(_rows)),
            Route("/api/changes", answered(_changes)),
            Route("/api/agreement", answered(_agreement)),
            Route("/api/undo", answered(_undo), methods=["POST"]),
            Route("/api/case/{key}", answered(_case)),
            Route("/api/case/{key}/draft", answered(_draft), methods=["POST"]),
            Route("/api/case/{key}/draft", answered(_drop), methods=["DELETE"]),
            Route("/api/case/{key}/decision", answered(_decision), methods=["POST"]),
            Route("/api/case/{key}/{view}", answered(_view)),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    app.state.session = Session(cases, reviewer)
    app.state.files = _files()
    app.state.views = anyio.CapacityLimiter(VIEWS_AT_ONCE)
    return app


async def _page(request: Request) -> Response:
    return _file(request, "review.html")


def _import_what_pictures_need() -> None:
    """Some tenths of a second, which the page need not wait for and the first picture should not."""
    for module in ("compare", "superpixels", "mask"):
        import_module(f"webiml.app.review.{module}")


async def _static(request: Request) -> Response:
    response = _file(request, request.path_params["name"])
    if request.path_params["name"] == LAST_FILE:
        response.background = BackgroundTask(_import_what_pictures_need)  # while the browser reads what it has got
    return response


async def _about(request: Request) -> Response:
    return json_answer(await run_sync(_session(request).about, _reviewer(request)))


async def _queue(request: Request) -> Response:
    asked = request.query_params
    session = _session(request)
    order, shown = asked.get("order", "doubt"), asked.get("review", "todo")
    if order not in session.cases.orders:
        raise Refused(400, f"The queue can be ordered by {', '.join(session.cases.orders)}.")
    if shown not in SHOWN:
        raise Refused(400, f"review is one of {', '.join(SHOWN)}.")
    wanted = Wanted(
        reviewer=_reviewer(request),
        order=order,
        descending=asked.get("descending", "0") not in ("", "0", "false"),
        **{name: asked.get(name, "") for name in ("status", "kind", "reason", "source")},
        text=asked.get("search", "")[:200],
        shown=shown,
    )
    return json_answer(await run_sync(session.keys, wanted, min(whole_number(asked.get("limit"), MAX_KEYS), MAX_KEYS)))


async def _rows(request: Request) -> Response:
    keys = request.query_params.getlist("keys")
    if len(keys) > MAX_ROWS:
        raise Refused(400, f"At most {MAX_ROWS} rows at a time.")
    return json_answer(await run_sync(_session(request).rows, keys, _reviewer(request)))


async def _changes(request: Request) -> Response:
    return json_answer(await run_sync(_session(request).changes, whole_number(request.query_params.get("since"), 0)))


async def _agreement(request: Request) -> Response:
    return json_answer(await run_sync(_session(request).agreement))


async def _case(request: Request) -> Response:
    return json_answer(await run_sync(_session(request).case, request.path_params["key"], _reviewer(request)))


async def _view(request: Request) -> Response:
    key, name = request.path_params["key"], request.path_params["view"]
    async with request.app.state.views:
        if await request.is_disconnected():  # the page has moved on meanwhile: nobody waits for this picture
            return error_answer(400, "The request ended early.")
        data, media = await run_sync(_session(request).view, key, name, _reviewer(request))
    kept = "no-store" if name in ("mask", "base") else "private, max-age=300"
    return Response(data, media_type=media, headers={"Cache-Control": kept})


async def _draft(request: Request) -> Response:
    body = await json_body(request)
    reviewer = _name(body.pop("reviewer", None), request)
    return json_answer(await run_sync(decision.draw, _session(request), request.path_params["key"], reviewer, body))


async def _drop(request: Request) -> Response:
    return json_answer(await run_sync(decision.drop, _session(request), request.path_params["key"], _reviewer(request)))


async def _decision(request: Request) -> Response:
    body = await json_body(request)
    reviewer = _name(body.get("reviewer"), request)
    verdict, reason = body.get("verdict"), body.get("reason")
    note, threshold = body.get("note"), body.get("threshold")
    if verdict not in (Verdict.ACCEPT.value, Verdict.REJECT.value):
        raise Refused(400, "verdict is accept or reject.")
    if verdict == Verdict.REJECT.value and reason not in [known.value for known in REJECTIONS]:
        raise Refused(400, f"A rejection needs a reason, one of {', '.join(REJECTIONS)}.")
    if note is not None and not isinstance(note, str):
        raise Refused(400, "note is a text.")
    seen = body.get("mask")
    if seen is not None and not is_sha256(seen):
        raise Refused(400, "mask is the SHA-256 of the drawn mask that was seen, or null.")
    decide = partial(
        decision.decide,
        _session(request),
        request.path_params["key"],
        reviewer,
        Verdict(verdict),
        reason=Reason(reason) if verdict == Verdict.REJECT.value else None,
        note=note or "",
        threshold=None if threshold is None else as_asked(checked_threshold, threshold),
        seen=(seen,) if "mask" in body else None,
    )
    return json_answer(await run_sync(decide))


async def _undo(request: Request) -> Response:
    body = await json_body(request)
    return json_answer(await run_sync(decision.undo, _session(request), _name(body.get("reviewer"), request)))


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "There is nothing at this address.", 405: "This address does not take this kind of request."}
    return error_answer(status, words.get(status, "This request cannot be answered."))


def _session(request: Request) -> Session:
    return request.app.state.session


def _reviewer(request: Request) -> str:
    return _name(request.query_params.get("reviewer") or None, request)


def _name(given: object, request: Request) -> str:
    if given is None:
        return _session(request).reviewer
    if not isinstance(given, str):
        raise Refused(400, "reviewer is a name.")
    return as_asked(reviewer_name, given)


def _files() -> dict[str, tuple[bytes, str]]:
    """The files of the page and their media types, by name: few and small, so they are read once."""
    found = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.suffix in MEDIA}
    return {name: (path.read_bytes(), MEDIA[path.suffix]) for name, path in found.items()}


def _file(request: Request, name: str) -> Response:
    """A file of the page. The name is only compared with what is there, never opened."""
    if name not in request.app.state.files:
        raise Refused(404, "There is nothing at this address.")
    data, media = request.app.state.files[name]
    return Response(data, media_type=media, headers={"Cache-Control": "no-cache"})
