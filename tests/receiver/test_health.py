"""Readiness: what it says, and how often the stores are asked for it."""

import asyncio

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from receiver.health import Readiness, Readyz, StoreReadiness
from store.inbox.batches import StoreName

ACCEPTS = StoreReadiness(reachable=True, proven=True, accepts=True)
REFUSES = StoreReadiness(reachable=True, proven=False, accepts=False, detail="appendfsync is everysec")
REQUEST = Request({"type": "http", "method": "GET", "headers": []})


class Stores:
    """Answers slowly, counts how often it is asked, and notices when it is asked twice at a time."""

    def __init__(self, readiness: Readiness | Exception, *, takes_s: float = 0.0) -> None:
        self.asked = 0
        self.most_at_once = 0
        self._at_once = 0
        self._readiness = readiness
        self._takes_s = takes_s

    async def ask(self) -> Readiness:
        self.asked += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self._takes_s)
        self._at_once -= 1
        if isinstance(self._readiness, Exception):
            raise self._readiness
        return self._readiness


def page(stores: Stores, *, timeout_s: float = 5.0) -> Response:
    async def ask() -> Response:
        return await Readyz(stores.ask, timeout_s=timeout_s).page(REQUEST)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "redis, database, status, word",
    [
        pytest.param(ACCEPTS, ACCEPTS, 200, "up", id="both"),
        pytest.param(ACCEPTS, REFUSES, 200, "degraded", id="Redis alone"),
        pytest.param(REFUSES, ACCEPTS, 200, "degraded", id="the database alone"),
        pytest.param(REFUSES, REFUSES, 503, "down", id="none"),
        pytest.param(ACCEPTS, None, 200, "up", id="Redis, and the settings want no other"),
        pytest.param(REFUSES, None, 503, "down", id="not Redis, and the settings want no other"),
    ],
)
def test_it_is_ready_while_any_store_accepts(redis: StoreReadiness, database: StoreReadiness | None, status: int, word: str) -> None:
    stores = {StoreName.REDIS: redis} | ({} if database is None else {StoreName.DATABASE: database})

    response = page(Stores(Readiness(stores)))

    document = orjson.loads(response.body)
    assert (response.status_code, document["status"]) == (status, word)
    assert set(document["stores"]) == {name.value for name in stores}
    assert document["stores"]["redis"]["detail"] == redis.detail


@pytest.mark.parametrize("stores", [Stores(RuntimeError("secret")), Stores(Readiness({}), takes_s=5)], ids=["fails", "hangs"])
def test_not_to_know_is_not_to_be_ready(stores: Stores) -> None:
    response = page(stores, timeout_s=0.02)

    assert (response.status_code, orjson.loads(response.body)) == (503, {"status": "down", "stores": {}})


def test_many_who_ask_at_once_are_answered_by_one_question() -> None:
    stores = Stores(Readiness({StoreName.REDIS: ACCEPTS}), takes_s=0.02)

    async def many() -> list[Readiness]:
        readyz = Readyz(stores.ask)
        return await asyncio.gather(*(readyz.readiness() for _ in range(20)))

    answers = asyncio.run(many())

    assert (stores.asked, stores.most_at_once, len(answers)) == (1, 1, 20)


def test_an_answer_grows_old() -> None:
    stores = Stores(Readiness({StoreName.REDIS: ACCEPTS}))

    async def twice() -> None:
        readyz = Readyz(stores.ask, cache_s=0.0)
        await readyz.readiness()
        await readyz.readiness()

    asyncio.run(twice())

    assert stores.asked == 2
