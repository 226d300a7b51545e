"""Callbacks as TeleSign sends them, with the documented fields and texts of our own."""

import json
import secrets
from typing import Any


def make_callback(**overrides: Any) -> dict[str, Any]:
    """One callback, with a new id in a conversation of its own, unless overridden. An override of None leaves a field out."""
    callback = {
        "mo_reference_id": secrets.token_hex(16).upper(),
        "session_reference_id": secrets.token_hex(16).upper(),
        "submit_timestamp": "2026-05-04T09:30:00",
        "from_phone_number": "15550100001",
        "to_phone_number": "15550100002",
        "mo_message": "I am at the side gate with the blue suitcase.",
    }
    return {name: value for name, value in (callback | overrides).items() if value is not None}


def callback_body(**overrides: Any) -> bytes:
    """The same as the bytes of a request's body."""
    return json.dumps(make_callback(**overrides)).encode()
