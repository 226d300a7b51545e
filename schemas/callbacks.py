"""TeleSign's masking callback: bytes in, one `MoMessage` out, or one `MalformedCallback` that names the field.

Source: TeleSign, "Number Masking API - Obtain Transaction Status Results", Notification Schema. The schema's own prose and
example disagree in places; what they leave open is accepted:

* `mo_reference_id` is called hexadecimal and its example is not: 1-64 visible ASCII characters, case kept;
* phone numbers sent as JSON numbers are taken as their digits, and are never checked against a numbering plan;
* `submit_timestamp` has no zone: UTC. ISO 8601 and RFC 1123 forms are read; any other is kept as it came;
* a lone surrogate escape in any string becomes U+FFFD, and a byte order mark before the object is skipped.
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from schemas.errors import MalformedCallback
from schemas.messages import MoMessage, Note

FIELDS: Final = (
    "mo_reference_id",
    "session_reference_id",
    "submit_timestamp",
    "from_phone_number",
    "to_phone_number",
    "mo_message",
)
_REFERENCE_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_MAX_PHONE_CHARACTERS: Final = 64
_MAX_TIMESTAMP_CHARACTERS: Final = 128
_LONGEST_INTEGER: Final = 20


def decode_callback(body: bytes, *, received_at: datetime) -> MoMessage:
    """The message that a callback's raw body holds.

    `received_at`: aware UTC. Raises MalformedCallback, with `field` where one field is to blame, for anything else.
    """
    document, notes = _parse(body)
    for name in FIELDS:
        if name not in document:
            raise MalformedCallback(f"The field {name} is missing.", field=name)
    timestamp = _text(document, "submit_timestamp", most=_MAX_TIMESTAMP_CHARACTERS)
    submitted_at = read_timestamp(timestamp)
    if submitted_at is None:
        notes = (*notes, Note.TIMESTAMP_UNREADABLE)
    if len(document) > len(FIELDS):
        notes = (*notes, Note.EXTRA_FIELDS)
    return MoMessage(
        mo_reference_id=_reference_id(document, "mo_reference_id"),
        session_reference_id=_reference_id(document, "session_reference_id"),
        submit_timestamp=timestamp,
        submitted_at=submitted_at or received_at,
        from_phone_number=_phone_number(document, "from_phone_number"),
        to_phone_number=_phone_number(document, "to_phone_number"),
        text=_text(document, "mo_message"),
        received_at=received_at,
        notes=notes,
        raw=body.decode() if len(document) > len(FIELDS) else None,
    )


def read_timestamp(value: str) -> datetime | None:
    """The instant that a `submit_timestamp` names, aware UTC; None where it cannot be read. No zone means UTC."""
    try:
        instant = datetime.fromisoformat(value.strip())
    except ValueError:
        try:
            instant = parsedate_to_datetime(value)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        return None


def _parse(body: bytes) -> tuple[dict[str, Any], tuple[Note, ...]]:
    notes: tuple[Note, ...] = ()
    payload = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = _parse_leniently(payload)
        if _SURROGATE_ESCAPE.search(payload):
            notes = (Note.SURROGATE_REPLACED,)
    if not isinstance(document, dict):
        raise MalformedCallback("The body is JSON, but not an object.")
    return document, notes


def _parse_leniently(payload: bytes) -> Any:
    """orjson refuses a lone surrogate escape, and nesting past its depth; the standard library reads both."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedCallback("The body is not UTF-8.") from None
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_number, object_pairs_hook=_mended_object)
    except (ValueError, RecursionError):
        raise MalformedCallback("The body is not JSON.") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _number(digits: str) -> int | float:
    """As orjson reads it: what does not fit 64 bits is a float. The standard library refuses integers of thousands of digits."""
    if len(digits) <= _LONGEST_INTEGER and -(2**63) <= int(digits) < 2**64:
        return int(digits)
    return float(digits)


def _mended_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_mended(key): _mended(value) if isinstance(value, str) else value for key, value in pairs}


def _mended(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _text(document: dict[str, Any], name: str, *, most: int | None = None) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise MalformedCallback(f"The field {name} is not a string.", field=name)
    if most is not None and len(value) > most:
        raise MalformedCallback(f"The field {name} is longer than {most} characters.", field=name)
    return value


def _reference_id(document: dict[str, Any], name: str) -> str:
    value = _text(document, name)
    if not _REFERENCE_ID.fullmatch(value):
        raise MalformedCallback(f"The field {name} is not 1 to 64 visible ASCII characters.", field=name)
    return value


def _phone_number(document: dict[str, Any], name: str) -> str:
    value = document[name]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return _text(document, name, most=_MAX_PHONE_CHARACTERS)
