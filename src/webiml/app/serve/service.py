"""From a request to what the workers say of it: let in, read, worked on, kept where that is wanted."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from importlib.resources import files
from typing import Any

from starlette.requests import Request

from webiml.annotate.provenance import networks
from webiml.app.serve.admission import Admission
from webiml.app.serve.keep import keep, open_folder
from webiml.app.serve.metrics import Metrics
from webiml.app.serve.refusals import Refusal, route_of
from webiml.app.serve.results import Results
from webiml.app.serve.uploads import Body, Limits, read_pictures
from webiml.app.serve.work import Answer, Job, Unusable, do, start_worker
from webiml.app.serve.workers import Workers, WorkFailed
from webiml.errors import OutputError, SettingError, WebimlError
from webiml.localize.hub import KIND, find
from webiml.nets import weights
from webiml.runners.log import event
from webiml.settings import AnnotatorSettings
from webiml.settings.serve import ServeSettings


class Service:
    """What the routes share. Made without a process; the workers start with the first request, or when told to.

    Raises:
        SettingError: there is no such localizer, or a network is missing or damaged; or `keep` names a folder of
            somebody else. OutputError: that folder cannot be written.
    """

    def __init__(self, settings: ServeSettings) -> None:
        refuse_damaged(settings)
        if settings.keep is not None:
            open_folder(settings.keep)
        self.settings = settings
        self.limits = Limits(round(settings.max_body_mb * 1e6), settings.body_seconds)
        self.admission = Admission(settings.queue, self.limits.bytes)
        self.workers = Workers(do, partial(start_worker, settings), settings.workers, settings.seconds)
        self.results = Results(round(settings.results_mb * 1e6), settings.results_minutes * 60)
        self.metrics = Metrics(self.admission, self.workers, self.results)

    async def answer(self, request: Request, fields: Sequence[str], maps: tuple[str, ...]) -> Answer:
        """What becomes of the pictures of a request.

        Args:
            fields: of the form, in the order of the job. maps: those that are made, where there are any.
        Raises:
            Refusal: there is no result, and why.
        """
        with ExitStack() as stack:
            body = Body(request)
            async with body.unread():
                lease = stack.enter_context(self.admission.enter())
            pictures = await read_pictures(request, body, fields, self.limits, lease)
            done = await self._done(request, Job(tuple(pictures.values()), maps))
            if isinstance(done, Answer):
                return await self._kept(request, pictures, done)
            refusal = Refusal(422, done.reason, _sentence(done))
            await self._kept(request, pictures, Answer({"error": refusal.sentence, "reason": refusal.reason}, {}))
            raise refusal

    def link(self, request: Request, maps: Mapping[str, bytes], names: Sequence[str]) -> dict[str, str | None] | None:
        """Where each of the maps is had from now on; None where they take too much memory."""
        name = self.results.put(maps)
        if name is None:
            return None
        root = request.scope.get("root_path", "").rstrip("/")
        return {one: f"{root}/results/{name}/{one}.png" if one in maps else None for one in names}

    async def _done(self, request: Request, job: Job) -> Answer | Unusable:
        future = self.workers.submit(job)
        work = asyncio.wrap_future(future)
        gone = asyncio.ensure_future(_until_gone(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Refusal(400, "client_left", "The client went away before its answer was ready.")
            return work.result()
        except WorkFailed as error:
            raise Refusal(503, error.reason, error.sentence) from None
        finally:
            gone.cancel()
            _forget(work, future)

    async def _kept(self, request: Request, pictures: Mapping[str, bytes], done: Answer) -> Answer:
        """The answer, with a note where it could not be kept."""
        if self.settings.keep is None:
            return done
        try:
            await asyncio.to_thread(keep, self.settings.keep, route_of(request), pictures, done.maps, done.record)
        except (OutputError, SettingError) as error:
            event("keep_failed", message=str(error))
            note = "this answer could not be kept on the disk"
            done.record["notes"] = "; ".join(filter(None, (done.record.get("notes"), note)))
        return done


def refuse_damaged(settings: ServeSettings) -> None:
    """Look at the networks before anything is answered; nothing is run.

    Raises:
        SettingError: there is no such localizer, or a network is missing or damaged.
    """
    try:
        place = find(settings.weights, revision=settings.revision or None)
        if weights.card(place.stem, place.folder).get("kind") != KIND:
            raise SettingError(f"--weights {settings.weights} is a network, but not a localizer.")
        for name, folder in [(place.stem, place.folder), *((name, None) for name in networks(AnnotatorSettings()))]:
            file = (folder or files("webiml") / "weights") / f"{name}.onnx"
            if hashlib.sha256(file.read_bytes()).hexdigest() != weights.digest(name, folder):
                where, mend = (folder, "export it again") if folder else ("webiml", "install webiml again")
                raise SettingError(f"The network {name} in {where} is damaged: it is not the file of its card; {mend}.")
    except OSError as error:
        raise SettingError(f"A network cannot be read ({error.strerror}): {error.filename}.") from None
    except SettingError:
        raise
    except WebimlError as error:
        raise SettingError(str(error)) from None


async def _until_gone(request: Request) -> None:
    """Return when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _forget(work: asyncio.Future[Any], future: Future[Any]) -> None:
    """Nobody waits any more: work that has not been begun never is."""
    if not work.done():
        future.cancel()
        work.cancel()


def _sentence(unusable: Unusable) -> str:
    words = unusable.reason.replace("_", " ")
    return f"The picture cannot be used, {words}" + (f": {unusable.detail}." if unusable.detail else ".")
