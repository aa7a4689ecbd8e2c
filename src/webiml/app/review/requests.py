"""Requests whose contents are not believed, and answers that are sentences where something is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from webiml.errors import BadImage, OutputError, SettingError
from webiml.runners.log import event

MAX_BODY = 8 * 1024 * 1024  # bytes
BODY_SECONDS = 20  # in which they must have come

Endpoint = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """What was asked cannot be answered: a status of HTTP, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def answered(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose errors are sentences; one that nobody foresaw is told to the log, not to the browser."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as error:
            return error_answer(error.status, str(error))
        except KeyError:
            return error_answer(404, "There is no such case.")
        except SettingError as error:
            return error_answer(409, str(error))
        except BadImage as error:
            return error_answer(
                404 if request.method == "GET" else 409, f"This cannot be shown: {error.detail or error}."
            )
        except OutputError as error:
            event("review_not_written", path=request.url.path, error=str(error))
            return error_answer(503, str(error))
        except ClientDisconnect:
            return error_answer(400, "The request ended early.")
        except Exception as error:
            event("review_failed", path=request.url.path, error=f"{type(error).__name__}: {error}")
            return error_answer(500, "Something went wrong here that nobody foresaw; the log says what.")

    return answer


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; of what is in it nothing is believed yet."""
    data = bytearray()
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > MAX_BODY:
                    raise Refused(413, f"A request has at most {MAX_BODY:,} bytes.")
    except TimeoutError:
        raise Refused(408, f"The request did not come to its end in {BODY_SECONDS} seconds.") from None
    try:
        body = json.loads(bytes(data), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body is not a JSON object.")
    return body


def whole_number(text: str | None, usual: int) -> int:
    """A number of an address, 0 or more."""
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refused(400, "since and limit are whole numbers, 0 or more.")
    return int(text)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def as_asked(check: Callable[[Any], Any], value: object) -> Any:
    """The checked value; what a check does not like is the fault of the request, not of the case."""
    try:
        return check(value)
    except SettingError as error:
        raise Refused(400, str(error)) from None


def error_answer(status: int, sentence: str) -> Response:
    """An error: {"error": a sentence}."""
    return json_answer({"error": sentence}, status)


def json_answer(content: dict[str, Any], status: int = 200) -> Response:
    """An answer in ASCII: a name on a disk may hold bytes, and a table numbers, that JSON in UTF-8 could not."""
    text = json.dumps(_plain(content), separators=(",", ":"), allow_nan=False)
    return Response(text.encode(), status, {"Cache-Control": "no-store"}, "application/json")


def _plain(value: Any) -> Any:
    """The value without numbers that are none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple) and not (value and isinstance(value[0], str | int)):  # keys and runs are many
        return [_plain(one) for one in value]
    return value
