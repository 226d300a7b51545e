"""The plaintext search sees: a planted thing is found in every kind of place and in every form; what only resembles it is not."""

import base64
import gzip
import json
import subprocess
import sys
import urllib.parse
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import redis
from rq import Queue

from store.engine import Database
from tests.support.plaintext import Place, Search, Sighting, in_answer, in_command_lines, in_environments, in_files, in_redis, in_tables
from tests.support.valkey import ValkeyProcess

TEXT = "Zwölf Fässer 8d31f0"
NUMBER = "15104445610"
KEY = bytes(range(200, 232))
SEARCH = Search({"text": TEXT, "number": NUMBER, "key": KEY})


def found(data: bytes) -> set[str]:
    """What the search finds in some bytes."""
    return {sighting.what for sighting in SEARCH.sightings([Place("here", data)])}


@pytest.mark.parametrize(
    "data, what",
    [
        pytest.param(TEXT.encode(), "text", id="UTF-8"),
        pytest.param(TEXT.upper().replace("Ö", "ö").replace("Ä", "ä").encode(), "text", id="upper case"),
        pytest.param(TEXT.encode("utf-16"), "text", id="UTF-16"),
        pytest.param(b"x" + TEXT.encode("utf-16-be"), "text", id="UTF-16 of the other byte order, not aligned"),
        pytest.param(json.dumps({"a": TEXT}).encode(), "text", id="JSON"),
        pytest.param(json.dumps({"a": TEXT}, ensure_ascii=False).encode(), "text", id="JSON with UTF-8"),
        pytest.param(repr(TEXT.encode()).encode(), "text", id="repr of bytes"),
        pytest.param(ascii(TEXT).encode(), "text", id="repr in ASCII"),
        pytest.param(TEXT.encode().hex().upper().encode(), "text", id="hex"),
        pytest.param(b"\\x" + TEXT.encode().hex().encode(), "text", id="hex as PostgreSQL writes it"),
        pytest.param(urllib.parse.quote(TEXT).encode(), "text", id="percent"),
        pytest.param(base64.b64encode(TEXT.encode()), "text", id="base64"),
        pytest.param(base64.b64encode(b"1" + TEXT.encode() + b"?"), "text", id="base64, shifted by one"),
        pytest.param(base64.urlsafe_b64encode(b"12" + TEXT.encode() + b"??"), "text", id="base64, shifted by two"),
        pytest.param(b"head" + zlib.compress(TEXT.encode()) + b"tail", "text", id="compressed"),
        pytest.param(zlib.compress(zlib.compress(TEXT.encode() * 9, level=1)), "text", id="compressed twice"),
        pytest.param(gzip.compress(json.dumps(TEXT).encode()), "text", id="gzip of JSON"),
        pytest.param(b"call " + NUMBER.encode(), "number", id="digits"),
        pytest.param(b"+" + NUMBER.encode(), "number", id="digits behind a plus"),
        pytest.param(b"+1 (510) 444-56-10", "number", id="digits in groups"),
        pytest.param(base64.b64encode(b"+" + NUMBER.encode()), "number", id="digits in base64"),
        pytest.param(b"\x00" + KEY + b"\x00", "key", id="raw bytes"),
        pytest.param(KEY.hex().encode(), "key", id="raw bytes in hex"),
        pytest.param(base64.b64encode(KEY), "key", id="raw bytes in base64"),
        pytest.param(str(KEY).encode(), "key", id="raw bytes as Python shows them"),
        pytest.param(TEXT[:-1].encode(), None, id="all but its last character"),
        pytest.param(TEXT.replace("ö", "o").encode(), None, id="another letter"),
        pytest.param(TEXT[::-1].encode(), None, id="backwards"),
        pytest.param(b"1510444561", None, id="all digits but one"),
        pytest.param(b"1510444 and then 5610", None, id="words between the digits"),
        pytest.param(b"1a5b1c0d4e4f4a5b6c1d0", None, id="letters between the digits"),
        pytest.param(KEY[:-1], None, id="raw bytes but one"),
        pytest.param(zlib.compress(TEXT.encode())[:-9], None, id="a compressed part"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_what_is_looked_for_is_found_in_every_form_and_nothing_else_is(data: bytes, what: str | None) -> None:
    assert found(data) == ({what} if what else set())


PLANTERS: dict[str, Callable[["redis.Redis"], object]] = {
    "string": lambda client: client.set("key", TEXT.encode("utf-16")),
    "hash": lambda client: client.hset("key", "data", zlib.compress(TEXT.encode())),
    "hash field": lambda client: client.hset("key", TEXT, "1"),
    "list": lambda client: client.rpush("key", TEXT),
    "set": lambda client: client.sadd("key", base64.b64encode(TEXT.encode())),
    "sorted set": lambda client: client.zadd("key", {TEXT: 1}),
    "stream": lambda client: client.xadd("key", {"field": json.dumps(TEXT)}),
    "argument of a job": lambda client: Queue("default", connection=client).enqueue("builtins.len", TEXT, description=""),
    "description of a job": lambda client: Queue("default", connection=client).enqueue("builtins.len", "", description=TEXT),
}


@pytest.mark.parametrize("plant", PLANTERS.values(), ids=PLANTERS)
def test_it_is_found_in_redis(valkey: ValkeyProcess, plant: Callable[["redis.Redis"], object]) -> None:
    with valkey.client() as client:
        client.set("other", "harmless")
        nothing = SEARCH.sightings(in_redis(client))
        plant(client)

        assert nothing == set()
        assert {sighting.what for sighting in SEARCH.sightings(in_redis(client))} == {"text"}


def test_it_is_found_in_the_name_of_a_key_and_in_the_slow_log(valkey: ValkeyProcess) -> None:
    with valkey.client() as client:
        client.set(TEXT, "1")

        assert {sighting.what for sighting in SEARCH.sightings(in_redis(client))} == {"text"}

        client.config_set("slowlog-log-slower-than", 0)
        client.delete(TEXT)
        client.config_set("slowlog-log-slower-than", 10_000)

        assert SEARCH.sightings(in_redis(client)) == {Sighting("text", "Redis: slow log")}

        client.slowlog_reset()


@pytest.mark.parametrize(
    "column, value",
    [
        pytest.param("a TEXT", TEXT, id="text"),
        pytest.param("b TEXT", json.dumps({"x": TEXT}), id="JSON"),
        pytest.param("c BYTEA", TEXT.encode("utf-16"), id="bytes"),
        pytest.param("d BYTEA", zlib.compress(TEXT.encode()), id="compressed bytes"),
    ],
)
def test_it_is_found_in_a_column_that_nobody_told_the_search_of(database: Database, database_url: str, column: str, value: object) -> None:
    name, kind = column.split(" ")
    kind = "BLOB" if database.is_sqlite and kind == "BYTEA" else kind
    with database.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE unheard_of (harmless TEXT, " + name + " " + kind + ")")
    try:
        nothing = SEARCH.sightings(in_tables(database_url))
        mark = "?" if database.is_sqlite else "%s"
        with database.begin() as tx:
            tx.exec_driver_sql(f"INSERT INTO unheard_of VALUES ('harmless', {mark})", (value,))

        assert nothing == set()
        assert SEARCH.sightings(in_tables(database_url)) == {Sighting("text", f"table unheard_of.{name}")}
    finally:
        with database.begin() as tx:
            tx.exec_driver_sql("DROP TABLE unheard_of")


def test_it_is_found_in_files_and_in_their_names_however_deep_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "harmless.log").write_text("nothing")
    (tmp_path / "a" / "b" / "events.log").write_text(f'{{"event": "x", "error": {json.dumps(TEXT)}}}')
    (tmp_path / f"{NUMBER}.db").write_bytes(b"")
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "out.log").write_text(TEXT)

    assert SEARCH.sightings(in_files(tmp_path, but=["left"])) == {
        Sighting("text", "file a/b/events.log"),
        Sighting("number", f"file name {NUMBER}.db"),
    }


def test_it_is_found_in_a_command_line_and_in_an_environment() -> None:
    command = [sys.executable, "-c", "input()", TEXT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={"NUMBER": NUMBER}) as process:
        lines, environments = list(in_command_lines(process.pid)), list(in_environments(process.pid))
        process.kill()

    assert SEARCH.sightings(lines) == {Sighting("text", f"command line of {process.pid}")}
    assert SEARCH.sightings(environments) == {Sighting("number", f"environment of {process.pid}")}


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx.Response(422, json={"detail": f"not a number: {TEXT}"}), id="body"),
        pytest.param(httpx.Response(404, headers={"x-seen": urllib.parse.quote(TEXT)}), id="header"),
    ],
)
def test_it_is_found_in_an_answer(response: httpx.Response) -> None:
    assert SEARCH.sightings([in_answer("planted", response)]) == {Sighting("text", "answer: planted")}


def test_what_is_too_short_to_be_told_from_chance_is_not_looked_for() -> None:
    with pytest.raises(AssertionError, match="by chance"):
        Search({"text": "short"})
