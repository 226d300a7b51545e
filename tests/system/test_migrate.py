"""`crossline migrate`: says what it did, waits for a database that is just starting, and two at once are harmless."""

import subprocess
import time
from pathlib import Path

import pytest

from crossline.schema import bring_up_to_date
from schemas.errors import StoreError
from store.engine import Database
from store.schema import head, require_schema
from tests.support.crossline import COMMAND, process_environ, run_crossline
from tests.support.environment import make_environ
from tests.support.ports import free_port
from tests.support.postgres import PostgresProcess


def test_it_says_from_where_to_where_and_then_that_there_is_nothing_to_do(tmp_path: Path) -> None:
    environ = make_environ(database_url=f"sqlite:///{tmp_path / 'new.db'}")

    first = run_crossline("migrate", environ=environ, cwd=tmp_path)
    second = run_crossline("migrate", environ=environ, cwd=tmp_path)

    assert (first.returncode, first.stdout) == (0, f"The schema went from nothing to {head()}.\n")
    assert (second.returncode, second.stdout) == (0, f"The schema is at {head()}: nothing to do.\n")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_at_once_are_harmless(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'new.db'}"
    else:
        postgres: PostgresProcess = request.getfixturevalue("postgres")
        url = postgres.create_database(f"empty_{time.monotonic_ns()}")
    env = process_environ(make_environ(database_url=url))

    both = [subprocess.Popen([str(COMMAND), "migrate"], env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[0] for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert said == [f"The schema is at {head()}: nothing to do.\n", f"The schema went from nothing to {head()}.\n"]
    database = Database.open(url)
    require_schema(database)
    database.close()


def test_a_database_that_does_not_come_is_given_up_with_the_reason() -> None:
    said: list[str] = []

    with pytest.raises(StoreError):
        bring_up_to_date(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none", say=said.append, within_s=2.2)

    assert said
    assert said[0].startswith("Waiting for the database")
