"""What `doctor` says of facts: a table of broken set-ups beside sound ones, without a store."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from crossline.doctor.addresses import is_local
from crossline.doctor.catalogue import judge
from crossline.doctor.checks.connections import database_connections, redis_connections
from crossline.doctor.facts import Disk, Facts, Plan
from crossline.doctor.verdicts import Level, Verdict
from schemas.errors import StoreTimeout, StoreUnreachable
from store.database_facts import Connections, Content, DatabaseFacts
from store.durability import Proof
from store.inbox.batches import Backlog
from store.redis_facts import RedisFacts
from tests.support.environment import make_settings

IDLE: Final = Backlog(0, 0, 0, 0)
INFO: Final[Mapping[str, Any]] = {
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
    "maxmemory": 0,
    "used_memory": 1_000_000,
    "role": "master",
    "loading": 0,
}
REDIS: Final = RedisFacts(info=INFO, appendfsync="always", clock_ahead_s=0.1, max_clients=10_000, directory=None, workers=1, backlog=IDLE)
CONTENT: Final = Content(key_problems=(), quarantined={}, backlog=IDLE)
POSTGRESQL: Final = DatabaseFacts(
    version=(17, 2), proof=Proof(True), schema=None, content=CONTENT, clock_ahead_s=-0.1, connections=Connections(limit=100, others=3)
)
SQLITE: Final = DatabaseFacts(version=(3, 45, 1), proof=Proof(True), schema=None, content=CONTENT, file=Path("crossline.db"))
GIB: Final = 1024**3


def make_facts(*, environ: Mapping[str, str] | None = None, plan: Plan | None = None, **changes: Any) -> Facts:
    """A sound installation with these changes."""
    settings = make_settings(**({"CROSSLINE_SIGNATURE": "require"} | dict(environ or {})))
    facts = Facts(settings=settings, plan=plan or Plan(2, 2), redis=REDIS, database=POSTGRESQL)
    return replace(facts, **changes)


def redis(info: Mapping[str, Any] | None = None, **changes: Any) -> RedisFacts:
    return replace(REDIS, info={**INFO, **(info or {})}, **changes)


def content(**changes: Any) -> DatabaseFacts:
    return replace(POSTGRESQL, content=replace(CONTENT, **changes))


def troubles(facts: Facts) -> list[Verdict]:
    return [verdict for verdict in judge(facts) if verdict.level is not Level.OK]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(make_facts(), id="redis and postgresql"),
        pytest.param(make_facts(database=SQLITE), id="embedded database"),
        pytest.param(make_facts(redis=redis({"maxmemory": 10_000_000})), id="memory to spare"),
        pytest.param(make_facts(redis=redis(clock_ahead_s=2.0)), id="a clock two seconds ahead"),
        pytest.param(make_facts(redis=redis(backlog=Backlog(10, 2, 1, 60_000))), id="a message that waits for a minute"),
        pytest.param(make_facts(redis=redis({"redis_version": "6.2.14"})), id="the oldest known redis"),
        pytest.param(make_facts(redis=redis(max_clients=None)), id="a redis that does not say its limit"),
        pytest.param(make_facts(database=replace(POSTGRESQL, connections=None)), id="a compatible database without limits"),
        pytest.param(
            make_facts(environ={"CROSSLINE_REDIS_DURABLE": "yes"}, redis=redis({"aof_enabled": 0}, appendfsync=None)), id="vouched for"
        ),
        pytest.param(make_facts(redis_disk=Disk(50 * GIB, 100 * GIB), database_disk=Disk(3 * GIB, 100 * GIB)), id="free disks"),
        pytest.param(
            make_facts(environ={"CROSSLINE_ALLOWED_NETWORKS": "198.51.100.0/24", "CROSSLINE_TRUSTED_PROXIES": "1"}),
            id="networks behind a proxy",
        ),
        pytest.param(make_facts(environ={"CROSSLINE_TRUSTED_PROXIES": "10.0.0.0/8"}), id="trusted networks"),
        pytest.param(
            make_facts(environ={"REDIS_URL": "rediss://cache.example", "DATABASE_URL": "postgres://db.example/x?sslmode=require"}),
            id="encrypted on the way",
        ),
    ],
)
def test_a_sound_installation_troubles_nobody(facts: Facts) -> None:
    assert troubles(facts) == []


@pytest.mark.parametrize(
    "facts, name, level, finding, remedy",
    [
        pytest.param(
            make_facts(redis=StoreUnreachable("Redis refuses the password in REDIS_URL.")),
            "redis reachable",
            "fail",
            "password",
            "REDIS_URL",
            id="wrong password",
        ),
        pytest.param(
            make_facts(redis=StoreTimeout("Redis did not answer in time.")),
            "redis reachable",
            "fail",
            "in time",
            "Start Redis",
            id="redis hangs",
        ),
        pytest.param(
            make_facts(redis=redis({"aof_enabled": 0})), "redis durable", "fail", "appendonly", "appendonly yes", id="no append-only file"
        ),
        pytest.param(
            make_facts(redis=redis(appendfsync="everysec")), "redis durable", "fail", "everysec", "appendfsync always", id="everysec"
        ),
        pytest.param(
            make_facts(redis=redis({"no_appendfsync_on_rewrite": "yes"})),
            "redis durable",
            "fail",
            "rewrites",
            "no-appendfsync-on-rewrite no",
            id="no fsync on rewrite",
        ),
        pytest.param(
            make_facts(redis=redis(appendfsync=None)),
            "redis durable",
            "fail",
            "forbidden",
            "CROSSLINE_REDIS_DURABLE",
            id="config forbidden",
        ),
        pytest.param(
            make_facts(redis=redis({"maxmemory_policy": "allkeys-lru"})),
            "redis durable",
            "fail",
            "allkeys-lru",
            "noeviction",
            id="evicting",
        ),
        pytest.param(make_facts(redis=redis({"role": "slave"})), "redis durable", "fail", "replica", "primary", id="replica"),
        pytest.param(make_facts(redis=redis({"loading": 1})), "redis durable", "fail", "loading", "Wait", id="loading"),
        pytest.param(
            make_facts(redis=redis({"aof_last_write_status": "err"})),
            "redis durable",
            "fail",
            "failed to write",
            "space",
            id="failed write",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_ACK": "database"}, redis=redis({"aof_enabled": 0})),
            "redis durable",
            "warn",
            "appendonly",
            "appendonly",
            id="not needed as durable",
        ),
        pytest.param(make_facts(redis=redis({"maxmemory": 1_200_000})), "redis memory", "warn", "83%", "memory", id="memory short"),
        pytest.param(make_facts(redis=redis({"maxmemory": 1_010_000})), "redis memory", "fail", "99%", "memory", id="memory full"),
        pytest.param(
            make_facts(redis=redis({"rdb_last_bgsave_status": "err"})), "redis files", "warn", "snapshot", "log", id="failed snapshot"
        ),
        pytest.param(
            make_facts(redis=redis({"redis_version": "5.0.14", "valkey_version": "x"})),
            "redis version",
            "warn",
            "older",
            "6.2",
            id="old redis",
        ),
        pytest.param(make_facts(redis_disk=Disk(GIB, 100 * GIB)), "redis disk", "warn", "1%", "space", id="disk short"),
        pytest.param(make_facts(database_disk=Disk(GIB // 10, 100 * GIB)), "database disk", "fail", "0%", "space", id="disk full"),
        pytest.param(
            make_facts(database=StoreUnreachable("The database failed (OperationalError).")),
            "database reachable",
            "fail",
            "failed",
            "DATABASE_URL",
            id="no database",
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, proof=Proof(False, ("The database answers early: synchronous_commit is off.",)))),
            "database durable",
            "fail",
            "synchronous_commit",
            "= on",
            id="asynchronous commit",
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, proof=Proof(False, ("It does not write through: fsync is off.",)))),
            "database durable",
            "fail",
            "fsync",
            "fsync = on",
            id="no fsync",
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, proof=Proof(False, ("It is a read-only replica, or set to read only.",)))),
            "database durable",
            "fail",
            "replica",
            "primary",
            id="read-only database",
        ),
        pytest.param(
            make_facts(database=replace(SQLITE, proof=Proof(False, ("SQLite keeps its journal in memory only.",)))),
            "database durable",
            "fail",
            "journal",
            "file",
            id="journal in memory",
        ),
        pytest.param(
            make_facts(database=SQLITE, database_directory_writable=False),
            "database durable",
            "fail",
            "not writable",
            "right",
            id="read-only directory",
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, schema="The database is empty: run `crossline migrate`.", content=None)),
            "schema",
            "fail",
            "empty",
            "crossline migrate",
            id="empty database",
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, version=(12, 4))), "database version", "warn", "12.4", "13", id="old postgresql"
        ),
        pytest.param(
            make_facts(database=replace(SQLITE, version=(3, 34, 1))), "database version", "fail", "3.34.1", "3.35", id="old sqlite"
        ),
        pytest.param(
            make_facts(database=content(key_problems=("CROSSLINE_INDEX_KEY is another key.\nPut the first one back.",))),
            "keys",
            "fail",
            "another key.",
            "Put the first one back.",
            id="another index key",
        ),
        pytest.param(make_facts(redis=redis(clock_ahead_s=-3.2)), "clock", "warn", "Redis is 3 s behind", "NTP", id="redis behind"),
        pytest.param(make_facts(redis=redis(clock_ahead_s=45.0)), "clock", "fail", "Redis is 45 s ahead", "NTP", id="redis ahead"),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, clock_ahead_s=31.0)),
            "clock",
            "fail",
            "The database is 31 s ahead",
            "NTP",
            id="database ahead",
        ),
        pytest.param(make_facts(redis=redis(max_clients=11)), "connections", "fail", "room for 11", "maxclients", id="too few for redis"),
        pytest.param(
            make_facts(redis=redis(max_clients=14)), "connections", "warn", "room for 14", "maxclients", id="barely enough for redis"
        ),
        pytest.param(
            make_facts(database=replace(POSTGRESQL, connections=Connections(limit=8, others=3))),
            "connections",
            "fail",
            "room for 5",
            "max_connections",
            id="too few for the database",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_SIGNATURE": "if-present"}),
            "signature",
            "warn",
            "if-present",
            "require",
            id="signatures optional",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_SIGNATURE": "off", "CROSSLINE_TELESIGN_API_KEYS": ""}),
            "signature",
            "warn",
            "no API key",
            "CROSSLINE_TELESIGN_API_KEYS",
            id="no api key",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_TRUSTED_PROXIES": "9"}), "trusted proxies", "warn", "9 proxies", "Count", id="too many hops"
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_TRUSTED_PROXIES": "0.0.0.0/0"}),
            "trusted proxies",
            "warn",
            "every address",
            "proxies",
            id="all are proxies",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_ALLOWED_NETWORKS": "0.0.0.0/0", "CROSSLINE_TRUSTED_PROXIES": "1"}),
            "allowed networks",
            "warn",
            "nobody",
            "empty",
            id="all are allowed",
        ),
        pytest.param(
            make_facts(environ={"CROSSLINE_ALLOWED_NETWORKS": "198.51.100.0/24"}),
            "allowed networks",
            "warn",
            "403",
            "CROSSLINE_TRUSTED_PROXIES",
            id="no proxy trusted",
        ),
        pytest.param(
            make_facts(environ={"REDIS_URL": "redis://cache.example"}),
            "transport",
            "warn",
            "Redis is not encrypted",
            "rediss://",
            id="redis in the clear",
        ),
        pytest.param(
            make_facts(environ={"REDIS_URL": "rediss://cache.example", "CROSSLINE_REDIS_TLS": "insecure"}),
            "transport",
            "warn",
            "not checked",
            "CROSSLINE_REDIS_TLS",
            id="unchecked certificate",
        ),
        pytest.param(
            make_facts(environ={"DATABASE_URL": "postgres://db.example/x?sslmode=prefer"}),
            "transport",
            "warn",
            "insist",
            "sslmode",
            id="database may be in the clear",
        ),
        pytest.param(make_facts(redis=redis(workers=0)), "workers", "warn", "No worker", "crossline worker", id="no worker"),
        pytest.param(
            make_facts(redis=redis(backlog=Backlog(10, 2, 1, 61_000))),
            "waiting",
            "warn",
            "in Redis, the oldest for 61.0 s",
            "worker",
            id="waits in redis",
        ),
        pytest.param(
            make_facts(database=content(backlog=Backlog(1, 1, 1, 99_000))),
            "waiting",
            "warn",
            "in the database",
            "worker",
            id="waits in the database",
        ),
        pytest.param(
            make_facts(database=content(quarantined={"malformed_callback": 2})),
            "quarantine",
            "warn",
            "2 malformed_callback",
            "replay",
            id="quarantine",
        ),
        pytest.param(
            make_facts(database=content(quarantined={"poison": 9_000})),
            "quarantine",
            "fail",
            "nearly full",
            "replay",
            id="quarantine nearly full",
        ),
    ],
)
def test_what_is_broken_is_named_once_with_what_to_do(facts: Facts, name: str, level: str, finding: str, remedy: str) -> None:
    [verdict] = troubles(facts)

    assert (verdict.name, verdict.level) == (name, level)
    assert finding in verdict.finding
    assert remedy in verdict.remedy


@pytest.mark.parametrize(
    "ack, redis_is_fit, database_is_fit, finding",
    [
        pytest.param("auto", True, True, "Redis acknowledges, and the database stands in for it.", id="both"),
        pytest.param("auto", True, False, "Redis acknowledges.", id="redis alone"),
        pytest.param("auto", False, True, "The database acknowledges.", id="database alone"),
        pytest.param("auto", False, False, "503", id="none"),
        pytest.param("redis", True, False, "Redis acknowledges.", id="redis as told"),
        pytest.param("redis", False, True, "503", id="redis as told, and not fit"),
        pytest.param("database", True, True, "The database acknowledges.", id="database as told"),
        pytest.param("database", True, False, "503", id="database as told, and not fit"),
    ],
)
def test_the_store_that_acknowledges_is_named(ack: str, redis_is_fit: bool, database_is_fit: bool, finding: str) -> None:
    facts = make_facts(
        environ={"CROSSLINE_ACK": ack},
        redis=REDIS if redis_is_fit else redis(appendfsync="everysec"),
        database=POSTGRESQL if database_is_fit else StoreUnreachable(),
    )
    [verdict] = [verdict for verdict in judge(facts) if verdict.name == "acknowledgement"]

    assert finding in verdict.finding
    assert (verdict.level is Level.FAIL) is (finding == "503")


def test_a_redis_that_alone_may_acknowledge_and_does_not_is_said_to_refuse_everything() -> None:
    facts = make_facts(environ={"CROSSLINE_ACK": "redis"}, redis=redis({"aof_enabled": 0}))

    assert [verdict.name for verdict in troubles(facts)] == ["redis durable", "acknowledgement"]
    assert "503" in troubles(facts)[0].remedy


def test_two_reasons_are_two_verdicts() -> None:
    facts = make_facts(redis=redis({"aof_enabled": 0, "maxmemory_policy": "allkeys-lru"}))

    assert [verdict.name for verdict in troubles(facts)] == ["redis durable", "redis durable"]


def test_the_fleet_s_connections_are_summed() -> None:
    assert redis_connections(Plan(web_processes=4, worker_processes=2, workers=1)) == 4 * 2 + 2 * 3 + 1 + 1
    assert database_connections(Plan(web_processes=4, worker_processes=2, workers=1)) == 4 + 2 + 1 + 1


@pytest.mark.parametrize(
    "url, local",
    [
        pytest.param("redis://127.0.0.1:6379/0", True, id="loopback"),
        pytest.param("redis://[::1]:6379/0", True, id="loopback of version 6"),
        pytest.param("redis://localhost", True, id="localhost"),
        pytest.param("unix:///tmp/valkey.sock", True, id="unix socket"),
        pytest.param("sqlite:////tmp/x.db", True, id="file"),
        pytest.param("postgresql+psycopg://u@/db?host=/tmp", True, id="unix socket of postgresql"),
        pytest.param("redis://10.0.0.5", False, id="private network"),
        pytest.param("redis://redis", False, id="a name"),
        pytest.param("redis://127.0.0.1.example", False, id="a name that begins like loopback"),
        pytest.param("postgresql+psycopg://u@db.example/x?host=", False, id="empty option"),
        pytest.param("redis://[broken", False, id="unreadable"),
    ],
)
def test_where_a_url_leads(url: str, local: bool) -> None:
    assert is_local(url) is local
