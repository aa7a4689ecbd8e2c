"""`webiml serve` as an ASGI application: one picture to localize, or two to annotate; masks come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from enum import StrEnum

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from webiml import __version__
from webiml.app.guard import App, Guard
from webiml.app.serve.answers import (
    JSON,
    PNG,
    AnnotateAnswer,
    HealthAnswer,
    LocalizeAnswer,
    binary_form,
    refusals,
    wanted,
)
from webiml.app.serve.around import Answered, Counted
from webiml.app.serve.files import PAGE, docs_page, file_answer, read_files
from webiml.app.serve.metrics import CONTENT_TYPE
from webiml.app.serve.refusals import Refusal, answer
from webiml.app.serve.service import Service
from webiml.app.serve.uploads import Body
from webiml.app.serve.work import ANNOTATE_MAPS, LOCALIZE_MAPS
from webiml.errors import one_line
from webiml.settings.serve import ServeSettings

ABOUT = """Say where pictures were manipulated.

`/localize` looks at one picture alone, `/annotate` compares a manipulated picture with an authentic one. Maps are PNG
files of the picture's own size; links to them last some minutes. What is sent is not kept unless the operator says so.
"""
ALWAYS = (401, 403, 421, 503)  # whatever is asked
BODY = (400, 406, 408, 413, 415, 422)  # where pictures are sent
DESCRIBED = "The file itself, or a form with it. What its bytes are decides; its name and type are not looked at."


class LocalizeMap(StrEnum):
    """Which map is answered as PNG."""

    MASK = "mask"
    PROBABILITY = "probability"
    CONFIDENCE = "confidence"
    OVERLAY = "overlay"


def api(
    settings: ServeSettings | None = None, *, token: str | None = None, hosts: Collection[str] | None = None
) -> App:
    """The HTTP API as an ASGI application, to be served alone or mounted in another one.

    It needs no lifespan: processes that do the work start with the first request, and end with this process.

    Args:
        settings: of `webiml serve`.
        token: what clients must send; None asks for none, where the application around it lets people in.
        hosts: names and addresses by which clients may call it; None leaves that to the application around it.
    Raises:
        SettingError: there is no such localizer, or a network is missing or damaged; or `settings.keep` names a folder
            of somebody else. OutputError: that folder cannot be written.
    """
    service = Service(settings or ServeSettings())
    names = None if hosts is None else frozenset(hosts)
    guarded = Guard(Answered(routes(service)), token=token, hosts=names, cookie="webiml_serve")
    return Counted(guarded, service.metrics)


def routes(service: Service) -> FastAPI:
    """The addresses of the service, without what stands around them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.workers.start()
        yield
        service.workers.close()

    app = FastAPI(
        title="webiml",
        version=__version__,
        description=ABOUT,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        exception_handlers={
            Refusal: _refuse,
            HTTPException: _refuse_http,
            RequestValidationError: _refuse_argument,
            Exception: _refuse_unforeseen,
        },
    )
    _add_work(app, service)
    _add_results(app, service)
    _add_pages(app)
    return app


def _add_work(app: FastAPI, service: Service) -> None:
    @app.post(
        "/localize",
        summary="Where one picture was manipulated",
        response_model=LocalizeAnswer,
        responses={200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}}
        | refusals(*BODY, *ALWAYS),
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": DESCRIBED,
                "content": binary_form("picture") | {"application/octet-stream": {}, "image/*": {}},
            }
        },
    )
    async def localize(request: Request, picture: LocalizeMap = LocalizeMap.MASK) -> Response:
        """JSON with the score, the regions and links to the maps; or one map as PNG, with `Accept: image/png`.

        `picture` says which map that is.
        """
        kind = await _accepted(request, (JSON, PNG))
        done = await service.answer(request, ("picture",), (picture.value,) if kind == PNG else LOCALIZE_MAPS)
        if kind == PNG:
            return Response(done.maps[picture.value], media_type=PNG, headers={"Vary": "Accept"})
        links = service.link(request, done.maps, LOCALIZE_MAPS)
        return JSONResponse(done.record | {"links": links}, headers={"Vary": "Accept"})

    @app.post(
        "/annotate",
        summary="What was manipulated, against the authentic picture",
        response_model=AnnotateAnswer,
        responses=refusals(*BODY, *ALWAYS),
        openapi_extra={"requestBody": {"required": True, "content": binary_form("authentic", "manipulated")}},
    )
    async def annotate(request: Request) -> Response:
        """JSON with the kind of the pair, whether its mask can be trusted, and links to the maps."""
        await _accepted(request, (JSON,))
        done = await service.answer(request, ("authentic", "manipulated"), ANNOTATE_MAPS)
        return JSONResponse(done.record | {"links": service.link(request, done.maps, ANNOTATE_MAPS)})


def _add_results(app: FastAPI, service: Service) -> None:
    @app.get(
        "/results/{key}/{name}.png",
        summary="A map that a link led to",
        response_class=Response,
        responses={200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}}
        | refusals(404, *ALWAYS[:3]),
    )
    async def results(key: str, name: str) -> Response:
        """PNG, for as many minutes as the service keeps it, and as long as there is memory for it."""
        data = service.results.get(key, name)
        if data is None:
            raise Refusal(404, "gone", "There is no such map, or not any more; send the picture again.")
        return Response(data, media_type=PNG, headers={"Cache-Control": "private, max-age=300"})

    @app.get("/health", summary="Whether requests are answered; needs no token", response_model=HealthAnswer)
    async def health() -> Response:
        """For whoever watches the service."""
        return JSONResponse({"status": "ok", "version": __version__})

    @app.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}} | refusals(*ALWAYS[:3]),
    )
    async def metrics() -> Response:
        """Requests by route and status, their seconds, what waits and runs, processes that were replaced, memory."""
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _add_pages(app: FastAPI) -> None:
    held = read_files()

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return docs_page()

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return _file(PAGE)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        return _file(name)

    def _file(name: str) -> Response:
        found = file_answer(held, name)
        if found is None:
            raise Refusal(404, "not_found", "There is no such file.")
        return found


async def _accepted(request: Request, offered: tuple[str, ...]) -> str:
    async with Body(request).unread():
        return wanted(request.headers.get("accept"), offered)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return answer(request, error)


async def _refuse_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer(request, Refusal(404, "not_found", "There is nothing at this address; see docs."))
    allow = (error.headers or {}).get("Allow", "") if error.status_code == 405 else ""
    if allow:
        sentence = f"This address takes {allow}, not {request.method[:20]}."
        return answer(request, Refusal(405, "wrong_method", sentence, allow=allow))
    return answer(request, Refusal(error.status_code, "malformed", "The request cannot be understood."))


async def _refuse_argument(request: Request, error: Exception) -> Response:
    choices = ", ".join(LocalizeMap)
    return answer(request, Refusal(400, "malformed", f"The argument picture must be one of {choices}."))


async def _refuse_unforeseen(request: Request, error: Exception) -> Response:
    sentence = "Something unforeseen went wrong here; send it again later."
    return answer(request, Refusal(503, "internal_error", sentence, detail=one_line(error)))
