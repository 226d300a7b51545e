"""What somebody else wrote, made fit to be shown: nothing in it can move a terminal's cursor, colour it, or reorder what stands beside it.

Letters of every script, emoji with their joiners, and right-to-left marks pass as they are. Control characters, line and paragraph
separators, and the characters that force a direction on what follows are shown as escapes; so is a lone surrogate.
"""

import re
from typing import Final

_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_JSON: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHOWN_DIGITS: Final = 2


def visible(text: str) -> str:
    """The text on one line, with whatever is unsafe escaped: a newline as `\\n`, an escape character as `\\x1b`."""
    return _UNSAFE.sub(_escape, text)


def visible_json(document: bytes) -> str:
    """The same JSON value, with what JSON allows raw and a terminal would obey written as `\\uXXXX`."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", document.decode())


def masked_number(phone_number: str) -> str:
    """A phone number of which only the last two digits are shown."""
    digits = "".join(character for character in phone_number if character.isdigit())
    return f"…{digits[-_SHOWN_DIGITS:]}" if len(digits) > _SHOWN_DIGITS else "…"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
