"""`memory`: what an idle receiver holds, and what a message costs Redis while it waits and while it is remembered."""

import itertools
from pathlib import Path
from typing import Any, Final

import psutil

from bench.ack.servers import running_crossline
from bench.callbacks import bodies
from bench.filling import fill_inbox
from bench.installation import Installation
from bench.machine import machine
from bench.progress import say
from bench.valkey import RunningValkey, running_valkey, scratch_directory
from schemas import keys
from schemas.settings import Settings

SIZES: Final = (1, 8, 64)
_SETTLE_S: Final = 3.0
_MIB: Final = 1024 * 1024
_INBOX: Final = (keys.INBOX_BATCHES, keys.INBOX_DUE, keys.INBOX_ACCEPTED, keys.INBOX_MESSAGES)


def measure_memory(*, messages: int) -> dict[str, Any]:
    """`messages`: how many each figure is an average over. Raises Failed."""
    with scratch_directory() as directory, running_valkey(directory) as valkey:
        installation = Installation.new(valkey.url, f"sqlite:///{directory}/crossline.db")
        installation.migrate(directory)
        receiver_mib = _receiver_mib(installation, directory)
        say(f"an idle receiver: {receiver_mib:.1f} MiB")
        by_size = {size: _bytes_each(valkey, installation.settings, messages, size) for size in SIZES}
        return {
            "idle_receiver_mib": round(receiver_mib, 1),
            "body_bytes": len(next(bodies())),
            "waiting_bytes_by_batch_size": {str(size): round(waiting, 1) for size, (waiting, _) in by_size.items()},
            "remembered_bytes": round(max(mark for _, mark in by_size.values()), 1),
            "messages": messages,
            "machine": machine(valkey),
        }


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    waiting = result["waiting_bytes_by_batch_size"].items()
    lines = [f"{'an idle receiver':32}{result['idle_receiver_mib']:8.1f} MiB resident"]
    lines += [f"{f'a waiting message, batches of {size}':32}{of:8.0f} bytes in Redis" for size, of in waiting]
    lines.append(f"{'a remembered message':32}{result['remembered_bytes']:8.0f} bytes in Redis")
    return "\n".join(lines)


def _receiver_mib(installation: Installation, directory: Path) -> float:
    with running_crossline(installation, directory / "web.log") as server:
        process = psutil.Process(server.pid)
        process.cpu_percent()
        while process.cpu_percent(_SETTLE_S) > 20:  # still starting
            pass
        return float(process.memory_info().rss) / _MIB


def _bytes_each(valkey: RunningValkey, settings: Settings, count: int, size: int) -> tuple[float, float]:
    """Bytes for each waiting message, and for each mark, by what Valkey's used memory grows by and shrinks by again."""
    fill_inbox(valkey, settings, itertools.islice(bodies(), 1), count=1, sizes=[1])  # what is only made once
    valkey.empty()
    empty_bytes = valkey.used_bytes()
    fill_inbox(valkey, settings, bodies(), count=count, sizes=[size])
    full_bytes = valkey.used_bytes()
    valkey.client.delete(*_INBOX)
    valkey.settle()
    remembered_bytes = valkey.used_bytes()
    say(f"batches of {size}: {(full_bytes - remembered_bytes) / count:.0f} bytes a waiting message")
    return (full_bytes - remembered_bytes) / count, (remembered_bytes - empty_bytes) / count
