"""How fast a queue is emptied, seen from outside."""

import subprocess
import time
from collections.abc import Callable
from typing import Final

from bench.children import Failed

_LOOK_EVERY_S: Final = 0.005
_PATIENCE_S: Final = 120.0


def emptied_per_s(left: Callable[[], int], worker: "subprocess.Popen[bytes]", *, total: int) -> float:
    """Messages a second, from when the first were seen to be done until none is left: what starting costs is left out.

    Raises Failed when the worker ends before, or for two minutes nothing is done.
    """
    first_s = changed_s = time.monotonic()
    first = seen = total
    while seen > 0:
        time.sleep(_LOOK_EVERY_S)
        now_s, now = time.monotonic(), left()
        if now < seen:
            if seen == total:
                first_s, first = now_s, now
            changed_s, seen = now_s, now
        elif worker.poll() not in (None, 0) or now_s - changed_s > _PATIENCE_S:
            raise Failed(f"The worker stopped with {seen} of {total} messages left.")
    if first == 0:
        raise Failed("All messages were done at once: too few to measure with.")
    return first / (changed_s - first_s)
