"""What holds whatever goes wrong inside: the door answers 503, the pages fail alone, and no exception's text is shown."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Scope

from receiver.app import OpenDoor, Running, build_app
from receiver.health import Readiness
from receiver.metrics import DoorMetrics
from receiver.scrape import Scrape
from schemas.batches import BatchItem
from schemas.errors import SchemaMismatch
from store.inbox.batches import DuplicateMark
from store.sealing.digests import Digests
from tests.support.callbacks import callback_body
from tests.support.environment import make_settings

SECRET = "what nobody may read"
TOKEN = "a-token-of-the-door"


class Broken:
    """An intake with a fault that nobody thought of."""

    async def accept(self, item: BatchItem, mark: DuplicateMark) -> "Broken":
        raise RuntimeError(SECRET)


class Hanging(Broken):
    """An intake that never answers."""

    async def accept(self, item: BatchItem, mark: DuplicateMark) -> "Broken":
        await asyncio.Event().wait()
        return self


def opens(intake: Broken) -> OpenDoor:
    @contextlib.asynccontextmanager
    async def open_door() -> AsyncIterator[Running]:
        async def readiness() -> Readiness:
            raise RuntimeError(SECRET)

        async def scrape() -> Scrape:
            raise RuntimeError(SECRET)

        yield Running(intake=intake, readiness=readiness, scrape=scrape)  # type: ignore[arg-type]

    return open_door


def fails(error: Exception) -> OpenDoor:
    class Failing(contextlib.AbstractAsyncContextManager[Running]):
        async def __aenter__(self) -> Running:
            raise error

        async def __aexit__(self, *raised: object) -> None:
            return None

    return Failing


def make_app(open_door: OpenDoor, routes: Sequence[BaseRoute] = ()) -> ASGIApp:
    settings = make_settings(CROSSLINE_CALLBACK_TOKENS=TOKEN)
    return build_app(settings, digests=Digests(b"k" * 32), metrics=DoorMetrics(), open_door=open_door, routes=routes)


class Server:
    """What an ASGI server does: the lifespan around one request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lifespan: list[Message] = []
        self.sent: list[Message] = []
        self._answered = asyncio.Event()

    async def run(self, scope: Scope | None, body: bytes = b"", *, cancel: bool = False) -> None:
        events: asyncio.Queue[Message] = asyncio.Queue()
        events.put_nowait({"type": "lifespan.startup"})
        living = asyncio.ensure_future(self._app({"type": "lifespan"}, events.get, self._lives))
        await self._answered.wait()
        if scope is not None:
            request = asyncio.ensure_future(self._app(scope, lambda: _whole(body), self._sends))
            if cancel:
                await asyncio.sleep(0.01)
                request.cancel()
            await request
        events.put_nowait({"type": "lifespan.shutdown"})
        await living

    async def _lives(self, message: Message) -> None:
        self.lifespan.append(message)
        self._answered.set()

    async def _sends(self, message: Message) -> None:
        self.sent.append(message)


async def _whole(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


def scope_of(path: str, *, method: str = "GET") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 50_000),
    }


def ask(app: ASGIApp, scope: Scope, body: bytes = b"", *, cancel: bool = False) -> tuple[int, bytes]:
    server = Server(app)
    asyncio.run(server.run(scope, body, cancel=cancel))
    return server.sent[0]["status"], b"".join(message.get("body", b"") for message in server.sent[1:])


@pytest.mark.parametrize("body", [callback_body(), b"not understood"], ids=["a message", "for the quarantine"])
def test_a_fault_of_ours_is_a_503_and_says_nothing(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = ask(make_app(opens(Broken())), scope_of(f"/callbacks/telesign/{TOKEN}", method="POST"), body)

    assert status == 503
    assert b'"code":"unavailable"' in answer
    assert SECRET not in answer.decode() + "".join(capsys.readouterr())


def test_a_request_that_the_server_gives_up_on_is_a_503() -> None:
    scope = scope_of(f"/callbacks/telesign/{TOKEN}", method="POST")

    status, answer = ask(make_app(opens(Hanging())), scope, callback_body(), cancel=True)

    assert status == 503
    assert b'"code":"shutting_down"' in answer


def test_metrics_are_shown_also_when_the_stores_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = ask(make_app(opens(Broken())), scope_of("/metrics"))

    assert status == 200
    assert b"crossline_callbacks_accepted_total" in answer
    assert SECRET not in "".join(capsys.readouterr())


def test_a_page_that_fails_is_a_503_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError(SECRET)

    status, answer = ask(make_app(opens(Broken()), [Route("/broken", broken)]), scope_of("/broken"))

    assert (status, b'"code":"unavailable"' in answer) == (503, True)
    assert SECRET not in answer.decode() + "".join(capsys.readouterr())


def test_more_pages_may_be_served_beside_our_own() -> None:
    async def page(request: Request) -> Response:
        return PlainTextResponse("another page")

    assert ask(make_app(opens(Broken()), [Route("/page", page)]), scope_of("/page")) == (200, b"another page")


@pytest.mark.parametrize(
    "path, method, status, code",
    [
        pytest.param("/healthz/", "GET", 404, b"not_found", id="a slash too many"),
        pytest.param("/healthz", "POST", 405, b"method_not_allowed", id="another method"),
        pytest.param("/readyz", "GET", 503, b"down", id="readiness that cannot be known"),
    ],
)
def test_pages_refuse_in_the_same_form(path: str, method: str, status: int, code: bytes) -> None:
    found, answer = ask(make_app(opens(Broken())), scope_of(path, method=method))

    assert found == status
    assert code in answer


@pytest.mark.parametrize(
    "error, message",
    [
        pytest.param(SchemaMismatch(), str(SchemaMismatch()), id="an error that we name"),
        pytest.param(RuntimeError(SECRET), "RuntimeError", id="an error that nobody thought of"),
    ],
)
def test_a_door_that_cannot_open_says_why(error: Exception, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(make_app(fails(error)))

    asyncio.run(server.run(None))

    assert server.lifespan == [{"type": "lifespan.startup.failed", "message": message}]
    assert SECRET not in "".join(capsys.readouterr())


def test_the_lifespan_starts_and_ends() -> None:
    server = Server(make_app(opens(Broken())))

    asyncio.run(server.run(None))

    assert [message["type"] for message in server.lifespan] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
