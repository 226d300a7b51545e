"""`crossline doctor` on real set-ups that were broken on purpose: each is named, with what to do, and ends with 1."""

import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from crossline.cli import main
from crossline.doctor.catalogue import judge
from crossline.doctor.facts import Plan, gather
from crossline.doctor.verdicts import Level
from schemas.clock import utcnow
from schemas.settings import Settings
from store.engine import Database
from store.keys import check_keys
from store.migrate import upgrade
from store.sealing.keyring import Keyring, index_key_id
from tests.commands.doctored import diagnose
from tests.commands.stored import make_message, quarantine_bodies, store_messages
from tests.support.environment import make_environ, make_settings
from tests.support.postgres import PostgresProcess
from tests.support.valkey import ValkeyProcess


@pytest.fixture
def broken_valkey(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[ValkeyProcess]:
    """A Valkey of this test's own, with the settings that the test gives as parameter."""
    server = ValkeyProcess(short_dir, config=request.param)
    server.start()
    yield server
    server.stop()


def test_a_sound_installation_passes_and_only_the_worker_and_the_signature_are_pointed_at(environ: dict[str, str], tmp_path: Path) -> None:
    diagnosis = diagnose(environ, tmp_path)

    assert diagnosis.failed() == []
    assert diagnosis.exit_code == 0
    assert [verdict.name for verdict in diagnosis.verdicts if verdict.level is Level.WARN] == ["signature", "workers"]


@pytest.mark.parametrize(
    "broken_valkey, finding, remedy",
    [
        pytest.param({"appendonly": "no"}, "no append-only file", "appendonly yes", id="no append-only file"),
        pytest.param({"appendfsync": "everysec"}, "appendfsync is everysec", "appendfsync always", id="fsync every second"),
        pytest.param(
            {"no-appendfsync-on-rewrite": "yes"}, "while it rewrites", "no-appendfsync-on-rewrite no", id="no fsync while rewriting"
        ),
        pytest.param({"maxmemory-policy": "allkeys-lru"}, "allkeys-lru", "noeviction", id="eviction"),
    ],
    indirect=["broken_valkey"],
)
def test_a_redis_that_may_lose_messages_is_named(
    broken_valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path, finding: str, remedy: str
) -> None:
    diagnosis = diagnose(make_environ(redis_url=broken_valkey.url, database_url=sqlite_url), tmp_path)

    [verdict] = diagnosis.of("redis durable")
    assert finding in verdict.finding
    assert remedy in verdict.remedy
    assert (diagnosis.failed(), diagnosis.exit_code) == (["redis durable"], 1)


@pytest.mark.parametrize("broken_valkey", [{"maxclients": "12"}], indirect=True, ids=["maxclients"])
def test_a_redis_with_too_few_connections_for_the_fleet_is_named(broken_valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path) -> None:
    environ = make_environ(redis_url=broken_valkey.url, database_url=sqlite_url)

    small = diagnose(environ, tmp_path, "--web-processes", "1", "--worker-processes", "1")
    large = diagnose(environ, tmp_path, "--web-processes", "4", "--worker-processes", "4")

    assert small.failed() == []
    assert large.failed() == ["connections"]
    assert "room for 12 connections" in large.of("connections")[0].finding


@pytest.mark.parametrize("broken_valkey", [{}], indirect=True, ids=["with a password"])
@pytest.mark.parametrize("user", [":wrong@", ""], ids=["wrong password", "no password"])
def test_a_password_that_redis_refuses_is_named_and_not_shown(
    broken_valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path, user: str
) -> None:
    with broken_valkey.client() as client:
        client.config_set("requirepass", "the right one")
    url = f"redis://{user}127.0.0.1:{broken_valkey.port}/0"

    diagnosis = diagnose(make_environ(redis_url=url, database_url=sqlite_url), tmp_path)

    assert diagnosis.of("redis reachable")[0].finding == "Redis refuses the password in REDIS_URL."
    assert (diagnosis.failed(), diagnosis.exit_code) == (["redis reachable"], 1)
    assert "wrong" not in diagnosis.output


def test_a_read_only_replica_is_named(valkey: ValkeyProcess, short_dir: Path, sqlite_url: str, tmp_path: Path) -> None:
    replica = ValkeyProcess(short_dir)
    replica.start()
    with replica.client() as client:
        client.replicaof("127.0.0.1", str(valkey.port))

    diagnosis = diagnose(make_environ(redis_url=replica.url, database_url=sqlite_url), tmp_path)

    replica.stop()
    assert "replica" in diagnosis.of("redis durable")[0].finding
    assert diagnosis.exit_code == 1


def test_a_redis_that_hangs_is_named(valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path) -> None:
    valkey.pause()
    try:
        diagnosis = diagnose(make_environ(redis_url=valkey.url, database_url=sqlite_url), tmp_path)
    finally:
        valkey.resume()

    assert diagnosis.of("redis reachable")[0].finding == "Redis did not answer in time."
    assert diagnosis.failed() == ["redis reachable"]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://nowhere.invalid/0"], ids=["port", "host"])
def test_a_redis_that_cannot_be_reached_is_named(sqlite_url: str, tmp_path: Path, url: str) -> None:
    diagnosis = diagnose(make_environ(redis_url=url, database_url=sqlite_url), tmp_path)

    assert (diagnosis.failed(), diagnosis.exit_code) == (["redis reachable"], 1)
    assert "REDIS_URL" in diagnosis.of("redis reachable")[0].remedy


@pytest.mark.parametrize(
    "url",
    ["postgres://127.0.0.1:1/x", "postgres://nowhere.invalid/x", "sqlite:////nowhere/at/all.db", "sqlite://"],
    ids=["port", "host", "no directory", "no file"],
)
def test_a_database_that_cannot_be_reached_is_named(valkey_url: str, tmp_path: Path, url: str) -> None:
    diagnosis = diagnose(make_environ(redis_url=valkey_url, database_url=url), tmp_path)

    assert (diagnosis.failed(), diagnosis.exit_code) == (["database reachable"], 1)
    assert "DATABASE_URL" in diagnosis.of("database reachable")[0].remedy


@pytest.mark.parametrize("product", ["sqlite", "postgresql"])
def test_an_empty_database_is_told_to_be_migrated(valkey_url: str, postgres: PostgresProcess, tmp_path: Path, product: str) -> None:
    name = f"empty_{secrets.token_hex(4)}"
    url = postgres.create_database(name) if product == "postgresql" else f"sqlite:///{tmp_path}/{name}.db"

    diagnosis = diagnose(make_environ(redis_url=valkey_url, database_url=url), tmp_path)

    if product == "postgresql":
        postgres.drop_database(name)
    assert diagnosis.failed() == ["schema"]
    assert "crossline migrate" in diagnosis.of("schema")[0].remedy


@pytest.mark.parametrize("product", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "change, lacks",
    [
        pytest.param("DROP TABLE key_checks", "key_checks", id="a table"),
        pytest.param("ALTER TABLE conversations DROP COLUMN message_count", "conversations.message_count", id="a column"),
    ],
)
def test_a_schema_of_another_release_is_named(
    valkey_url: str, postgres: PostgresProcess, sqlite_url: str, tmp_path: Path, product: str, change: str, lacks: str
) -> None:
    name = f"other_{secrets.token_hex(4)}"
    url = postgres.create_database(name) if product == "postgresql" else sqlite_url
    database = Database.open(url)
    upgrade(database)
    with database.begin() as tx:
        tx.exec_driver_sql(change)
    database.close()

    diagnosis = diagnose(make_environ(redis_url=valkey_url, database_url=url), tmp_path)

    if product == "postgresql":
        postgres.drop_database(name)
    assert diagnosis.of("schema")[0].finding == f"The database's schema is not whole: it lacks {lacks}."
    assert diagnosis.failed() == ["schema"]


@pytest.mark.parametrize(
    "setting, word",
    [
        pytest.param("synchronous_commit%3Doff", "synchronous_commit", id="asynchronous commit"),
        pytest.param("default_transaction_read_only%3Don", "read-only", id="read only"),
    ],
)
def test_a_database_that_may_lose_messages_is_named(valkey_url: str, postgresql_url: str, tmp_path: Path, setting: str, word: str) -> None:
    environ = make_environ(redis_url=valkey_url, database_url=f"{postgresql_url}?options=-c%20{setting}")

    diagnosis = diagnose(environ, tmp_path)

    assert word in diagnosis.of("database durable")[0].finding
    assert diagnosis.failed() == ["database durable"]


def test_a_postgresql_with_too_few_connections_for_the_fleet_is_named(valkey_url: str, short_dir: Path, tmp_path: Path) -> None:
    server = PostgresProcess(short_dir, config={"max_connections": "10"})
    server.start()
    environ = make_environ(redis_url=valkey_url, database_url=server.url())

    diagnosis = diagnose(environ, tmp_path, "--web-processes", "4", "--worker-processes", "4")

    server.stop()
    assert "room for 7 connections" in diagnosis.of("connections")[1].finding
    assert "connections" in diagnosis.failed()


def test_another_encryption_key_is_named(environ: dict[str, str], settings: Settings, tmp_path: Path) -> None:
    store_messages(settings, [make_message()])

    diagnosis = diagnose({**environ, "CROSSLINE_ENCRYPTION_KEYS": "ef" * 32}, tmp_path)

    [verdict] = diagnosis.of("keys")
    assert "CROSSLINE_ENCRYPTION_KEYS lacks a key" in verdict.finding
    assert "Add it behind the first one" in verdict.remedy
    assert (diagnosis.failed(), diagnosis.exit_code) == (["keys"], 1)
    assert "ef" * 32 not in diagnosis.output


def test_another_index_key_is_named(environ: dict[str, str], settings: Settings, database: Database, tmp_path: Path) -> None:
    ring = Keyring([settings.encryption_keys[0].get_secret_value()])
    check_keys(database, ring, index_key_id(settings.index_key.get_secret_value()))

    diagnosis = diagnose({**environ, "CROSSLINE_INDEX_KEY": "ef" * 32}, tmp_path)

    [verdict] = diagnosis.of("keys")
    assert "CROSSLINE_INDEX_KEY is another key" in verdict.finding
    assert "Put the first one back" in verdict.remedy
    assert diagnosis.failed() == ["keys"]


@pytest.mark.parametrize(
    "off_s, level",
    [
        pytest.param(0, Level.OK, id="right"),
        pytest.param(1, Level.OK, id="a second"),
        pytest.param(10, Level.WARN, id="ten seconds"),
        pytest.param(-10, Level.WARN, id="ten seconds behind"),
        pytest.param(40, Level.FAIL, id="forty seconds"),
    ],
)
def test_a_clock_that_is_off_is_named(valkey_url: str, postgresql_url: str, off_s: int, level: Level) -> None:
    settings = make_settings(redis_url=valkey_url, database_url=postgresql_url)

    facts = gather(settings, Plan(1, 1), clock=lambda: utcnow() + timedelta(seconds=off_s))

    assert [verdict.level for verdict in judge(facts) if verdict.name == "clock"] == [level, level]


def test_what_lies_in_quarantine_is_counted(environ: dict[str, str], settings: Settings, tmp_path: Path) -> None:
    quarantine_bodies(settings, [("malformed_callback", b"not json"), ("signature_wrong", b"{}")])

    diagnosis = diagnose(environ, tmp_path)

    assert diagnosis.of("quarantine")[0].finding == "2 callbacks could not be read or trusted (1 malformed_callback, 1 signature_wrong)."
    assert diagnosis.exit_code == 0


@pytest.mark.parametrize(
    "name, url",
    [
        pytest.param("REDIS_URL", "http://127.0.0.1:1", id="another scheme"),
        pytest.param("REDIS_URL", "redis://127.0.0.1:port/0", id="no port"),
        pytest.param("DATABASE_URL", "mysql://x/y", id="another product"),
        pytest.param("DATABASE_URL", "not an address", id="text"),
    ],
)
def test_an_address_that_is_none_is_named_before_anything_is_asked(environ: dict[str, str], tmp_path: Path, name: str, url: str) -> None:
    diagnosis = diagnose({**environ, name: url}, tmp_path)

    assert {verdict.name for verdict in diagnosis.verdicts} == {"settings"}
    assert name in diagnosis.of("settings")[0].finding
    assert url not in diagnosis.output


def test_settings_that_cannot_be_used_are_all_named(environ: Mapping[str, str], tmp_path: Path) -> None:
    broken = {**environ, "CROSSLINE_ACK": "both", "CROSSLINE_INDEX_KEY": "short", "REDIS_URL": ""}

    diagnosis = diagnose(broken, tmp_path)

    assert diagnosis.failed()[:3] == ["settings"] * 3
    assert diagnosis.exit_code == 1


def test_a_person_reads_one_line_a_finding_and_what_to_do_beneath(sqlite_url: str, tmp_path: Path) -> None:
    environ = make_environ(redis_url="redis://127.0.0.1:1/0", database_url=sqlite_url)

    result = CliRunner().invoke(main, ["doctor"], env={**environ, "CROSSLINE_DATA_DIR": str(tmp_path / "none")})
    lines = result.stdout.splitlines()

    at = next(at for at, line in enumerate(lines) if line.startswith("FAIL"))
    assert "redis reachable" in lines[at]
    assert lines[at + 1].strip().startswith("→ Start Redis")
    assert lines[-1].startswith("1 failed, ")
    assert "\x1b" not in result.stdout
