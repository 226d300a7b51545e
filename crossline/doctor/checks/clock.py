"""The clocks: leases and ages are told by them."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok, warn
from schemas.errors import StoreError

WARN_S: Final = 2.0
FAIL_S: Final = 30.0


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    if not isinstance(facts.redis, StoreError):
        yield _verdict("Redis", facts.redis.clock_ahead_s)
    if not isinstance(facts.database, StoreError) and facts.database.clock_ahead_s is not None:
        yield _verdict("The database", facts.database.clock_ahead_s)


def _verdict(whose: str, ahead_s: float) -> Verdict:
    off_s = abs(ahead_s)
    if off_s <= WARN_S:
        return ok("clock", f"{whose} and this machine agree on the time.")
    finding = f"{whose} is {off_s:,.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine."
    remedy = "Set both clocks by NTP. Leases and the ages of waiting messages are told by them."
    return fail("clock", finding, remedy) if off_s > FAIL_S else warn("clock", finding, remedy)
