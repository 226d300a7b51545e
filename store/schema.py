"""Tells whether the database's schema is there. Without Alembic, which only `store.migrate` needs: it would weigh on every process.

A migration's file is named for its revision, `0001_…`, and revisions follow each other in that order.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text

from schemas.errors import SchemaMismatch
from store.engine import Database, Tx

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_VERSION_TABLE: Final = "alembic_version"


@lru_cache(maxsize=1)
def known_revisions() -> tuple[str, ...]:
    """All revisions of this release, newest first."""
    return tuple(sorted((path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")), reverse=True))


def head() -> str:
    """The newest revision that this release knows."""
    return known_revisions()[0]


def revision(tx: Tx) -> str | None:
    """The revision of the database; None where it is empty."""
    if not inspect(tx).has_table(_VERSION_TABLE):
        return None
    return tx.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608  a name of ours


def require_schema(database: Database) -> None:
    """Return if the schema is the one that this release needs, or a newer one. Raises SchemaMismatch or StoreError.

    Migrations expand first and contract a release later, so a database that is ahead of this release is fine.
    """
    with database.read() as tx:
        standing = revision(tx)
    if standing is None:
        raise SchemaMismatch("The database is empty: run `crossline migrate`.")
    if standing in known_revisions()[1:]:
        raise SchemaMismatch(f"The database's schema is {standing}, this release needs {head()}: run `crossline migrate`.")
