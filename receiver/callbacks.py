"""`POST /callbacks/telesign/{token}`: the door. Raw ASGI, because this is the path that every message takes.

Checked in this order: token, method, source network, body, signature, content. A 200 is sent after `Acceptor.accept` returned, and
so is a 401 or a 422, because what the real sender sent is kept even when it cannot be used. A fault of ours is a 503, never a 4xx:
the sender then sends it again.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from receiver.bodies import TIMEOUT_S, BodyReader, BodyRefused, ClientGone
from receiver.metrics import DoorMetrics
from receiver.networks import client_address, is_allowed
from receiver.problems import Answer, problem
from receiver.signing import check_signature
from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import from_ms, monotonic_s, utcnow_ms
from schemas.errors import CrosslineError, MethodNotAllowed, NotFound, Refused, ShuttingDown, SourceNotAllowed, Unavailable
from schemas.messages import MoMessage
from schemas.settings import Settings
from store.inbox.batches import DuplicateMark, Seen, StoreName
from store.sealing.digests import Digests

log = structlog.get_logger(__name__)

PREFIX: Final = "/callbacks/"
_TELESIGN: Final = "/callbacks/telesign/"
_OK: Final = Answer(200, [(b"content-type", b"application/json")], b"{}")
_NOT_FOUND: Final = problem(NotFound())
_METHOD_NOT_ALLOWED: Final = problem(MethodNotAllowed())


class Accepted(Protocol):
    """What is known of an item once it lies in a store."""

    @property
    def seen(self) -> Seen:
        """What the duplicate marks said of it."""

    @property
    def store(self) -> StoreName:
        """Where it lies."""


class Acceptor(Protocol):
    """Takes an item and returns when it lies in a store that is proven durable."""

    async def accept(self, item: BatchItem, mark: DuplicateMark) -> Accepted:
        """Raises Unavailable where no proven store takes it."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What a request's head says that matters here."""

    content_length: int | None
    authorizations: list[str]
    forwarded_for: list[str]


class CallbackEndpoint:
    """The ASGI application under `PREFIX`. `body_timeout_s`: longest that a whole body may take."""

    def __init__(
        self, *, settings: Settings, intake: Acceptor, digests: Digests, metrics: DoorMetrics, body_timeout_s: float = TIMEOUT_S
    ) -> None:
        self._tokens = tuple(token.get_secret_value().encode() for token in settings.callback_tokens)
        self._api_keys = tuple(key.get_secret_value() for key in settings.telesign_api_keys)
        self._mode = settings.signature
        self._networks = settings.allowed_networks
        self._proxies = settings.trusted_proxies
        self._intake = intake
        self._digests = digests
        self._metrics = metrics
        self._bodies = BodyReader(timeout_s=body_timeout_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began_s = monotonic_s()
        try:
            answer = await self._answer(scope, receive, began_s)
        except ClientGone:
            return
        except asyncio.CancelledError:
            # The server gives up on this request because the process stops: the sender must not take a 500 for a verdict.
            answer = self._refuse(ShuttingDown())
        except Unavailable as error:
            answer = self._refuse(error)
        except Exception as error:  # noqa: BLE001  a fault of ours, whatever it is, makes the sender send again
            log.error("callback_failed", error=type(error).__name__)
            answer = self._refuse(Unavailable())
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, began_s: float) -> Answer:
        if not self._is_ours(scope["path"]):
            self._metrics.refused(NotFound.code)
            return _NOT_FOUND
        if scope["method"] != "POST":
            self._metrics.refused(MethodNotAllowed.code)
            return _METHOD_NOT_ALLOWED
        head = _read_head(scope["headers"])
        if self._networks and not self._is_allowed(scope, head):
            return await self._refuse_source(receive, head)
        try:
            body = await self._bodies.read(receive, content_length=head.content_length)
        except BodyRefused as refusal:
            return self._refuse_unkept(refusal.why, refusal.read, closes=True)
        return await self._take(body, head.authorizations, began_s)

    async def _take(self, body: bytes, authorizations: list[str], began_s: float) -> Answer:
        received_at_ms = utcnow_ms()
        try:
            check_signature(authorizations, body, mode=self._mode, api_keys=self._api_keys)
            message = self._decode(body, received_at_ms)
        except (Refused, Unavailable) as error:
            return await self._quarantine(error, body, received_at_ms)
        accepted = await self._intake.accept(BatchItem(ItemKind.MESSAGE, received_at_ms, body), self._digests.duplicate_mark(message))
        self._metrics.acknowledged(accepted.seen, accepted.store, monotonic_s() - began_s)
        return _OK

    def _decode(self, body: bytes, received_at_ms: int) -> MoMessage:
        """Raises MalformedCallback; and Unavailable where the decoder itself failed, which is our fault."""
        try:
            return decode_callback(body, received_at=from_ms(received_at_ms))
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001  a body that breaks the decoder must not be lost
            log.error("callback_undecodable", error=type(error).__name__)
            raise Unavailable from None

    async def _quarantine(self, error: CrosslineError, body: bytes, received_at_ms: int) -> Answer:
        item = BatchItem(ItemKind.QUARANTINE, received_at_ms, body, error.code)
        await self._intake.accept(item, self._digests.quarantine_mark(error.code, body))
        self._metrics.quarantined(error.code)
        log.warning("callback_quarantined", code=error.code, field=getattr(error, "field", None), digest=self._digests.of_body(body))
        return self._refuse(error)

    async def _refuse_source(self, receive: Receive, head: _Head) -> Answer:
        try:
            body = await self._bodies.read(receive, content_length=head.content_length)
        except BodyRefused as refusal:
            return self._refuse_unkept(SourceNotAllowed(), refusal.read, closes=True)
        return self._refuse_unkept(SourceNotAllowed(), body, closes=False)

    def _refuse_unkept(self, error: Refused, read: bytes, *, closes: bool) -> Answer:
        log.warning("callback_refused", code=error.code, digest=self._digests.of_body(read), read_bytes=len(read))
        return self._refuse(error, closes=closes)

    def _refuse(self, error: CrosslineError, *, closes: bool = False) -> Answer:
        self._metrics.refused(error.code)
        return problem(error, closes=closes)

    def _is_ours(self, path: str) -> bool:
        if not path.startswith(_TELESIGN):
            return False
        given = path[len(_TELESIGN) :].encode("utf-8", "surrogatepass")
        return any([hmac.compare_digest(given, token) for token in self._tokens])  # noqa: C419  every token, in the same time

    def _is_allowed(self, scope: Scope, head: _Head) -> bool:
        peer = scope["client"][0] if scope.get("client") else None
        return is_allowed(client_address(peer, head.forwarded_for, self._proxies), self._networks)


def _read_head(headers: list[tuple[bytes, bytes]]) -> _Head:
    content_length: int | None = None
    authorizations: list[str] = []
    forwarded_for: list[str] = []
    for name, value in headers:
        if name == b"content-length":
            content_length = int(value)
        elif name in (b"authorization", b"x-ts-authorization"):
            authorizations.append(value.decode("latin-1"))
        elif name == b"x-forwarded-for":
            forwarded_for.append(value.decode("latin-1"))
    return _Head(content_length, authorizations, forwarded_for)
