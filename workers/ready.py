"""Waiting at start: a worker needs Redis, and a database with the schema of this release that was written with its keys."""

import threading
from typing import Final

import structlog

from schemas.errors import KeyMismatch, SchemaMismatch, StoreError
from store.keys import check_keys
from store.redis_client import redis_errors
from store.schema import require_schema
from workers.context import WorkerContext

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
SAY_EVERY_LOOKS: Final = 10


def wait_until_ready(context: WorkerContext, stopping: threading.Event, *, redis_too: bool = True) -> None:
    """Return when the stores can be worked with, or when `stopping` is set; says what it waits for every 5 s."""
    looks = 0
    while not stopping.is_set() and (reason := _missing(context, redis_too=redis_too)) is not None:
        if looks % SAY_EVERY_LOOKS == 0:
            log.warning("waiting_for_stores", reason=reason)
        looks += 1
        stopping.wait(LOOK_EVERY_S)


def _missing(context: WorkerContext, *, redis_too: bool) -> str | None:
    try:
        require_schema(context.database)
        check_keys(context.database, context.keyring, context.index_key_id)
        if redis_too:
            with redis_errors():
                context.redis.ping()
    except (StoreError, SchemaMismatch, KeyMismatch) as error:
        return error.message
    return None
