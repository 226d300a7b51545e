"""What the door counts. Every metric comes from `schemas.metrics`; there are no gauges here, so a process that died leaves none.

With several processes Prometheus' client keeps each one's counts in a file of the multiprocess directory (it reads that from the
environment when it is imported), and a scrape of any process sums them. Counts of processes that died stay in the sum.
"""

from collections.abc import Iterable

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from schemas.metrics import ACCEPTED, ACK_SECONDS, BATCH_SIZE, COMMIT_FAILURES, DUPLICATES, QUARANTINED, REFUSED, Metric
from store.inbox.batches import Seen, StoreName


class DoorMetrics:
    """One process' counters. `multiprocess_dir`: where all processes of this server keep theirs; None for a single process."""

    def __init__(self, *, multiprocess_dir: str | None = None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._multiprocess_dir = multiprocess_dir
        self._registry = CollectorRegistry()
        accepted = self._counter(ACCEPTED)
        self._accepted = {store: accepted.labels(store.value) for store in StoreName}
        self._duplicates = self._counter(DUPLICATES)
        self._quarantined = self._counter(QUARANTINED)
        self._refused = self._counter(REFUSED)
        self._commit_failures = self._counter(COMMIT_FAILURES)
        self._ack_seconds = self._histogram(ACK_SECONDS)
        self._batch_size = self._histogram(BATCH_SIZE)

    def acknowledged(self, seen: Seen, store: StoreName, elapsed_s: float) -> None:
        """A callback was answered 200, `elapsed_s` after its head was read."""
        if seen is Seen.DUPLICATE:
            self._duplicates.inc()
        else:
            self._accepted[store].inc()
        self._ack_seconds.observe(elapsed_s)

    def refused(self, code: str) -> None:
        """A request was not answered 200."""
        self._refused.labels(code).inc()

    def quarantined(self, code: str) -> None:
        """A callback was kept in quarantine."""
        self._quarantined.labels(code).inc()

    def batch_committed(self, item_count: int) -> None:
        """A batch lies in a store."""
        self._batch_size.observe(item_count)

    def commit_failed(self, store: StoreName, code: str) -> None:
        """A store did not take a batch."""
        self._commit_failures.labels(store.value, code).inc()

    def render(self, others: Iterable[Collector] = ()) -> bytes:
        """All processes' counts, and what the other collectors add, in Prometheus' text format."""
        registry = CollectorRegistry()
        if self._multiprocess_dir is None:
            registry.register(self._registry)
        else:
            MultiProcessCollector(registry, path=self._multiprocess_dir)  # type: ignore[no-untyped-call]
        for collector in others:
            registry.register(collector)
        return prometheus_client.generate_latest(registry)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self._registry)
