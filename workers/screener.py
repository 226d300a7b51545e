"""A screener: an RQ worker that runs its jobs in its own process, without a fork a job."""

import threading
from typing import Any, Final

import structlog
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import UnixSignalDeathPenalty

from schemas import keys
from schemas.errors import StoreError
from schemas.settings import Settings
from store.redis_client import open_redis, redis_errors
from workers.context import WorkerContext, install
from workers.ready import wait_until_ready

log = structlog.get_logger(__name__)

WORKER_TTL_S: Final = 25
"""RQ blocks for 15 s less than this when idle, and looks after itself only between two blocks."""
MAINTENANCE_EVERY_S: Final = 30
RECONNECT_EVERY_S: Final = 2.0
"""Longest rest between two tries to reach a Redis that was lost. RQ's own, a minute, would leave work lying about once it is back."""


class OutOfTime(BaseException):
    """A job ran longer than it may. No `Exception`, so that nothing that catches those can swallow it."""


class JobDeadline(UnixSignalDeathPenalty):
    """RQ's alarm, with our exception."""

    def handle_death_penalty(self, signum: int, frame: Any) -> None:
        """Called by the alarm, in the main thread."""
        raise OutOfTime


class Screener(SimpleWorker):
    """RQ's worker with our deadline. Two connections are enough for it: to end a job it holds one and asks on another."""

    death_penalty_class = JobDeadline
    max_connection_wait_time = RECONNECT_EVERY_S

    def subscribe(self) -> None:
        """Left out: it would hold a connection and a thread for commands that nobody sends."""

    def set_shutdown_requested_date(self) -> None:
        """Left out: called by a signal, it would wait for a connection that the code which it interrupted holds."""

    @property
    def is_stopping(self) -> bool:
        """Whether a signal asked the worker to end."""
        return bool(self._stop_requested)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Returns too when Redis goes away: the supervisor starts it again."""
    work(settings, WorkerContext.of(settings))


def work(settings: Settings, context: WorkerContext) -> None:
    """See `run`, with what the process has open."""
    wait_until_ready(context, threading.Event())
    client = open_redis(settings.redis_url.get_secret_value(), tls_verify=settings.redis_tls_verify, connections=2)
    screener = Screener(
        [Queue(keys.SCREEN_QUEUE, connection=client, serializer=JSONSerializer)],
        connection=client,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_EVERY_S,
        log_job_description=False,
    )
    install(context, stop=lambda: screener.is_stopping)
    log.info("screener_started", worker=screener.name)
    try:
        with redis_errors():
            screener.work(logging_level="WARNING")
    except StoreError as error:
        log.warning("screener_lost_redis", worker=screener.name, code=error.code)
    log.info("screener_stopped", worker=screener.name)
