"""The connections that the whole fleet takes, against what the stores allow.

A web process takes 2 connections to Redis and 1 to the database, a screener 3 and 1, a keeper 1 and 1.
"""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Facts, Plan
from crossline.doctor.verdicts import Verdict, fail, ok, warn
from schemas.errors import StoreError

_WARN_SHARE: Final = 0.8
_COMMANDS: Final = 1
"""What `migrate` or a look by `doctor` takes besides."""


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    plan = facts.plan
    if not isinstance(facts.redis, StoreError) and facts.redis.max_clients is not None:
        yield _verdict("Redis", redis_connections(plan), facts.redis.max_clients, plan, "maxclients")
    if not isinstance(facts.database, StoreError) and facts.database.connections is not None:
        connections = facts.database.connections
        room = connections.limit - connections.others
        yield _verdict("The database", database_connections(plan), room, plan, "max_connections, or the limit of its user,")


def redis_connections(plan: Plan) -> int:
    """How many connections to Redis the fleet takes."""
    return 2 * plan.web_processes + 3 * plan.worker_processes + plan.workers + _COMMANDS


def database_connections(plan: Plan) -> int:
    """How many connections to the database the fleet takes."""
    return plan.web_processes + plan.worker_processes + plan.workers + _COMMANDS


def _verdict(whose: str, needed: int, room: int, plan: Plan, limit: str) -> Verdict:
    fleet = f"{plan.web_processes} web and {plan.worker_processes} worker processes"
    finding = f"{whose} has room for {room:,} connections; {fleet} take up to {needed:,}."
    remedy = (
        f"Raise {limit} or run fewer processes (WEB_CONCURRENCY, `worker --processes`). Is this the whole fleet? If not, say so with "
        "--web-processes, --worker-processes and --workers."
    )
    if needed > room:
        return fail("connections", finding, remedy)
    return warn("connections", finding, remedy) if needed > _WARN_SHARE * room else ok("connections", finding)
