"""`ack`: how fast a callback is acknowledged, all servers side by side, round after round in the same order."""

from typing import Any

import redis

from bench.ack.load import CONNECTIONS, Measured, enough_for, generator, measure
from bench.ack.servers import Server, running_servers
from bench.ack.summary import summary
from bench.callbacks import signed_requests
from bench.children import Failed
from bench.installation import Installation
from bench.machine import machine
from bench.progress import say
from bench.valkey import RunningValkey, running_valkey, scratch_directory
from schemas.settings import Settings

_WARM_UP_S = 1.0


def measure_acknowledgement(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Each server is loaded for so many seconds in each round; a short round before them warms all up. Raises Failed."""
    with scratch_directory() as directory, running_valkey(directory) as valkey:
        installation = Installation.new(valkey.url, f"sqlite:///{directory}/crossline.db")
        installation.migrate(directory)
        with running_servers(installation, directory) as servers:
            say(f"{CONNECTIONS} connections, {rounds} rounds of {seconds:g} s a server, load by {generator()}")
            settings = installation.settings
            _round(servers, valkey, settings, seconds=min(_WARM_UP_S, seconds))
            measured = []
            for number in range(1, rounds + 1):
                one = _round(servers, valkey, settings, seconds=seconds)
                say(f"round {number}: " + ", ".join(f"{name} {of.per_s:,.0f}/s" for name, of in one.items()))
                measured.append(one)
            of_run = {"connections": CONNECTIONS, "rounds": rounds, "seconds": seconds, "load": generator(), "machine": machine(valkey)}
            return summary(measured) | of_run


def _round(servers: list[Server], valkey: RunningValkey, settings: Settings, *, seconds: float) -> dict[str, Measured]:
    return {server.name: _one(server, valkey, settings, seconds=seconds) for server in servers}


def _one(server: Server, valkey: RunningValkey, settings: Settings, *, seconds: float) -> Measured:
    valkey.empty()
    requests = signed_requests(server.path, settings, enough_for(seconds))
    try:
        measured = measure(server.port, requests, seconds=seconds)
    except Failed as failure:
        raise Failed(f"{server.name}: {failure}") from None
    _require_kept(server, valkey.client, measured.answers)
    return measured


def _require_kept(server: Server, client: "redis.Redis", answers: int) -> None:
    """A server that answered 200 without keeping the message would win, and a database that helped out is not what is measured."""
    kept = server.kept(client)
    if kept is not None and kept < answers:
        raise Failed(f"{server.name}: answered {answers} messages, but Redis holds {kept}.")
