"""The work: workers that are alive, nothing that waits too long, nothing that lies in quarantine unseen."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok, warn
from schemas.errors import StoreError
from store.inbox.batches import Backlog
from store.quarantine import CAP_ENTRIES

WARN_WAITING_MS: Final = 60_000
FULL_SHARE: Final = 0.8


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    if not isinstance(facts.redis, StoreError):
        yield _workers(facts.redis.workers)
        yield _waiting("Redis", facts.redis.backlog)
    if not isinstance(facts.database, StoreError) and facts.database.content is not None:
        yield _waiting("the database", facts.database.content.backlog)
        yield _quarantine(facts.database.content.quarantined)


def _workers(count: int) -> Verdict:
    if not count:
        return warn(
            "workers", "No worker runs: what is accepted waits.", "Start `crossline worker` (on a PaaS: scale the worker process up)."
        )
    return ok("workers", f"{count} {'screener runs' if count == 1 else 'screeners run'}.")


def _waiting(where: str, backlog: Backlog) -> Verdict:
    if not backlog.batches:
        return ok("waiting", f"Nothing waits in {where}.")
    finding = f"{backlog.messages:,} messages wait in {where}, the oldest for {backlog.oldest_age_ms / 1000:,.1f} s."
    if backlog.oldest_age_ms > WARN_WAITING_MS:
        return warn("waiting", finding, "See whether workers run and what they log; more of them: `crossline worker --processes N`.")
    return ok("waiting", finding)


def _quarantine(quarantined: dict[str, int]) -> Verdict:
    count = sum(quarantined.values())
    if not count:
        return ok("quarantine", "Nothing waits in quarantine.")
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in quarantined.items())
    if count >= FULL_SHARE * CAP_ENTRIES:
        return fail(
            "quarantine",
            f"Quarantine is nearly full ({reasons}); beyond {CAP_ENTRIES:,} bodies only digests are kept.",
            "`crossline quarantine list` shows what lies there; replay it after a fix.",
        )
    return warn(
        "quarantine",
        f"{count:,} callbacks could not be read or trusted ({reasons}).",
        "`crossline quarantine list` and `show` say what is wrong; after a fix, `crossline quarantine replay`.",
    )
