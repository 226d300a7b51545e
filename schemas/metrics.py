"""Every metric that `/metrics` shows, declared once; a name that is not here cannot be counted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricType(StrEnum):
    """The Prometheus types that we use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without the `_total` that Prometheus adds to counters, its meaning, its labels and bucket bounds."""

    name: str
    type: MetricType
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
BATCH_BUCKETS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

ACCEPTED: Final = Metric("crossline_callbacks_accepted", MetricType.COUNTER, "New messages answered 200.", ("store",))
DUPLICATES: Final = Metric("crossline_callbacks_duplicate", MetricType.COUNTER, "Callbacks answered 200 again without being stored again.")
QUARANTINED: Final = Metric(
    "crossline_callbacks_quarantined", MetricType.COUNTER, "Callbacks kept in quarantine at the door, by code.", ("code",)
)
REFUSED: Final = Metric("crossline_callbacks_refused", MetricType.COUNTER, "Callbacks not answered 200, by code.", ("code",))
ACK_SECONDS: Final = Metric(
    "crossline_ack_seconds", MetricType.HISTOGRAM, "From the request's head to its 200, in seconds.", (), LATENCY_BUCKETS_S
)
BATCH_SIZE: Final = Metric("crossline_batch_size", MetricType.HISTOGRAM, "Callbacks committed together.", (), BATCH_BUCKETS)
COMMIT_FAILURES: Final = Metric(
    "crossline_commit_failures", MetricType.COUNTER, "Batches that a store did not take, by store and code.", ("store", "code")
)
STORE_PROVEN: Final = Metric("crossline_store_proven", MetricType.GAUGE, "1 while the store is reachable and proven durable.", ("store",))
WAITING: Final = Metric("crossline_waiting_messages", MetricType.GAUGE, "Messages accepted and not yet in the transcript.", ("store",))
OLDEST_SECONDS: Final = Metric(
    "crossline_oldest_waiting_seconds", MetricType.GAUGE, "Age of the oldest message that waits, in seconds.", ("store",)
)
TRANSCRIBED: Final = Metric("crossline_messages_transcribed", MetricType.COUNTER, "Messages written to a transcript.")
RECOGNISED_DUPLICATES: Final = Metric(
    "crossline_worker_duplicates", MetricType.COUNTER, "Messages that a worker found in the transcript already."
)
CONFLICTS: Final = Metric("crossline_conflicts", MetricType.COUNTER, "Messages whose id was taken by a message with other values.")
POISONED: Final = Metric("crossline_poison_messages", MetricType.COUNTER, "Messages quarantined because they stopped a worker.")
FINDINGS: Final = Metric("crossline_findings", MetricType.COUNTER, "Findings, by rule, mode and kind.", ("rule", "mode", "kind"))
CASES_OPENED: Final = Metric("crossline_cases_opened", MetricType.COUNTER, "Cases opened for a moderator.")
TRANSCRIPT_SECONDS: Final = Metric(
    "crossline_callback_to_transcript_seconds", MetricType.HISTOGRAM, "From receipt to transcript, in seconds.", (), LATENCY_BUCKETS_S
)

ALL: Final = (
    ACCEPTED,
    DUPLICATES,
    QUARANTINED,
    REFUSED,
    ACK_SECONDS,
    BATCH_SIZE,
    COMMIT_FAILURES,
    STORE_PROVEN,
    WAITING,
    OLDEST_SECONDS,
    TRANSCRIBED,
    RECOGNISED_DUPLICATES,
    CONFLICTS,
    POISONED,
    FINDINGS,
    CASES_OPENED,
    TRANSCRIPT_SECONDS,
)
