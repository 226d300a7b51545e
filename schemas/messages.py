"""What one party wrote, as the rest of Crossline sees it once a callback has been decoded."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Note(StrEnum):
    """An oddity of a callback that was accepted all the same, kept beside the message."""

    TIMESTAMP_UNREADABLE = "timestamp_unreadable"
    SURROGATE_REPLACED = "surrogate_replaced"
    EXTRA_FIELDS = "extra_fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoMessage:
    """One mobile-originated message of a masked session.

    The names are TeleSign's (Number Masking, "Notification Payload"). `submitted_at` is `submit_timestamp` read as UTC,
    because the wire has no zone; where it cannot be read it is the time of receipt, and `notes` says so.
    `raw` is the callback's body as it came, kept only when it holds fields that we do not know.
    """

    mo_reference_id: str
    session_reference_id: str
    submit_timestamp: str
    submitted_at: datetime
    from_phone_number: str
    to_phone_number: str
    text: str
    received_at: datetime
    notes: tuple[Note, ...] = ()
    raw: str | None = None
