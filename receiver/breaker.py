"""A circuit breaker: after a failure a store is left alone until it has been proven again, and then tried with one batch. Pure."""

from enum import StrEnum
from typing import Final

FIRST_COOLDOWN_S: Final = 0.5
LONGEST_COOLDOWN_S: Final = 5.0


class BreakerState(StrEnum):
    """CLOSED: in use. OPEN: left alone. HALF_OPEN: reachable again; one batch tries it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """One store's breaker. It starts open: a store is used only once it has been proven. Instants are seconds on a monotonic clock."""

    def __init__(self) -> None:
        self.state = BreakerState.OPEN
        self._cooldown_s = 0.0
        self._open_until_s = 0.0

    @property
    def lets_through(self) -> bool:
        """Whether a batch may be sent to the store."""
        return self.state is not BreakerState.OPEN

    def may_probe(self, now_s: float) -> bool:
        """Whether it is time to find out if the store is back."""
        return self.state is BreakerState.OPEN and now_s >= self._open_until_s

    def proven(self) -> None:
        """The store answered and is durable: let a batch try."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """The store took a batch."""
        self.state = BreakerState.CLOSED
        self._cooldown_s = 0.0

    def failed(self, now_s: float) -> None:
        """The store did not take a batch, or is not durable; each failure in a row is left alone for longer."""
        self.state = BreakerState.OPEN
        self._cooldown_s = min(LONGEST_COOLDOWN_S, max(FIRST_COOLDOWN_S, self._cooldown_s * 2))
        self._open_until_s = now_s + self._cooldown_s
