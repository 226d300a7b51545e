"""Rings the doorbell: one RQ job that carries nothing and tells a worker to look into the inbox."""

import redis
from rq import Queue
from rq.serializers import JSONSerializer

from schemas import jobs, keys
from store.redis_client import redis_errors


def ring(client: "redis.Redis") -> bool:
    """Enqueue one job unless enough wait already; whether one was enqueued. Raises StoreError.

    JSON instead of pickle, an empty description and short lifetimes: nothing of a message can ever lie in a job.
    """
    with redis_errors():
        queue = Queue(keys.SCREEN_QUEUE, connection=client, serializer=JSONSerializer)
        if queue.count >= jobs.MAX_WAITING:
            return False
        queue.enqueue_call(
            jobs.SCREEN_INBOX,
            timeout=jobs.JOB_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=jobs.FAILURE_TTL_S,
            description="",
        )
        return True


def jobs_waiting(client: "redis.Redis") -> int:
    """How many jobs wait for a worker. Raises StoreError."""
    with redis_errors():
        return int(Queue(keys.SCREEN_QUEUE, connection=client, serializer=JSONSerializer).count)
