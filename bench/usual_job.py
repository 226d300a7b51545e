"""The usual way: what both its servers and its worker agree on, and its job: one message, one insert, one commit."""

import contextlib
import os
import sqlite3
from typing import Any, Final

import psycopg

QUEUE: Final = "usual"
INSERT: Final = "bench.usual_job.insert"
SEEN_FOR_S: Final = 86_400
"""How long an id is remembered: as long as Crossline remembers it."""
_COLUMNS: Final = (
    "mo_reference_id",
    "session_reference_id",
    "submit_timestamp",
    "from_phone_number",
    "to_phone_number",
    "mo_message",
)
_TABLE: Final = f"CREATE TABLE usual_messages ({_COLUMNS[0]} VARCHAR(64) PRIMARY KEY, {', '.join(f'{name} TEXT' for name in _COLUMNS[1:])})"


def insert(message: dict[str, Any]) -> None:
    """Keep a message. The database is the one that `USUAL_DATABASE` names."""
    statement = f"INSERT INTO usual_messages VALUES ({', '.join(['?'] * len(_COLUMNS))})"
    _execute(os.environ["USUAL_DATABASE"], statement, [message[name] for name in _COLUMNS])


def make_table(database: str) -> None:
    """The table that `insert` writes to. `database`: the path of an SQLite file, or what psycopg connects to."""
    if database.startswith("/"):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    _execute(database, _TABLE, [])


def _execute(database: str, statement: str, values: list[Any]) -> None:
    if database.startswith("/"):
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(statement, values)
    else:
        with psycopg.connect(database) as postgresql:
            postgresql.execute(statement.replace("?", "%s").encode(), values)
