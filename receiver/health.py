"""`/healthz`, whether the process is up, and `/readyz`, whether a message would be accepted."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from schemas.clock import monotonic_s
from store.inbox.batches import StoreName

log = structlog.get_logger(__name__)

CACHE_S: Final = 1.0
PROBE_TIMEOUT_S: Final = 5.0
_JSON: Final = "application/json"
_NO_STORE: Final = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReadiness:
    """One store. `accepts`: it would take a message now. `detail`: one sentence for the operator, without secrets."""

    reachable: bool
    proven: bool
    accepts: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The stores that may take a message; one that the settings rule out is left out."""

    stores: Mapping[StoreName, StoreReadiness]

    @property
    def status(self) -> str:
        """`up`: all accept; `degraded`: one does not; `down`: none does."""
        accepting = sum(store.accepts for store in self.stores.values())
        if accepting == 0:
            return "down"
        return "up" if accepting == len(self.stores) else "degraded"


ReadinessProbe = Callable[[], Awaitable[Readiness]]


async def healthz(_request: Request) -> Response:
    """The process is up and its loop runs."""
    return Response(b'{"status":"up"}', media_type=_JSON, headers=_NO_STORE)


class Readyz:
    """The `/readyz` endpoint. Asks the stores at most once a second, and never twice at the same time."""

    def __init__(self, probe: ReadinessProbe, *, cache_s: float = CACHE_S, timeout_s: float = PROBE_TIMEOUT_S) -> None:
        self._probe = probe
        self._cache_s = cache_s
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._latest = Readiness({})
        self._fresh_until_s = 0.0

    async def page(self, _request: Request) -> Response:
        """200 while any store accepts, 503 when none does; a body that says which."""
        readiness = await self.readiness()
        stores = {
            name.value: {"reachable": store.reachable, "proven": store.proven, "accepts": store.accepts, "detail": store.detail}
            for name, store in readiness.stores.items()
        }
        body = orjson.dumps({"status": readiness.status, "stores": stores})
        return Response(body, 503 if readiness.status == "down" else 200, headers=_NO_STORE, media_type=_JSON)

    async def readiness(self) -> Readiness:
        """What the stores say, no older than `cache_s`."""
        async with self._lock:
            if monotonic_s() >= self._fresh_until_s:
                self._latest = await self._ask()
                self._fresh_until_s = monotonic_s() + self._cache_s
            return self._latest

    async def _ask(self) -> Readiness:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._probe()
        except Exception as error:  # noqa: BLE001  not knowing is an answer too: not ready
            log.error("readiness_unknown", error=type(error).__name__)
            return Readiness({})
