"""The receiver as one ASGI application: callbacks go straight to the door, everything else through Starlette."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from receiver.bodies import TIMEOUT_S
from receiver.callbacks import PREFIX, Acceptor, CallbackEndpoint
from receiver.health import ReadinessProbe, Readyz, healthz
from receiver.metrics import DoorMetrics
from receiver.problems import Answer, problem
from receiver.scrape import MetricsPage, ScrapeStores
from schemas.errors import CrosslineError, MethodNotAllowed, NotFound, ShuttingDown, Unavailable
from schemas.settings import Settings
from store.sealing.digests import Digests

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the door needs while it is open."""

    intake: Acceptor
    readiness: ReadinessProbe
    scrape: ScrapeStores


OpenDoor = Callable[[], AbstractAsyncContextManager[Running]]


def build_app(
    settings: Settings,
    *,
    digests: Digests,
    metrics: DoorMetrics,
    open_door: OpenDoor,
    routes: Sequence[BaseRoute] = (),
    body_timeout_s: float = TIMEOUT_S,
) -> ASGIApp:
    """The application. `open_door` is entered at the lifespan's start and left at its end; `routes` are served beside our own."""

    def apps(running: Running) -> tuple[ASGIApp, ASGIApp]:
        door = CallbackEndpoint(settings=settings, intake=running.intake, digests=digests, metrics=metrics, body_timeout_s=body_timeout_s)
        token = None if settings.metrics_token is None else settings.metrics_token.get_secret_value()
        pages = _pages(metrics, Readyz(running.readiness), MetricsPage(metrics, running.scrape, token=token), routes)
        return door, pages

    return _Receiver(open_door, apps)


class _Receiver:
    """Dispatches, and holds the lifespan."""

    def __init__(self, open_door: OpenDoor, apps: Callable[[Running], tuple[ASGIApp, ASGIApp]]) -> None:
        self._open_door = open_door
        self._apps = apps
        self._door: ASGIApp = problem(ShuttingDown())
        self._pages: ASGIApp = self._door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._door(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page's own fault, once answered, is logged by type alone: uvicorn would print the exception's text."""
        try:
            await self._pages(scope, receive, send)
        except Exception as error:  # noqa: BLE001  whatever a page does wrong, the door stays open
            log.error("page_failed", error=type(error).__name__)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._open_door() as running:
                self._door, self._pages = self._apps(running)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:  # noqa: BLE001  the server prints what we name, not a traceback with its texts
            reason = error.message if isinstance(error, CrosslineError) else type(error).__name__
            log.error("receiver_failed", error=reason)
            await send({"type": "lifespan.startup.failed", "message": reason})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _pages(metrics: DoorMetrics, readyz: Readyz, page: MetricsPage, routes: Sequence[BaseRoute]) -> Starlette:
    async def not_found(_request: Request, _error: Any) -> Answer:
        """A path that is not there answers as a wrong token does."""
        return refused(NotFound())

    async def not_allowed(_request: Request, error: Any) -> Answer:
        allow = error.headers["Allow"]
        return refused(MethodNotAllowed(f"Only {allow} is answered here."), allow=allow)

    async def own_error(_request: Request, error: Any) -> Answer:
        return refused(error)

    async def failed(_request: Request, _error: Any) -> Answer:
        return refused(Unavailable())

    def refused(error: CrosslineError, *, allow: str = "GET") -> Answer:
        metrics.refused(error.code)
        return problem(error, allow=allow)

    app = Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz.page), Route("/metrics", page.page), *routes],
        exception_handlers={404: not_found, 405: not_allowed, CrosslineError: own_error, Exception: failed},  # type: ignore[dict-item]
    )
    app.router.redirect_slashes = False
    return app
