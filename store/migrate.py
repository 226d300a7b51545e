"""Brings the database's schema to what this release needs.

Migrations expand first and contract a release later, so that the previous release goes on working beside this one.
"""

from dataclasses import dataclass
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from store.engine import Database
from store.schema import MIGRATIONS, head, known_revisions, revision

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
        before = revision(tx)
        if before is not None and before not in known_revisions():
            return Migrated(before, before)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        return Migrated(before, head())
