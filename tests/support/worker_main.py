"""A worker process for tests: the product's own inboxes and Drain, with short leases and a policy of one detector that misbehaves.

Run as `python -m tests.support.worker_main REDIS_URL DATABASE_URL LEASE_MS`. As under `crossline worker`, a worker that dies is followed
by another, here by a fork, because many die. What a text asks of its worker stands in the text itself: one of the words below.
"""

import os
import signal
import sys
import threading
import time
from typing import Final

from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.redis_client import open_redis
from tests.support.policies import policy_that
from tests.support.workshop import make_tools
from workers.drain import Drain

EXITS: Final = "xyzzy-exits"
SLEEPS: Final = "xyzzy-sleeps"
DIED: Final = "a worker died"
LOOK_EVERY_S: Final = 0.05


def _misbehave(text: str) -> None:
    if EXITS in text:
        os._exit(9)
    if SLEEPS in text:
        time.sleep(600)


def work(redis_url: str, database_url: str, lease_ms: int) -> None:
    """Drain both inboxes until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    database = Database.open(database_url)
    inboxes = (RedisInbox(open_redis(redis_url), lease_ms=lease_ms), DatabaseInbox(database, lease_ms=lease_ms))
    drain = Drain(database, make_tools(policy_that(_misbehave, on="xyzzy")), publish=lambda _: None)
    while not stopping.is_set():
        drain.run(inboxes, stop=stopping.is_set)
        stopping.wait(LOOK_EVERY_S)


def main(redis_url: str, database_url: str, lease_ms: int) -> None:
    """One worker after another, until SIGTERM; a line for each that died."""
    while True:
        child = os.fork()
        if child == 0:
            work(redis_url, database_url, lease_ms)
            os._exit(0)
        signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            return
        sys.stderr.write(f"{DIED}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
