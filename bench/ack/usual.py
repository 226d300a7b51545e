"""Server 2, the usual way: `SET NX` recognises what was seen, `queue.enqueue` keeps what is new; both block, so they run in threads."""

import os
from typing import Any

import orjson
from redis import Redis
from rq import Queue
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.usual_job import INSERT, QUEUE, SEEN_FOR_S

client = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(QUEUE, connection=client)


async def take(request: Request) -> Response:
    """Answer 200 once the message is in RQ's queue, or was before."""
    await run_in_threadpool(accept, orjson.loads(await request.body()))
    return Response(b"{}", media_type="application/json")


def accept(message: dict[str, Any]) -> None:
    """Enqueue a message that was not seen before."""
    if client.set(f"seen:{message['mo_reference_id']}", 1, nx=True, ex=SEEN_FOR_S):
        queue.enqueue(INSERT, message)


app = Starlette(routes=[Route("/callbacks", take, methods=["POST"])])
