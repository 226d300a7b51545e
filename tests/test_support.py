"""The servers that tests rely on: theirs alone, durable, and able to be killed, to hang and to come back."""

from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import inspect

from store.engine import Database
from tests.support.callbacks import make_callback
from tests.support.environment import make_settings
from tests.support.polling import wait_until
from tests.support.postgres import PostgresProcess, PostgresUnavailable
from tests.support.valkey import ValkeyProcess


def test_a_killed_valkey_comes_back_with_what_it_was_given(short_dir: Path) -> None:
    server = ValkeyProcess(short_dir)
    server.start()
    with server.client() as client:
        client.set("kept", "yes")
    server.kill()

    assert not server.is_running

    server.start()
    with server.client() as client:
        assert client.get("kept") == b"yes"
    assert server.stop() == 0


def test_a_paused_valkey_is_silent_and_goes_on_when_resumed(valkey: ValkeyProcess) -> None:
    valkey.pause()
    with redis.Redis(port=valkey.port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    valkey.resume()

    with valkey.client() as client:
        assert client.ping()


def test_each_test_finds_valkey_empty_and_as_it_was_configured(valkey: ValkeyProcess) -> None:
    with valkey.client() as client:
        client.set("left", "behind")
        client.config_set("appendfsync", "no")
    valkey.empty()

    with valkey.client() as client:
        assert client.dbsize() == 0
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_killed_postgresql_comes_back_with_what_was_committed(short_dir: Path) -> None:
    server = PostgresProcess(short_dir)
    try:
        server.start()
    except PostgresUnavailable as reason:
        pytest.skip(f"no PostgreSQL here: {reason}")
    with server.client() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    server.kill()
    server.start()
    with server.client() as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    server.stop()


def test_a_paused_postgresql_is_silent_and_goes_on_when_resumed(postgres: PostgresProcess) -> None:
    postgres.pause()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", connect_timeout=2)
    postgres.resume()

    with postgres.client() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_test_gets_a_migrated_database_of_its_own(database: Database) -> None:
    with database.read() as tx:
        assert "messages" in inspect(tx).get_table_names()


def test_a_callback_without_a_field_has_all_the_others() -> None:
    assert "mo_message" not in make_callback(mo_message=None)
    assert len(make_callback(mo_message=None)) == 5


def test_two_installations_share_no_key_and_no_token() -> None:
    first, second = make_settings(), make_settings()

    assert first.callback_tokens != second.callback_tokens
    assert first.encryption_keys != second.encryption_keys
    assert first.index_key != second.index_key


def test_waiting_for_what_never_comes_fails_and_says_what() -> None:
    with pytest.raises(AssertionError, match="the moon"):
        wait_until(lambda: False, within_s=0.05, what="the moon")
