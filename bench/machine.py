"""What the figures were measured on: without it they mean nothing."""

import os
import platform
from typing import Any

from bench.valkey import RunningValkey


def machine(valkey: RunningValkey) -> dict[str, Any]:
    """The machine and the versions, as they stand in a result."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "valkey": f"{valkey.version}, appendfsync {valkey.client.config_get('appendfsync')['appendfsync']}",
    }
