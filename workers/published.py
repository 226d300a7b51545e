"""Publishes what a worker did to Redis, where `/metrics` reads it: workers have no port of their own."""

import redis
import structlog

from schemas import keys, metrics
from schemas.errors import StoreError
from schemas.workstats import counter_field, histogram_fields
from store.redis_client import redis_errors
from workers.results import Results

log = structlog.get_logger(__name__)


def publish(client: "redis.Redis", results: Results) -> None:
    """Add the results of one committed transaction to the sums. What cannot be published is only missing from the metrics."""
    counted = {
        counter_field(metrics.TRANSCRIBED): results.transcribed,
        counter_field(metrics.RECOGNISED_DUPLICATES): results.duplicates,
        counter_field(metrics.CONFLICTS): results.conflicts,
        counter_field(metrics.POISONED): results.poisoned,
        counter_field(metrics.CASES_OPENED): results.cases_opened,
        **{counter_field(metrics.FINDINGS, labels): count for labels, count in results.findings.items()},
    }
    try:
        with redis_errors():
            pipeline = client.pipeline(transaction=False)
            for field, count in counted.items():
                if count:
                    pipeline.hincrby(keys.WORK_STATS, field, count)
            for field, value in histogram_fields(metrics.TRANSCRIPT_SECONDS, *results.latencies_s).items():
                pipeline.hincrbyfloat(keys.WORK_STATS, field, value)
            pipeline.execute()
    except StoreError as error:
        log.warning("stats_not_published", code=error.code)
