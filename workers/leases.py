"""Keeps a lease alive while its work goes on: a slow store must not look like a dead worker."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from schemas.errors import StoreError
from store.inbox.batches import ClaimedBatch, Inbox

log = structlog.get_logger(__name__)

RENEW_EVERY_S: Final = 5.0
MOST_RENEWALS: Final = 4
"""A worker that hangs must lose its lease in the end."""


@contextlib.contextmanager
def renewed(inbox: Inbox, batches: Sequence[ClaimedBatch], *, every_s: float = RENEW_EVERY_S) -> Iterator[None]:
    """Renew the leases from another thread until the block ends, at most `MOST_RENEWALS` times."""
    over = threading.Event()

    def renew() -> None:
        for _ in range(MOST_RENEWALS):
            if over.wait(every_s):
                return
            try:
                inbox.renew(batches)
            except StoreError as error:
                log.warning("lease_not_renewed", store=inbox.name.value, code=error.code)

    if not inbox.renewable:
        yield
        return
    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
