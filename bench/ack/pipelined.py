"""Server 3, the same without threads, so that the usual way is no straw man: redis-py's asyncio client, and RQ's job in one pipeline.

RQ knows no asyncio, but what it writes for a job it writes into a pipeline that it is given, and asyncio's has the same commands.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import redis
import redis.asyncio
from rq import Queue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.usual_job import INSERT, QUEUE, SEEN_FOR_S

client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(QUEUE, connection=redis.Redis.from_url(os.environ["REDIS_URL"]))


@asynccontextmanager
async def ask_version_once(_app: Starlette) -> AsyncIterator[None]:
    """RQ asks the server's version with the first job, and blocks meanwhile; here it asks before there is one."""
    queue.get_redis_server_version()
    yield


async def take(request: Request) -> Response:
    """Answer 200 once the message is in RQ's queue, or was before."""
    message: dict[str, Any] = orjson.loads(await request.body())
    if await client.set(f"seen:{message['mo_reference_id']}", 1, nx=True, ex=SEEN_FOR_S):
        async with client.pipeline(transaction=False) as pipeline:
            queue.enqueue_call(INSERT, args=(message,), pipeline=pipeline)  # type: ignore[arg-type]
            await pipeline.execute()
    return Response(b"{}", media_type="application/json")


app = Starlette(routes=[Route("/callbacks", take, methods=["POST"])], lifespan=ask_version_once)
