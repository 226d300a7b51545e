"""Says what is being waited for, to whoever watches a process start."""

from collections.abc import Callable
from typing import Final

from schemas.clock import monotonic_s

SAY_FIRST_AFTER_S: Final = 1.5
"""Processes that start together need not report each other."""
SAY_EVERY_S: Final = 5.0


class Reminder:
    """Says what is being waited for: not at once, and then every 5 s."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._say_at_s = monotonic_s() + SAY_FIRST_AFTER_S

    def waiting(self, because: str) -> None:
        """Call it as often as you look."""
        if monotonic_s() >= self._say_at_s:
            self._say_at_s = monotonic_s() + SAY_EVERY_S
            self._say(because)
