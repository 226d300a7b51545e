"""What a body says, read a second time and by other means than the product's: the standard library and the documentation's words.

What this does not accept must be answered 422, and what it accepts must come out of the store as it says.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_BYTE_ORDER_MARK: Final = "\ufeff"
_ID: Final = re.compile(r"[!-~]{1,64}")
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")
_LARGEST_NUMBER: Final = 2**64 - 1
_LONGEST_PHONE: Final = 64
_LONGEST_TIMESTAMP: Final = 128


@dataclass(frozen=True, slots=True)
class Said:
    """The six values of a callback, and the whole of it where it says more."""

    mo_reference_id: str
    session_reference_id: str
    submit_timestamp: str
    from_phone_number: str
    to_phone_number: str
    text: str
    raw: str | None


class Unreadable(Exception):
    """The body is no callback."""


def read(body: bytes) -> Said:
    """What the body says. Raises Unreadable."""
    try:
        whole = body.decode("utf-8")
        document = json.loads(whole.removeprefix(_BYTE_ORDER_MARK), parse_constant=_refuse, parse_int=_Digits)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(document, dict):
        raise Unreadable
    document = {_mended(name): value for name, value in document.items()}
    return Said(
        mo_reference_id=_id(document, "mo_reference_id"),
        session_reference_id=_id(document, "session_reference_id"),
        submit_timestamp=_text(document, "submit_timestamp", longest=_LONGEST_TIMESTAMP),
        from_phone_number=_phone(document, "from_phone_number"),
        to_phone_number=_phone(document, "to_phone_number"),
        text=_text(document, "mo_message"),
        raw=whole if len(document) > 6 else None,
    )


class _Digits(str):
    """A JSON integer, as its digits: it may have more of them than a number takes."""


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _mended(text: str) -> str:
    return _HALF_A_PAIR.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(document: dict[str, Any], name: str, *, longest: int | None = None) -> str:
    value = document.get(name)
    if not isinstance(value, str) or isinstance(value, _Digits):
        raise Unreadable
    if longest is not None and len(value) > longest:
        raise Unreadable
    return _mended(value)


def _id(document: dict[str, Any], name: str) -> str:
    value = _text(document, name)
    if not _ID.fullmatch(value):
        raise Unreadable
    return value


def _phone(document: dict[str, Any], name: str) -> str:
    """A number's digits, without a sign; no phone has so many that they do not fit 64 bits."""
    value = document.get(name)
    if isinstance(value, _Digits):
        if len(value) > 20 or not 0 <= int(value) <= _LARGEST_NUMBER:
            raise Unreadable
        return str(int(value))
    return _text(document, name, longest=_LONGEST_PHONE)
