"""What the database says of itself, in one visit: for whoever judges it. Looks only, writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from schemas.errors import SchemaMismatch, StoreError, StoreUnreachable
from schemas.tables import metadata
from store import quarantine
from store.durability import Proof, prove_database
from store.engine import TRANSACTION_WITHIN_S, Database, Tx
from store.inbox.batches import Backlog
from store.inbox.database import DatabaseInbox
from store.keys import key_problems
from store.schema import require_schema
from store.sealing.keyring import Keyring

_LIMITS: Final = (
    "SELECT current_setting('max_connections', true)::int"
    " - coalesce(current_setting('superuser_reserved_connections', true)::int, 0)"
    " - coalesce(current_setting('reserved_connections', true)::int, 0),"
    " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),"
    " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'crossline')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What lies in a database whose schema is current."""

    key_problems: tuple[str, ...]
    quarantined: dict[str, int]
    backlog: Backlog


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """`limit`: how many this user may open in all. `others`: those that somebody else than Crossline holds."""

    limit: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """The database at one moment.

    `schema`: why the schema cannot be used; None when it can, and only then there is `content`. `clock_ahead_s` and `connections`: None
    on SQLite. `file`: on SQLite alone. `version`: as numbers, the first one deciding.
    """

    version: tuple[int, ...]
    proof: Proof
    schema: str | None
    content: Content | None = None
    clock_ahead_s: float | None = None
    connections: Connections | None = None
    file: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.file is not None


def examine_database(url: str, keyring: Keyring, index_key_id: bytes, *, clock: Callable[[], datetime]) -> DatabaseFacts:
    """Ask the database for everything in `DatabaseFacts`. Raises StoreError. `clock`: this machine's, aware UTC."""
    try:
        database = Database.open(url)
    except (ArgumentError, NoSuchModuleError, ImportError, TypeError):
        raise StoreUnreachable("DATABASE_URL is no address of a PostgreSQL database or a SQLite file.") from None
    if database.engine.dialect.name not in ("sqlite", "postgresql"):
        raise StoreUnreachable("DATABASE_URL names neither PostgreSQL nor SQLite.")
    try:
        proof = prove_database(database, TRANSACTION_WITHIN_S)
        schema, content = _content(database, keyring, index_key_id)
        connections = None if database.is_sqlite else _connections(database)
        with database.read() as tx:
            if database.is_sqlite:
                version = tuple(int(number) for number in tx.exec_driver_sql("SELECT sqlite_version()").scalar_one().split("."))
                return DatabaseFacts(
                    version=version, proof=proof, schema=schema, content=content, file=Path(database.engine.url.database or "")
                )
            return DatabaseFacts(
                version=tuple(int(number) for number in tx.dialect.server_version_info or ()),
                proof=proof,
                schema=schema,
                content=content,
                clock_ahead_s=_clock_ahead_s(tx, clock),
                connections=connections,
            )
    finally:
        database.close()


def _content(database: Database, keyring: Keyring, index_key_id: bytes) -> tuple[str | None, Content | None]:
    try:
        require_schema(database)
    except SchemaMismatch as error:
        return error.message, None
    with database.read() as tx:
        if lacking := _lacking(tx):
            return f"The database's schema is not whole: it lacks {', '.join(lacking)}.", None
        problems, waiting = key_problems(tx, keyring, index_key_id), quarantine.counts(tx)
    return None, Content(key_problems=problems, quarantined=waiting, backlog=DatabaseInbox(database).backlog())


def _lacking(tx: Tx) -> list[str]:
    """Tables and columns that this release uses and the database has not: changed by hand, or of another release."""
    inspector = inspect(tx)
    present = set(inspector.get_table_names())
    lacking = []
    for table in metadata.sorted_tables:
        if table.name not in present:
            lacking.append(table.name)
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        lacking += [f"{table.name}.{column.name}" for column in table.columns if column.name not in columns]
    return lacking


def _clock_ahead_s(tx: Tx, clock: Callable[[], datetime]) -> float:
    before = clock()
    there: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = clock()
    return (there.astimezone(UTC) - (before + (after - before) / 2)).total_seconds()


def _connections(database: Database) -> Connections | None:
    """The tightest of the server's, the database's and the user's limit; None where a compatible database shows none."""
    try:
        with database.read() as tx:
            row = tx.execute(text(_LIMITS)).one()
    except StoreError:
        return None
    limits = [limit for limit in row[:3] if limit is not None]
    return Connections(limit=min(limits), others=row[3]) if limits else None
