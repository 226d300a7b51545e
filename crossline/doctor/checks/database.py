"""The database: reachable, durable, with the schema of this release."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok, warn
from schemas.errors import StoreError
from store.database_facts import DatabaseFacts

OLDEST_POSTGRESQL: Final = (13,)
OLDEST_SQLITE: Final = (3, 35)
_REMEDY_UNREACHABLE: Final = (
    "Start the database, or correct DATABASE_URL (host, port, user, password, name, sslmode). Until then nothing reaches a "
    "transcript; what is accepted waits in Redis."
)
_REMEDIES: Final = (
    ("synchronous_commit", "Set synchronous_commit = on for this database or user: `ALTER ROLE … SET synchronous_commit = on`."),
    ("fsync", "Set fsync = on in postgresql.conf, and restart PostgreSQL."),
    ("replica", "Point DATABASE_URL at the primary, and see that default_transaction_read_only is off."),
    ("SQLite", "Use a SQLite file of Crossline's own, opened by nothing else, on a local disk."),
)


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    database = facts.database
    if isinstance(database, StoreError):
        yield fail("database reachable", database.message, _REMEDY_UNREACHABLE)
        return
    product = f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} {'.'.join(str(number) for number in database.version)}"
    yield ok("database reachable", f"It answers ({product}).")
    yield from _version(database, product)
    yield from _durable(facts, database)
    if database.schema is None:
        yield ok("schema", "It is the one that this release needs, or a newer one.")
    else:
        yield fail("schema", database.schema, "Run `crossline migrate`; web and worker wait for it.")


def _version(database: DatabaseFacts, product: str) -> Iterator[Verdict]:
    if database.is_sqlite and database.version < OLDEST_SQLITE:
        yield fail("database version", f"{product} lacks what Crossline uses.", "Use a Python that brings SQLite 3.35 or later.")
    if not database.is_sqlite and database.version < OLDEST_POSTGRESQL:
        yield warn("database version", f"{product} is older than any that we know to work.", "Use PostgreSQL 13 or later.")


def _durable(facts: Facts, database: DatabaseFacts) -> Iterator[Verdict]:
    reasons = database.proof.reasons
    for reason in reasons:
        yield fail("database durable", reason, next(remedy for word, remedy in _REMEDIES if word in reason))
    if not facts.database_directory_writable:
        yield fail(
            "database durable",
            "The SQLite file or its directory is not writable for this user.",
            "Give this user the right to write to both: SQLite keeps its journal beside the file.",
        )
    elif not reasons:
        yield ok("database durable", "A commit is on its disk before it is answered.")
