"""Redis, opened: one call fails once and in time, with a word that quotes nothing."""

import time
from collections.abc import Callable

import pytest
import redis

from schemas.errors import StoreError, StoreFull, StoreTimeout, StoreUnreachable
from store.redis_client import open_redis, redis_errors
from tests.support.ports import free_port
from tests.support.valkey import ValkeyProcess

SECRET = "a-password-of-our-own"


def failure(call: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as failed, redis_errors():
        call()
    assert failed.value.__suppress_context__
    return failed.value


def test_a_server_that_hangs_is_left_in_time(valkey: ValkeyProcess) -> None:
    client = open_redis(valkey.url, call_within_s=0.2)
    client.ping()
    valkey.pause()
    started = time.monotonic()
    error = failure(client.ping)
    took_s = time.monotonic() - started
    valkey.resume()

    assert isinstance(error, StoreTimeout)
    assert took_s < 1
    with redis_errors():
        assert client.ping()
    client.close()


def test_a_server_that_is_not_there_is_unreachable_at_once() -> None:
    client = open_redis(f"redis://:{SECRET}@127.0.0.1:{free_port()}/0")
    started = time.monotonic()
    error = failure(client.ping)

    assert isinstance(error, StoreUnreachable)
    assert time.monotonic() - started < 2
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "setting, value, call, kind, word",
    [
        pytest.param("requirepass", "other", "ping", StoreUnreachable, "password", id="a wrong password"),
        pytest.param("maxmemory", "1mb", "set", StoreFull, "maxmemory", id="no memory left"),
    ],
)
def test_what_the_server_refuses_is_told_in_our_words(
    setting: str, value: str, call: str, kind: type[StoreError], word: str, valkey: ValkeyProcess
) -> None:
    address = valkey.url.replace("redis://", f"redis://:{SECRET}@") if setting == "requirepass" else valkey.url
    client = open_redis(address)
    with valkey.client() as configuring:
        configuring.config_set(setting, value)
        error = failure(lambda: client.set("crossline-test", SECRET) if call == "set" else client.ping())
        configuring.config_set(setting, "" if setting == "requirepass" else "0")

    assert isinstance(error, kind)
    assert word in error.message
    assert SECRET not in error.message
    client.close()


@pytest.mark.parametrize(
    "error, message",
    [
        pytest.param(redis.ResponseError("MISCONF Errors writing to the AOF file"), "Redis failed (MISCONF).", id="a word of the server"),
        pytest.param(redis.ResponseError("unknown command 'x'"), "Redis failed (ResponseError).", id="no word"),
        pytest.param(redis.ResponseError(f"ERR {SECRET}"), "Redis failed (ERR).", id="a word and an argument"),
        pytest.param(redis.ConnectionError(SECRET), "Redis failed (ConnectionError).", id="a connection"),
        pytest.param(OSError(SECRET), "Redis failed (OSError).", id="a socket"),
        pytest.param(redis.TimeoutError(SECRET), "Redis did not answer in time.", id="no answer"),
        pytest.param(TimeoutError(SECRET), "Redis did not answer in time.", id="no connection in time"),
    ],
)
def test_an_error_quotes_nothing_but_the_servers_word(error: Exception, message: str) -> None:
    def raises() -> None:
        raise error

    assert failure(raises).message == message


def test_what_is_no_error_of_redis_passes() -> None:
    with pytest.raises(KeyError), redis_errors():
        raise KeyError


def test_a_closed_client_leaves_no_connection_behind(valkey: ValkeyProcess) -> None:
    client = open_redis(valkey.url)
    client.ping()
    with valkey.client() as looking:
        during = looking.info("clients")["connected_clients"]
        client.close()
        after = looking.info("clients")["connected_clients"]

    assert (during, after) == (2, 1)
