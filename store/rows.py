"""Inserting many rows in one statement, in the two dialects that have `ON CONFLICT`."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import Tx

Row = Mapping[str, Any]


def upsert_into(tx: Tx, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """An INSERT that can say what to do on conflict, for the dialect at hand."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def insert_new(tx: Tx, table: Table, rows: Sequence[Row], *, key: str) -> set[Any]:
    """Insert the rows whose key is not there yet; the keys that were inserted. Give rows sorted by key: then two writers never deadlock."""
    if not rows:
        return set()
    statement = upsert_into(tx, table).on_conflict_do_nothing(index_elements=[key]).returning(table.c[key])
    return set(tx.execute(statement, rows).scalars())
