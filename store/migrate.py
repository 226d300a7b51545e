"""Brings the database's schema to what this release needs, and tells whether it is there.

Migrations expand first and contract a release later, so that the previous release goes on working beside this one. A database that
is *ahead* of this release is therefore fine; one that is behind is not.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from schemas.errors import SchemaMismatch
from store.engine import Database, Tx

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ADVISORY_LOCK: Final = 0x43524F53
MIGRATE_WITHIN_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which revision to which; `before` is None for an empty database."""

    before: str | None
    after: str


def upgrade(database: Database) -> Migrated:
    """Run all migrations that are missing, in one transaction. Two at once are harmless: the second finds nothing to do."""
    with database.begin(within_s=MIGRATE_WITHIN_S) as tx:
        if not database.is_sqlite:
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = _revision(tx)
        if before not in _known() and before is not None:
            return Migrated(before, before)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        return Migrated(before, head())


def head() -> str:
    """The newest revision that this release knows."""
    return _known()[0]


def require_schema(database: Database) -> None:
    """Return if the schema is the one that this release needs, or a newer one. Raises SchemaMismatch or StoreError."""
    with database.read() as tx:
        revision = _revision(tx)
    if revision is None:
        raise SchemaMismatch("The database is empty: run `crossline migrate`.")
    if revision in _known()[1:]:
        raise SchemaMismatch(f"The database's schema is {revision}, this release needs {head()}: run `crossline migrate`.")


def _revision(tx: Tx) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


@lru_cache(maxsize=1)
def _known() -> tuple[str, ...]:
    """All revisions of this release, newest first."""
    scripts = ScriptDirectory(str(_MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())
