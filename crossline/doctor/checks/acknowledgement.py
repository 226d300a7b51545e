"""Which store a message must lie in before its 200, as things stand: the sum of what the store checks found."""

from collections.abc import Iterator

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok
from schemas.errors import StoreError
from schemas.settings import AckStore
from store.durability import prove_redis


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    ack = facts.settings.ack
    redis = ack is not AckStore.DATABASE and _redis_accepts(facts)
    database = ack is not AckStore.REDIS and _database_accepts(facts)
    if redis:
        stand_in = ", and the database stands in for it" if database else ""
        yield ok("acknowledgement", f"Redis acknowledges{stand_in}.")
    elif database:
        yield ok("acknowledgement", "The database acknowledges.")
    else:
        yield fail(
            "acknowledgement",
            f"No store that CROSSLINE_ACK={ack.value} allows is proven: every callback is answered 503.",
            "Mend one of the stores: what failed above says how. The sender tries again for less than a minute.",
        )


def _redis_accepts(facts: Facts) -> bool:
    if isinstance(facts.redis, StoreError):
        return False
    return prove_redis(facts.redis.info, facts.redis.appendfsync, vouched=facts.settings.redis_durable).proven


def _database_accepts(facts: Facts) -> bool:
    database = facts.database
    if isinstance(database, StoreError):
        return False
    return database.proof.proven and database.schema is None and facts.database_directory_writable
