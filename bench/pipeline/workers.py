"""The two workers that are compared, each measured from a full queue to an empty one."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import orjson
from rq import Queue
from rq.registry import FinishedJobRegistry

from bench.children import ROOT, child
from bench.filling import fill_inbox
from bench.installation import COMMAND, Installation
from bench.pipeline.rate import emptied_per_s
from bench.traffic import traffic
from bench.usual_job import INSERT, QUEUE, make_table
from bench.valkey import RunningValkey
from schemas.keys import INBOX_MESSAGES

_RQ: Final = str(Path(sys.executable).parent / "rq")


def crossline_per_s(valkey: RunningValkey, database_url: str, directory: Path, *, count: int, sizes: Sequence[int]) -> float:
    """One `crossline worker`: claim, open, screen with the default policy, seal, write, commit. `sizes`: of the batches, in turn."""
    valkey.empty()
    installation = Installation.new(valkey.url, database_url)
    installation.migrate(directory)
    fill_inbox(valkey, installation.settings, traffic(), count=count, sizes=sizes)
    with child([COMMAND, "worker"], installation.environ, directory / "worker.log") as worker:
        return emptied_per_s(lambda: int(valkey.client.get(INBOX_MESSAGES) or 0), worker, total=count)


def usual_per_s(valkey: RunningValkey, database: str, directory: Path, *, count: int) -> float:
    """RQ's default worker, a fork a job: one message, one insert, one commit; no screening and no sealing."""
    valkey.empty()
    make_table(database)
    queue = Queue(QUEUE, connection=valkey.client)
    queue.enqueue_many([Queue.prepare_data(INSERT, (message,)) for message in _messages(count)])
    finished = FinishedJobRegistry(queue=queue)
    command = [_RQ, "worker", "--quiet", "--url", valkey.url, "--path", str(ROOT), QUEUE]
    with child(command, {"USUAL_DATABASE": database}, directory / "rq.log") as worker:
        return emptied_per_s(lambda: count - int(valkey.client.zcard(finished.key)), worker, total=count)


def _messages(count: int) -> Iterator[dict[str, str]]:
    for _, body in zip(range(count), traffic(), strict=False):
        yield orjson.loads(body)
