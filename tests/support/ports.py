"""Ports for the servers that tests start."""

import random
import socket
from typing import Final

# Below the range from which the system takes the ports of outgoing connections, so that none of those comes in between.
_PORTS: Final = range(10_240, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nothing listens on, and that this process was not given before."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
