"""The servers that tests rely on: theirs alone, durable, and able to be killed, to hang and to come back."""

import signal
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import inspect

from store.engine import Database
from tests.support.callbacks import make_callback
from tests.support.crossline import StartProcess, run_crossline
from tests.support.environment import make_settings
from tests.support.polling import wait_until
from tests.support.postgres import PostgresProcess
from tests.support.valkey import ValkeyProcess


def test_a_killed_valkey_comes_back_with_what_it_was_given(valkey: ValkeyProcess) -> None:
    with valkey.client() as client:
        client.set("kept", "yes")
    valkey.kill()

    assert not valkey.is_running

    valkey.start()
    with valkey.client() as client:
        assert client.get("kept") == b"yes"


def test_a_valkey_can_be_started_that_proves_nothing(short_dir: Path) -> None:
    server = ValkeyProcess(short_dir, config={"appendonly": "no"})
    server.start()
    with server.client() as client:
        assert client.config_get("appendonly") == {"appendonly": "no"}

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


def test_a_killed_postgresql_comes_back_with_what_was_committed(postgres: PostgresProcess) -> None:
    database = postgres.create_database("killed").rpartition("/")[2]
    with postgres.client(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres.kill()
    postgres.start()
    with postgres.client(database) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    postgres.drop_database(database)


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


def test_a_started_web_process_answers_and_ends_in_time_when_asked_to(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    web = crossline_process("web", environ=environ)

    assert httpx.get(f"{web.url}/healthz", trust_env=False).status_code == 200
    # uvicorn ends by the signal that it was sent, once everything is in order.
    assert web.stop(within_s=6) == -signal.SIGTERM


def test_a_stopped_worker_process_leaves_no_child_behind(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    children = wait_until(lambda: psutil.Process(worker.pid).children(), what="the worker's processes")
    worker.stop(within_s=6)

    assert not any(child.is_running() for child in children)


def test_a_command_that_ends_gives_its_exit_code_and_what_it_wrote(tmp_path: Path) -> None:
    result = run_crossline("--version", environ={}, cwd=tmp_path)

    assert result.returncode == 0
    assert result.stdout.startswith("crossline ")
