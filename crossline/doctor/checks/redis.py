"""Redis: reachable, durable, not about to run full, and of a version that we know."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok, warn
from schemas.errors import StoreError
from schemas.settings import AckStore
from store.durability import prove_redis

OLDEST_KNOWN: Final = (6, 2)
MEMORY_WARN, MEMORY_FAIL = 0.80, 0.95
_REMEDY_UNREACHABLE: Final = (
    "Start Redis (or `crossline up`), or correct REDIS_URL (host, port, password, rediss:// for TLS). Until then the database alone "
    "acknowledges, and the keeper screens."
)
_REMEDIES: Final = (
    (
        "CONFIG GET is forbidden",
        "Ask your provider whether it runs with appendonly yes and appendfsync always; if so, vouch for it: CROSSLINE_REDIS_DURABLE=yes.",
    ),
    ("appendonly", "Set `appendonly yes` in its configuration (`CONFIG SET appendonly yes`, then `CONFIG REWRITE`)."),
    ("no-appendfsync-on-rewrite", "Set `no-appendfsync-on-rewrite no` (`CONFIG SET no-appendfsync-on-rewrite no`, then `CONFIG REWRITE`)."),
    ("appendfsync", "Set `appendfsync always` (`CONFIG SET appendfsync always`, then `CONFIG REWRITE`)."),
    ("maxmemory-policy", "Set `maxmemory-policy noeviction` (`CONFIG SET maxmemory-policy noeviction`, then `CONFIG REWRITE`)."),
    ("replica", "Point REDIS_URL at the primary."),
    ("loading", "Wait until it has loaded, and look again."),
    ("failed to write", "Free space on its disk, and look at its log; it refuses writes until then."),
)


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    if isinstance(facts.redis, StoreError):
        yield fail("redis reachable", facts.redis.message, _REMEDY_UNREACHABLE)
        return
    info = facts.redis.info
    yield ok("redis reachable", f"It answers ({_product(info)}).")
    yield from _version(info)
    yield from _durable(facts, info, facts.redis.appendfsync)
    yield from _memory(info)
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield warn(
            "redis files",
            "Its latest snapshot or rewrite of its append-only file failed.",
            "Look at its log; often its disk or memory is short.",
        )


def _durable(facts: Facts, info: Mapping[str, Any], appendfsync: str | None) -> Iterator[Verdict]:
    proof = prove_redis(info, appendfsync, vouched=facts.settings.redis_durable)
    if proof.proven:
        vouched = ", as you vouch with CROSSLINE_REDIS_DURABLE" if facts.settings.redis_durable else ""
        yield ok("redis durable", f"What it has answered is on its disk{vouched}, and nothing is evicted.")
        return
    verdict = warn if facts.settings.ack is AckStore.DATABASE else fail
    for reason in proof.reasons:
        yield verdict("redis durable", reason, f"{_remedy(reason)} {_meanwhile(facts.settings.ack)}".rstrip())


def _remedy(reason: str) -> str:
    return next(remedy for word, remedy in _REMEDIES if word in reason)


def _meanwhile(ack: AckStore) -> str:
    match ack:
        case AckStore.AUTO:
            return "Meanwhile the database acknowledges, more slowly; CROSSLINE_ACK=database says that this is what you want."
        case AckStore.REDIS:
            return "Until then every callback is answered 503, because CROSSLINE_ACK is redis."
        case AckStore.DATABASE:
            return ""


def _memory(info: Mapping[str, Any]) -> Iterator[Verdict]:
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if not limit:
        return
    share = used / limit
    finding = f"{share:.0%} of its maxmemory is used."
    if share < MEMORY_WARN:
        yield ok("redis memory", finding)
        return
    verdict = fail if share >= MEMORY_FAIL else warn
    yield verdict(
        "redis memory",
        finding,
        "Give it more memory, run more workers, or lower CROSSLINE_MAX_PENDING or CROSSLINE_DEDUPE_TTL_S.",
    )


def _version(info: Mapping[str, Any]) -> Iterator[Verdict]:
    numbers = tuple(int(part) for part in str(info.get("redis_version", "0")).split(".")[:2] if part.isdigit())
    if numbers < OLDEST_KNOWN:
        yield warn("redis version", f"{_product(info)} is older than any that we know to work.", "Use Redis 6.2 or later, or any Valkey.")


def _product(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"
