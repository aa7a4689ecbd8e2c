"""A request that is not answered as it was meant: a status, a sentence and one word."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from webiml.runners.log import event

RETRY_SECONDS = 2
"""What Retry-After says where a request may succeed later."""


class Refusal(Exception):
    """Why a request gets no result.

    Args:
        status: of the answer. reason: one word for a program. sentence: what is wrong, and what to do.
        allow: the methods that would do, with 405.
        detail: for the log alone.
    """

    def __init__(self, status: int, reason: str, sentence: str, *, allow: str = "", detail: str = "") -> None:
        super().__init__(status, reason, sentence)
        self.status, self.reason, self.sentence, self.allow, self.detail = status, reason, sentence, allow, detail


def answer(request: Request, refusal: Refusal) -> Response:
    """The refusal as JSON, and as an event."""
    more: dict[str, Any] = {"detail": refusal.detail} if refusal.detail else {}
    event("request_refused", route=route_of(request), status=refusal.status, reason=refusal.reason,
          message=refusal.sentence, **more)  # fmt: skip
    headers = {}
    if refusal.status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if refusal.allow:
        headers["Allow"] = refusal.allow
    return JSONResponse({"error": refusal.sentence, "reason": refusal.reason}, refusal.status, headers)


OTHER = "other"
ROUTES = ("/", "/localize", "/annotate", "/health", "/metrics", "/docs", "/openapi.json")
"""What is named as it is; of `/results/...` and `/static/...` the rest is left out."""


def route_of(request: Request) -> str:
    """The route for logs and metrics: one of few words, whatever the client sent."""
    root, path = request.scope.get("root_path", ""), request.scope["path"]
    path = path[len(root) :] if root and path.startswith(root) else path
    for folder in ("/results", "/static"):
        if path.startswith(f"{folder}/"):
            return folder
    return path if path in ROUTES else OTHER
