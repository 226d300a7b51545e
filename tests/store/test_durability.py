"""What makes a store proven: a table of what Redis may say of itself, and real stores that say it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.errors import StoreError, StoreUnreachable
from store.durability import NO_FSYNC_ON_REWRITE, Proof, async_redis_facts, prove_database, prove_redis, redis_facts
from store.engine import Database
from store.redis_client import open_async_redis, open_redis
from tests.support.postgres import PostgresProcess
from tests.support.valkey import ValkeyProcess

DURABLE: Mapping[str, object] = {
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
    "role": "master",
    "loading": 0,
    NO_FSYNC_ON_REWRITE: "no",
}


def with_setting(url: str, setting: str) -> str:
    """The address of a PostgreSQL database whose connections have a setting changed."""
    return f"{url}?options=-c%20{setting.replace('=', '%3D')}"


@pytest.mark.parametrize(
    "changes, appendfsync, vouched, words",
    [
        pytest.param({}, "always", False, [], id="as it should be"),
        pytest.param({"aof_enabled": "1", "loading": "0"}, "always", False, [], id="numbers as text"),
        pytest.param({"async_loading": 0}, "always", False, [], id="a newer server's fields"),
        pytest.param({"aof_enabled": 0}, "always", False, ["appendonly"], id="no append-only file"),
        pytest.param({}, "everysec", False, ["everysec"], id="fsync every second"),
        pytest.param({}, "no", False, ["appendfsync is no"], id="fsync when the system likes"),
        pytest.param({}, None, False, ["CONFIG GET is forbidden"], id="config forbidden"),
        pytest.param({NO_FSYNC_ON_REWRITE: "yes"}, "always", False, ["rewrites"], id="no fsync while rewriting"),
        pytest.param({"maxmemory_policy": "allkeys-lru"}, "always", False, ["allkeys-lru"], id="evicts"),
        pytest.param({"maxmemory_policy": "volatile-ttl"}, "always", False, ["volatile-ttl"], id="evicts marks only"),
        pytest.param({"maxmemory_policy": None}, "always", False, ["unknown"], id="does not say whether it evicts"),
        pytest.param({"role": "slave"}, "always", False, ["replica"], id="replica"),
        pytest.param({"loading": 1}, "always", False, ["loading"], id="loading"),
        pytest.param({"async_loading": 1}, "always", False, ["loading"], id="loading from a primary"),
        pytest.param({"aof_last_write_status": "err"}, "always", False, ["failed to write"], id="the latest write failed"),
        pytest.param({"aof_enabled": 0, "role": "slave"}, None, False, ["appendonly", "replica"], id="two things at once"),
        pytest.param({"aof_enabled": 0}, None, True, [], id="vouched for, and nothing to be seen"),
        pytest.param({}, "everysec", True, [], id="vouched for against appearances"),
        pytest.param({"maxmemory_policy": "allkeys-lru"}, None, True, ["allkeys-lru"], id="vouched for, but evicts"),
        pytest.param({"role": "slave"}, None, True, ["replica"], id="vouched for, but a replica"),
        pytest.param({"aof_last_write_status": "err"}, None, True, ["failed to write"], id="vouched for, but failing"),
    ],
)
def test_redis_is_proven_only_when_nothing_speaks_against_it(
    changes: Mapping[str, object], appendfsync: str | None, vouched: bool, words: list[str]
) -> None:
    proof = prove_redis({**DURABLE, **changes}, appendfsync, vouched=vouched)

    assert proof.proven is (words == [])
    assert len(proof.reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, proof.reasons, strict=True))


def test_a_server_that_says_nothing_is_not_proven() -> None:
    assert not prove_redis({}, None, vouched=True).proven


@pytest.mark.parametrize(
    "config, proven",
    [
        pytest.param({}, True, id="durable"),
        pytest.param({"appendonly": "no"}, False, id="no append-only file"),
        pytest.param({"appendfsync": "everysec"}, False, id="every second"),
        pytest.param({"no-appendfsync-on-rewrite": "yes"}, False, id="not while rewriting"),
        pytest.param({"maxmemory-policy": "allkeys-lru"}, False, id="evicts"),
    ],
)
def test_a_real_server_is_judged_alike_from_threads_and_from_an_event_loop(
    short_dir: Path, config: Mapping[str, str], proven: bool
) -> None:
    server = ValkeyProcess(short_dir, config=config)
    server.start()

    async def asked() -> Proof:
        client = open_async_redis(server.url, call_within_s=2.0, connected=lambda: None)
        proof = prove_redis(*await async_redis_facts(client), vouched=False)
        await client.aclose()
        return proof

    with open_redis(server.url) as client:
        proof = prove_redis(*redis_facts(client), vouched=False)
    again = asyncio.run(asked())
    server.stop()

    assert proof == again
    assert proof.proven is proven


@pytest.mark.parametrize("vouched", [True, False])
def test_a_user_who_may_not_ask_for_the_settings_can_only_vouch(valkey: ValkeyProcess, vouched: bool) -> None:
    with valkey.client() as client:
        client.acl_setuser("limited", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=["-config"])
        with open_redis(f"redis://limited:secret@127.0.0.1:{valkey.port}/0") as limited:
            facts = redis_facts(limited)
        client.acl_deluser("limited")

    assert facts[1] is None
    assert prove_redis(*facts, vouched=vouched).proven is vouched


def test_a_redis_that_is_not_there_is_a_store_error() -> None:
    with pytest.raises(StoreUnreachable):
        redis_facts(open_redis("redis://127.0.0.1:1/0"))


def test_a_database_as_it_comes_is_proven(database: Database) -> None:
    assert prove_database(database, 5.0) == Proof(proven=True)


@pytest.mark.parametrize(
    "setting, word",
    [
        pytest.param("synchronous_commit=off", "synchronous_commit", id="asynchronous commit"),
        pytest.param("default_transaction_read_only=on", "read-only", id="read only"),
    ],
)
def test_a_postgresql_that_does_not_wait_for_its_disk_is_not_proven(postgresql_url: str, setting: str, word: str) -> None:
    database = Database.open(with_setting(postgresql_url, setting))

    proof = prove_database(database, 5.0)

    database.close()
    assert [word in reason for reason in proof.reasons] == [True]


@pytest.mark.parametrize("value", ["on", "local", "remote_write", "remote_apply"])
def test_whatever_else_a_commit_waits_for_it_waits_for_the_local_disk(postgresql_url: str, value: str) -> None:
    database = Database.open(with_setting(postgresql_url, f"synchronous_commit={value}"))

    proof = prove_database(database, 5.0)

    database.close()
    assert proof == Proof(proven=True)


def test_a_postgresql_without_fsync_is_not_proven(short_dir: Path) -> None:
    server = PostgresProcess(short_dir, config={"fsync": "off"})
    server.start()
    database = Database.open(server.url())

    proof = prove_database(database, 5.0)

    database.close()
    server.stop()
    assert [reason for reason in proof.reasons if "fsync" in reason]


def test_a_sqlite_that_does_not_wait_for_its_disk_is_not_proven(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    with database.read() as tx:
        driver = tx.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA synchronous=NORMAL")

    proof = prove_database(database, 5.0)

    database.close()
    assert [("synchronous" in reason) for reason in proof.reasons] == [True]


def test_a_database_that_is_not_there_is_a_store_error() -> None:
    with pytest.raises(StoreError):
        prove_database(Database.open("postgresql+psycopg://127.0.0.1:1/none"), 2.0)
