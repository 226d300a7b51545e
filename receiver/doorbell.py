"""The doorbell: wakes a worker through RQ after a batch was accepted, off the acknowledgement's path.

A job carries nothing. A ring that is lost is mended by the keeper, so a failure here is only counted in the log.
"""

import asyncio
from typing import Final

import redis
import structlog

from receiver.blocking import InThread
from schemas.errors import StoreError
from store.doorbell import ring

log = structlog.get_logger(__name__)

REST_S: Final = 0.05
"""Least time between two rings: one costs about two milliseconds of this process, and one job drains the whole inbox."""
RING_WITHIN_S: Final = 5.0


class Doorbell:
    """At most one ring is in flight; a wish to ring meanwhile is remembered."""

    def __init__(self, client: "redis.Redis", thread: InThread) -> None:
        self._client = client
        self._thread = thread
        self._wanted = False
        self._ringing: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake a worker soon. Returns at once."""
        self._wanted = True
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring_while_wanted())

    async def close(self) -> None:
        """Ring a last time where that was wished, and stop."""
        if self._ringing is not None:
            await self._ringing

    async def _ring_while_wanted(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._thread.run(lambda: ring(self._client), within_s=RING_WITHIN_S)
            except StoreError as error:
                log.warning("ring_lost", code=error.code)
            except Exception as error:  # noqa: BLE001  the bell must go on working, whatever one ring ran into
                log.error("ring_lost", code=type(error).__name__)
            await asyncio.sleep(REST_S)
        self._ringing = None
