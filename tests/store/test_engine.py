"""Transactions on both databases: kept or not at all, never waited for too long, and errors that quote nothing."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from schemas.errors import StoreError, StoreFull, StoreTimeout, StoreUnreachable
from store.engine import Database
from tests.support.ports import free_port
from tests.support.postgres import PostgresProcess

SECRET = "15550100001"
INSERT = text("INSERT INTO message_ids VALUES (:id, '5E55', :digest, '2026-05-04 09:30:00')")


def insert(database: Database, mo_reference_id: str) -> None:
    with database.begin() as tx:
        tx.execute(INSERT, {"id": mo_reference_id, "digest": b"x" * 32})


def count(database: Database) -> int:
    with database.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM message_ids").scalar_one())


def test_a_transaction_is_kept_when_its_block_ends_and_not_at_all_when_it_raises(database: Database) -> None:
    insert(database, "ID1")
    with pytest.raises(ZeroDivisionError), database.begin() as tx:
        tx.execute(INSERT, {"id": "ID2", "digest": b"x" * 32})
        raise ZeroDivisionError

    assert count(database) == 1


def test_data_that_does_not_fit_is_no_fault_of_the_store(database: Database) -> None:
    insert(database, "ID1")

    with pytest.raises(IntegrityError):
        insert(database, "ID1")
    assert count(database) == 1


def test_a_value_that_is_too_long_for_postgresql_is_no_fault_of_the_store(postgresql_url: str) -> None:
    database = Database.open(postgresql_url)

    with pytest.raises(DataError):
        insert(database, "x" * 65)
    database.close()


def test_an_error_of_the_store_quotes_nothing_of_the_statement(database: Database) -> None:
    with pytest.raises(StoreUnreachable) as failed, database.begin() as tx:
        tx.execute(text("SELECT :secret FROM no_such_table"), {"secret": SECRET})

    assert SECRET not in str(failed.value)
    assert failed.value.__suppress_context__


def test_a_reader_waits_for_no_writer(database_url: str) -> None:
    writing, reading = Database.open(database_url), Database.open(database_url)
    with writing.begin() as tx:
        tx.execute(INSERT, {"id": "ID1", "digest": b"x" * 32})
        started = time.monotonic()
        assert count(reading) == 0
        assert time.monotonic() - started < 2
    assert count(reading) == 1
    writing.close()
    reading.close()


def test_threads_take_turns_on_the_one_connection(database: Database) -> None:
    threads = [threading.Thread(target=insert, args=(database, f"ID{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert count(database) == 20


def test_a_connection_that_is_busy_for_long_is_a_timeout(database: Database) -> None:
    with database.begin():
        started = time.monotonic()
        with pytest.raises(StoreTimeout), database.begin():
            pass
        assert time.monotonic() - started < 4


def test_a_database_that_falls_silent_is_left_in_time_and_found_again(postgres: PostgresProcess, postgresql_url: str) -> None:
    database = Database.open(postgresql_url)
    insert(database, "ID1")
    postgres.pause()
    started = time.monotonic()
    with pytest.raises(StoreTimeout), database.begin(within_s=0.3) as tx:
        tx.execute(INSERT, {"id": "ID2", "digest": b"x" * 32})
    took_s = time.monotonic() - started
    postgres.resume()
    insert(database, "ID3")

    assert took_s < 2
    assert count(database) >= 2
    database.close()


def test_a_limit_given_at_opening_holds_for_every_transaction_that_names_none(postgres: PostgresProcess, postgresql_url: str) -> None:
    database = Database.open(postgresql_url, within_s=0.3)
    insert(database, "ID1")
    postgres.pause()
    started = time.monotonic()
    with pytest.raises(StoreTimeout):
        count(database)
    took_s = time.monotonic() - started
    postgres.resume()

    assert took_s < 2
    assert count(database) == 1
    database.close()


def test_a_statement_that_takes_too_long_is_left_in_time_on_sqlite_too(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = time.monotonic()
    with pytest.raises(StoreTimeout), database.read(within_s=0.3) as tx:
        tx.exec_driver_sql(endless)

    assert time.monotonic() - started < 5
    assert count(database) == 0
    database.close()


def test_a_database_that_was_killed_is_found_again(postgres: PostgresProcess, postgresql_url: str) -> None:
    database = Database.open(postgresql_url)
    insert(database, "ID1")
    postgres.kill()
    for _ in range(2):
        with pytest.raises(StoreUnreachable):
            insert(database, "ID2")
    postgres.start()
    insert(database, "ID3")

    assert count(database) == 2
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"postgresql+psycopg://u:{SECRET}@127.0.0.1:{{port}}/d", id="nobody listens"),
        pytest.param(f"postgresql+psycopg://u:{SECRET}@nowhere.invalid/d", id="no such host"),
        pytest.param(f"sqlite:////nowhere-{SECRET}/crossline.db", id="no such directory"),
    ],
)
def test_a_database_that_is_not_there_is_unreachable_at_once(url: str) -> None:
    database = Database.open(url.format(port=free_port()))
    started = time.monotonic()
    with pytest.raises(StoreError) as failed, database.begin():
        pass

    assert time.monotonic() - started < 5
    assert SECRET not in str(failed.value)


def test_a_full_disk_is_told_from_other_failures(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    with database.read() as tx:
        tx.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StoreFull):
        for number in range(1_000):
            insert(database, f"ID{number}")
    database.close()


def test_the_embedded_database_writes_through_to_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    database = Database.open(sqlite_url)
    with database.read() as tx:
        pragmas = {name: tx.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous", "foreign_keys")}

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()
