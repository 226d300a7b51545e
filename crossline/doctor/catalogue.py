"""Every check, in the order in which its verdicts are shown."""

from collections.abc import Callable, Iterable
from typing import Final

from crossline.doctor.checks import acknowledgement, clock, connections, database, disks, door, keys, policy, redis, transport, work
from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict

CHECKS: Final[tuple[Callable[[Facts], Iterable[Verdict]], ...]] = (
    redis.check,
    database.check,
    acknowledgement.check,
    disks.check,
    keys.check,
    clock.check,
    connections.check,
    door.check,
    transport.check,
    policy.check,
    work.check,
)


def judge(facts: Facts) -> list[Verdict]:
    """What every check says of the facts. Pure."""
    return [verdict for check in CHECKS for verdict in check(facts)]
