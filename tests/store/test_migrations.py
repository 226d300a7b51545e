"""The schema: what the migrations make is what the tables say, however often and by how many they are run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from schemas.errors import SchemaMismatch
from schemas.tables import metadata
from store.engine import Database, Tx
from store.migrate import Migrated, upgrade
from store.schema import MIGRATIONS, head, known_revisions, require_schema
from tests.support.crossline import process_environ
from tests.support.postgres import PostgresProcess
from tests.support.workers import ROOT

NAME = "empty_for_migrations"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresProcess = request.getfixturevalue("postgres")
    yield server.create_database(NAME)
    server.drop_database(NAME)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without a table."""
    database = Database.open(empty_url)
    yield database
    database.close()


def shape(tx: Tx) -> dict[str, Any]:
    """Every table with its columns, keys and indexes, as the database itself tells them."""
    inspector = inspect(tx)
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted((index["name"] or "", index["column_names"], bool(index["unique"])) for index in inspector.get_indexes(table)),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_the_migrations_make_what_the_tables_say(empty: Database) -> None:
    upgrade(empty)
    with empty.begin() as tx:
        assert compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata) == []
        migrated = shape(tx)
        for table in migrated:
            tx.exec_driver_sql(f"DROP TABLE {table}")
        metadata.create_all(tx)
        assert shape(tx) == migrated


def test_the_files_names_say_what_alembic_reads_in_them() -> None:
    read = ScriptDirectory(str(MIGRATIONS)).walk_revisions()

    assert known_revisions() == tuple(one.revision for one in read)


def test_a_second_run_finds_nothing_to_do(empty: Database) -> None:
    assert upgrade(empty) == Migrated(None, head())
    assert upgrade(empty) == Migrated(head(), head())


def test_two_runs_at_once_are_harmless(empty_url: str) -> None:
    program = "import sys; from store.engine import Database; from store.migrate import upgrade; print(upgrade(Database.open(sys.argv[1])))"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_url], env=process_environ({}), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    told = [run.communicate(timeout=60) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], told
    assert sorted(b"before=None" in output for output, _ in told) == [False, True]


def test_an_empty_database_is_not_ready(empty: Database) -> None:
    with pytest.raises(SchemaMismatch, match="crossline migrate"):
        require_schema(empty)


def test_a_migrated_database_is_ready_and_so_is_one_of_a_later_release(empty: Database) -> None:
    upgrade(empty)
    require_schema(empty)
    with empty.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    require_schema(empty)

    assert upgrade(empty) == Migrated("9999", "9999")


def test_a_run_that_fails_leaves_nothing_half_done(empty: Database) -> None:
    with empty.begin() as tx:
        # The last table of the first migration is there already, and is somebody else's.
        tx.exec_driver_sql("CREATE TABLE key_checks (id INTEGER PRIMARY KEY)")
    with pytest.raises(Exception, match="failed"):
        upgrade(empty)
    with empty.read() as tx:
        assert list(inspect(tx).get_table_names()) == ["key_checks"]
