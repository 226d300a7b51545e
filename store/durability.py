"""Whether a store is proven durable: facts in, verdict out. The one place that says what a 200 may rest on.

Redis counts when every write is on the disk before it is answered: an append-only file, `appendfsync always`, nothing evicted, a
primary that is not loading and whose last write went well. The database counts when a commit waits for the disk.
Sources: valkey.conf, "APPEND ONLY MODE"; PostgreSQL, "Asynchronous Commit" and `fsync`; SQLite, "PRAGMA synchronous".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis
import redis.asyncio
from redis.exceptions import ResponseError
from sqlalchemy import text

from store.engine import Database, Tx
from store.redis_client import redis_errors

NO_FSYNC_ON_REWRITE: Final = "no_appendfsync_on_rewrite"
"""Key that `redis_facts` adds to what INFO says: `yes` where Redis does not fsync while it rewrites its file."""
_FSYNC_SETTINGS: Final = "*appendfsync*"
_COMMIT_TO_DISK: Final = text(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit', true) = 'off'"
)
_SQLITE_FULL: Final = 2
_SQLITE_VOLATILE_JOURNALS: Final = ("memory", "off")


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a store is proven durable, and every reason why it is not, each a sentence that quotes no secret."""

    proven: bool
    reasons: tuple[str, ...] = ()


def prove_redis(info: Mapping[str, Any], appendfsync: str | None, *, vouched: bool) -> Proof:
    """Judge what Redis says of itself. Pure.

    `info`: the reply to INFO. `appendfsync`: the setting; None where CONFIG is forbidden. `vouched`: the operator answers for the
    append-only file and its fsync (CROSSLINE_REDIS_DURABLE); eviction, role, loading and failed writes are judged all the same.
    """
    reasons = [] if vouched else _file_reasons(info, appendfsync)
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        reasons.append(f"Redis may evict what it keeps: maxmemory-policy is {policy or 'unknown'}, not noeviction.")
    if info.get("role") != "master":
        reasons.append("Redis is a read-only replica, not the primary.")
    if _flag(info, "loading") or _flag(info, "async_loading"):
        reasons.append("Redis is still loading what it keeps.")
    if info.get("aof_last_write_status", "ok") != "ok":
        reasons.append("Redis failed to write its append-only file (a full disk?).")
    return Proof(not reasons, tuple(reasons))


def redis_facts(client: "redis.Redis") -> tuple[Mapping[str, Any], str | None]:
    """What `prove_redis` judges: (INFO, appendfsync or None where CONFIG is forbidden). Two round trips. Raises StoreError."""
    with redis_errors():
        info: Any = client.info()
        try:
            settings: Any = client.config_get(_FSYNC_SETTINGS)
        except ResponseError:
            settings = {}
    return _facts(info, settings)


async def async_redis_facts(client: "redis.asyncio.Redis") -> tuple[Mapping[str, Any], str | None]:
    """See `redis_facts`; on an event loop."""
    with redis_errors():
        info: Any = await client.info()
        try:
            settings: Any = await client.config_get(_FSYNC_SETTINGS)
        except ResponseError:
            settings = {}
    return _facts(info, settings)


def prove_database(database: Database, within_s: float) -> Proof:
    """Ask the database how it commits, and judge it. Raises StoreError where it does not answer within `within_s` seconds."""
    with database.read(within_s=within_s) as tx:
        reasons = _sqlite_reasons(tx) if database.is_sqlite else _postgresql_reasons(tx)
    return Proof(not reasons, tuple(reasons))


def commit_to_disk(tx: Tx) -> None:
    """Have this transaction's commit wait for the disk, also where the server or its user is set not to.

    For what is taken off an inbox once it is committed: before, it lay in a store that was proven.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_COMMIT_TO_DISK)


def _facts(info: Mapping[str, Any], settings: Mapping[str, str]) -> tuple[Mapping[str, Any], str | None]:
    return {**info, NO_FSYNC_ON_REWRITE: settings.get("no-appendfsync-on-rewrite", "no")}, settings.get("appendfsync")


def _file_reasons(info: Mapping[str, Any], appendfsync: str | None) -> list[str]:
    if not _flag(info, "aof_enabled"):
        return ["Redis keeps no append-only file: appendonly is no."]
    if appendfsync is None:
        return ["Redis does not say how it writes its append-only file: CONFIG GET is forbidden."]
    if appendfsync != "always":
        return [f"Redis answers before a write is on the disk: appendfsync is {appendfsync}, not always."]
    if info.get(NO_FSYNC_ON_REWRITE) == "yes":
        return ["Redis does not fsync while it rewrites its file: no-appendfsync-on-rewrite is yes."]
    return []


def _flag(info: Mapping[str, Any], name: str) -> bool:
    return str(info.get(name, 0)) == "1"


def _postgresql_reasons(tx: Tx) -> list[str]:
    row = tx.execute(
        text(
            "SELECT current_setting('synchronous_commit', true), current_setting('fsync', true),"
            " current_setting('transaction_read_only', true)"
        )
    ).one()
    reasons = []
    # All but `off` wait for the local disk; the others differ in what they wait for besides. A database without the setting always waits.
    if row[0] == "off":
        reasons.append("The database answers a commit before it is on the disk: synchronous_commit is off.")
    if row[1] == "off":
        reasons.append("The database does not write through to the disk: fsync is off.")
    if row[2] == "on":
        reasons.append("The database takes no writes: it is a read-only replica, or set to read only.")
    return reasons


def _sqlite_reasons(tx: Tx) -> list[str]:
    reasons = []
    if tx.exec_driver_sql("PRAGMA synchronous").scalar_one() < _SQLITE_FULL:
        reasons.append("SQLite answers a commit before it is on the disk: synchronous is neither FULL nor EXTRA.")
    if tx.exec_driver_sql("PRAGMA journal_mode").scalar_one() in _SQLITE_VOLATILE_JOURNALS:
        reasons.append("SQLite keeps its journal in memory only.")
    return reasons
