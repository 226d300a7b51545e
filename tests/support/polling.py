"""Waiting for what another process does: the one place where tests look again and again instead of sleeping once."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, within_s: float = 10.0, every_s: float = 0.02, what: str = "the condition") -> T:
    """The first truthy value that `condition` gives. Fails the test when there is none within `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} did not come true within {within_s} s")
        time.sleep(every_s)
