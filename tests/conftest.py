"""Fixtures that every test may ask for: real stores of our own, one set for each xdist worker, and real processes."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest

from schemas.settings import Settings
from store.engine import Database
from store.migrate import upgrade
from tests.support.crossline import CrosslineProcess, StartProcess
from tests.support.environment import make_environ
from tests.support.postgres import PostgresProcess, PostgresUnavailable
from tests.support.valkey import ValkeyProcess

# Two cores, real servers: how long an example takes says nothing; what a fixture gives serves every example of a test.
hypothesis.settings.register_profile(
    "crossline", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
)
hypothesis.settings.load_profile("crossline")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A new directory with a path short enough for unix sockets: for servers that one test starts and breaks."""
    with _directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def _valkey() -> Iterator[ValkeyProcess]:
    with _directory() as directory:
        server = ValkeyProcess(directory)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def valkey(_valkey: ValkeyProcess) -> Iterator[ValkeyProcess]:
    """This xdist worker's own Valkey, emptied and configured as proven durable. A test may pause, kill and restart it."""
    _valkey.empty()
    yield _valkey
    _bring_back(_valkey)


@pytest.fixture
def valkey_url(valkey: ValkeyProcess) -> str:
    """The address of `valkey`."""
    return valkey.url


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresProcess]:
    with _directory() as directory:
        server = PostgresProcess(directory)
        try:
            server.start()
        except PostgresUnavailable as reason:
            pytest.skip(f"no PostgreSQL here: {reason}")
        _migrate(server.create_database("migrated"))
        yield server
        server.stop()


@pytest.fixture
def postgres(_postgres: PostgresProcess) -> Iterator[PostgresProcess]:
    """This xdist worker's own PostgreSQL. A test may pause, kill and restart it."""
    yield _postgres
    _bring_back(_postgres)


@pytest.fixture
def postgresql_url(postgres: PostgresProcess) -> str:
    """A migrated PostgreSQL database without a row: the same one again, because making one takes seconds. It must stay migrated."""
    return postgres.empty_database("migrated")


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "crossline.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """A new, migrated SQLite database in the test's `tmp_path`."""
    path = tmp_path / "crossline.db"
    shutil.copyfile(_migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A new, migrated database: the test runs once on SQLite and once on PostgreSQL."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The open database of `database_url`, closed afterwards."""
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture
def environ(valkey_url: str, database_url: str) -> dict[str, str]:
    """The environment of a whole installation on this test's stores, with keys and a token of its own."""
    return make_environ(redis_url=valkey_url, database_url=database_url)


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    """The settings of `environ`."""
    return Settings.load(environ)


@pytest.fixture
def crossline_process(tmp_path: Path) -> Iterator[StartProcess]:
    """Starts `crossline …` processes: `crossline_process("web", environ=environ)`. All are stopped after the test.

    `web` is returned when `/healthz` answers 200; any other command at once, or when its log holds the text `until_log`.
    """
    started: list[CrosslineProcess] = []

    def start(*arguments: str, environ: Mapping[str, str], until_log: str | None = None, ready: bool = True) -> CrosslineProcess:
        process = CrosslineProcess(tmp_path, list(arguments), environ)
        started.append(process)
        process.start()
        if until_log is not None:
            process.wait_for_log(until_log)
        elif ready and arguments[0] == "web":
            process.wait_ready()
        return process

    yield start
    for process in reversed(started):
        process.stop()


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """In /tmp whatever TMPDIR says: on macOS that one alone fills the path of a unix socket."""
    directory = Path(tempfile.mkdtemp(prefix="cl-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _bring_back(server: ValkeyProcess | PostgresProcess) -> None:
    """Undo what a test did to a server that the next test needs."""
    server.resume()
    if not server.is_running:
        server.start()


def _migrate(url: str) -> None:
    database = Database.open(url)
    upgrade(database)
    database.close()
