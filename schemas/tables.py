"""Every SQL table. Nothing outside `store` imports this; columns that hold what people wrote or who they are are sealed bytes.

All instants are `UTCDateTime`: aware UTC in Python, stored without an offset. Enumerations are stored as their string value, so that
a new kind needs no migration.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    TypeDecorator,
    text,
)


class UTCDateTime(TypeDecorator[datetime]):
    """An instant: aware UTC in Python; in the database, UTC without an offset, so that both databases order and compare it alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses a naive instant: its meaning would depend on the machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("An instant without a zone cannot be stored.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Stored instants are UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("session_reference_id", String(64), primary_key=True),
    Column("key_id", LargeBinary(4), nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("message_count", Integer, nullable=False, server_default="0"),
    Column("first_received_at", UTCDateTime, nullable=False),
    Column("last_received_at", UTCDateTime, nullable=False),
)

message_ids = Table(
    "message_ids",
    metadata,
    Column("mo_reference_id", String(64), primary_key=True),
    Column("session_reference_id", String(64), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("session_reference_id", String(64), primary_key=True),
    Column("submitted_at", UTCDateTime, primary_key=True),
    Column("mo_reference_id", String(64), primary_key=True),
    Column("received_at", UTCDateTime, nullable=False),
    Column("from_index", LargeBinary(16), nullable=False, index=True),
    Column("to_index", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("mo_reference_id", String(64), primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    Column("session_reference_id", String(64), nullable=False, index=True),
    Column("rule", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("category", String(32), nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("action", String(16), nullable=False),
    Column("span_start", Integer, nullable=False),
    Column("span_end", Integer, nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("found_at", UTCDateTime, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_reference_id", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("finding_count", Integer, nullable=False),
    Column("opened_at", UTCDateTime, nullable=False),
    Column("updated_at", UTCDateTime, nullable=False),
)
Index(
    "one_open_case_per_conversation",
    cases.c.session_reference_id,
    unique=True,
    postgresql_where=text("state = 'open'"),
    sqlite_where=text("state = 'open'"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("reason", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("copies", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("first_received_at", UTCDateTime, nullable=False),
    Column("last_received_at", UTCDateTime, nullable=False),
    Column("key_id", LargeBinary(4), nullable=False, index=True),
    Column("sealed", LargeBinary),
)

inbox_batches = Table(
    "inbox_batches",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("item_count", Integer, nullable=False),
    Column("accepted_at_ms", BigInteger, nullable=False, index=True),
    Column("due_at_ms", BigInteger, nullable=False, index=True),
    Column("claims", Integer, nullable=False),
    Column("token", String(32)),
    Column("mark_item", Integer),
    Column("mark_count", Integer, nullable=False, server_default="0"),
    Column("sealed", LargeBinary, nullable=False),
)

key_checks = Table(
    "key_checks",
    metadata,
    Column("purpose", String(16), primary_key=True),
    Column("key_id", LargeBinary(4), primary_key=True),
    Column("first_seen_at", UTCDateTime, nullable=False),
)
