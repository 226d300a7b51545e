"""The one place that reads the clock. Pure code takes `now` as an argument instead.

Every instant is an aware `datetime` in UTC. On the wire of a batch, instants are whole milliseconds since the Unix epoch.
"""

import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def utcnow() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def utcnow_ms() -> int:
    """The current instant in whole milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds on a clock that never steps: for measuring how long something took, never for saying when it happened."""
    return time.monotonic()


def cpu_s() -> float:
    """Seconds that this process has computed: for telling slow work from a slow answer."""
    return time.process_time()


def from_ms(instant_ms: int) -> datetime:
    """The aware instant that lies `instant_ms` milliseconds after the Unix epoch."""
    return EPOCH + instant_ms * MILLISECOND


def to_ms(instant: datetime) -> int:
    """Whole milliseconds from the Unix epoch to an aware instant."""
    return (instant - EPOCH) // MILLISECOND
