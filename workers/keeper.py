"""The keeper: sweeps what RQ forgot. It needs no RQ.

Every second it looks into both inboxes. Where something is due and no job waits, it rings. While Redis is out of reach nobody can be
rung, so it drains the database's inbox itself: what is accepted without Redis is screened without Redis.
"""

import signal
import threading
from typing import Final

import structlog

from schemas.errors import StoreError
from schemas.settings import Settings
from store.doorbell import jobs_waiting, ring
from workers.context import WorkerContext
from workers.ready import wait_until_ready

log = structlog.get_logger(__name__)

SWEEP_EVERY_S: Final = 1.0


def run(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopping.set())
    context = WorkerContext.of(settings)
    wait_until_ready(context, stopping, redis_too=False)
    if not stopping.is_set():
        log.info("keeper_started")
    while not stopping.is_set():
        sweep(context, stopping)
        stopping.wait(SWEEP_EVERY_S)
    log.info("keeper_stopped")


def sweep(context: WorkerContext, stopping: threading.Event) -> None:
    """Look once into both inboxes, and see to it that what is due is worked on."""
    try:
        in_database = context.database_inbox.backlog().due
    except StoreError as error:
        log.warning("database_out_of_reach", code=error.code)
        in_database = 0
    try:
        due = in_database + context.redis_inbox.backlog().due
        if due and not jobs_waiting(context.redis):
            ring(context.redis)
    except StoreError as error:
        log.warning("redis_out_of_reach", code=error.code)
        if in_database:
            context.drain.run((context.database_inbox,), stop=stopping.is_set)
