"""Request bodies for property tests: callbacks as they should be, callbacks with odd fields, and bytes that something happened to.

A body is put together from raw JSON, piece by piece, because what is odd about it is often what no encoder would write: a name that
stands twice, an integer of a hundred digits, half of a surrogate pair, five hundred brackets.
"""

import gzip
import hashlib
import json
import re
import string
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from schemas.callbacks import FIELDS

_EMOJI: Final = "\N{FACE WITH TEARS OF JOY}\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"
_TEXTS: Final = (
    "",
    "\x00",
    "nul\x00in the middle",
    "\ufeffa byte order mark in front",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202c",
    "e\u0301 and \u00e9 are not the same",
    "half a pair \ud83d, the other half \ude00",
    "the wrong way round \ude00\ud83d",
    "\\ud83d is no escape",
    '"quoted" \\ and / slashed',
    "line\nfeed, carriage\rreturn, \u2028 and \u2029",
    "\u0661\u0662\u0663 and \uff11\uff12\uff13 are digits too",
    _EMOJI * 3_333 + "\N{PARTY POPPER}",
)
_IDS: Final = ("", " ", "a b", "a" * 64, "a" * 65, "\u00e9" * 8, "\x7f", "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N", "'; --", "..", "null")
_PHONE_TEXTS: Final = (
    "",
    "15551234",
    "+15550100001",
    "(555) 010-0001",
    "\u0661\u0665\u0665\u0665",
    "5" * 64,
    "5" * 65,
    "no number",
    "\ud800",
)
_PHONE_NUMBERS: Final = ("15550100001", "0", "-0", "-1", str(2**64 - 1), str(2**64), "9" * 100, "1.5", "15550100001.0", "1e10")
_TIMESTAMPS: Final = (
    "2018-02-12T14:57:11.765723",
    "2018-02-12T14:57:11.765723Z",
    "2018-02-12 14:57:11+05:30",
    "20180212T145711",
    "2018-W07-1",
    "Wed, 14 Dec 2016 18:20:12 GMT",
    "Wed, 14 Dec 99999999999999999999 18:20:12 GMT",
    "Wed, 14 Dec 2016 18:20:12 +99999999999999",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999",
    "9999-12-31T23:59:59.999999-14:00",
    "2016-12-31T23:59:60Z",
    "2018-02-30T00:00:00",
    "1518447431",
    "yesterday",
    "",
    "\x00",
    "\ud800",
    "t" * 128,
    "t" * 129,
)
_OTHER_TYPES: Final = ("null", "true", "[]", "{}", '["text"]', "1", "-1.5", '""')
_EXTRAS: Final = (
    "[" * 500 + "]" * 500,
    '{"a":' * 500 + "1" + "}" * 500,
    "[" * 2_000 + "]" * 2_000,
    "9" * 400,
    "9" * 5_000,
    "1e400",
    "-0.0",
    '{"a": 1, "a": 2}',
    '"\\ud800"',
    '{"\\udc00": ["\\ud800"]}',
    "NaN",
    "-Infinity",
    "0x10",
    "01",
    "[1,]",
)
_NO_OBJECTS: Final = (b"", b" ", b"[]", b"null", b"1", b'"text"', b"{", b"{}", b"{}{}", b'{"a"}', b"NaN", b"\xef\xbb\xbf", b"[" * 5_000)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_MUTATIONS: Final[Mapping[str, Callable[[bytes, int, int], bytes]]] = {
    "a bit flipped": lambda body, at, byte: body[:at] + bytes([body[at] ^ (1 << byte % 8)]) + body[at + 1 :],
    "a byte changed": lambda body, at, byte: body[:at] + bytes([byte]) + body[at + 1 :],
    "a byte put in": lambda body, at, byte: body[:at] + bytes([byte]) + body[at:],
    "cut short": lambda body, at, _byte: body[:at],
    "bytes lost": lambda body, at, byte: body[:at] + body[at + byte :],
    "a part twice": lambda body, at, byte: body[: at + byte] + body[at:],
    "something behind it": lambda body, _at, byte: body + bytes([byte]),
    "a byte order mark": lambda body, _at, _byte: _BYTE_ORDER_MARK + body,
    "two byte order marks": lambda body, _at, _byte: _BYTE_ORDER_MARK * 2 + body,
    "spaces around it": lambda body, _at, _byte: b" \r\n\t" + body + b"\n\n",
    "in UTF-16": lambda body, _at, _byte: body.decode("utf-8", "replace").encode("utf-16"),
    "in UTF-32": lambda body, _at, _byte: body.decode("utf-8", "replace").encode("utf-32-le"),
    "in Latin-1": lambda body, _at, _byte: body.decode("utf-8", "replace").encode("latin-1", "replace"),
    "surrogates in UTF-8": lambda body, _at, _byte: body.replace(b"a", b"\xed\xa0\x80", 1),
    "compressed": lambda body, _at, _byte: gzip.compress(body, mtime=0),
    "in a list": lambda body, _at, _byte: b"[" + body + b"]",
    "as a string": lambda body, _at, _byte: json.dumps(body.decode("utf-8", "replace")).encode(),
    "up to the limit": lambda body, _at, _byte: body + b" " * (262_144 - len(body)),
    "over the limit": lambda body, _at, _byte: body + b" " * (262_145 - len(body)),
}


def bodies() -> SearchStrategy[bytes]:
    """Anything that may stand in a request's body, callbacks of every degree of oddness above all."""
    return st.one_of(
        callbacks(),
        callbacks(),
        callbacks(odd=True),
        mutated(callbacks()),
        mutated(callbacks(odd=True)),
        st.binary(max_size=300),
        st.sampled_from(_NO_OBJECTS),
    )


@st.composite
def callbacks(draw: DrawFn, *, odd: bool = False) -> bytes:
    """Callbacks as documented, with texts of any kind; or `odd` ones, of which fields differ, are missing, stand twice or are unknown.

    Equal ones have equal ids; a few of the others share theirs.
    """
    escaped = draw(st.booleans())
    fields = [(name, draw(_good(name, escaped=escaped))) for name in FIELDS]
    if draw(st.integers(0, 5)):
        fields[0] = (fields[0][0], f'"{hashlib.blake2b(repr(fields).encode(), digest_size=16).hexdigest().upper()}"')
    if odd:
        for at in draw(st.sets(st.integers(0, len(FIELDS) - 1), max_size=2)):
            fields[at] = (FIELDS[at], draw(_odd(FIELDS[at], escaped=escaped)))
        fields += draw(st.lists(_extra(escaped=escaped), max_size=3))
        fields += [(name, draw(_good(name, escaped=escaped))) for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1))]
        fields = draw(st.permutations(fields))[: draw(st.sampled_from((99, 99, 99, 5)))]
    between, after = draw(st.sampled_from(((",", ":"), (", ", ": "), ("\r\n,\t", " :\n"))))
    return ("{" + between.join(f'"{name}"{after}{value}' for name, value in fields) + "}").encode()


@st.composite
def mutated(draw: DrawFn, whole: SearchStrategy[bytes]) -> bytes:
    """Bodies that something happened to on their way."""
    body = draw(whole)
    how = draw(st.sampled_from(sorted(_MUTATIONS)))
    return _MUTATIONS[how](body, draw(st.integers(0, len(body) - 1)), draw(st.integers(0, 255)))


def _good(name: str, *, escaped: bool) -> SearchStrategy[str]:
    """Raw JSON of a value that is accepted."""
    match name:
        case "mo_message":
            values = st.one_of(st.sampled_from(_TEXTS), st.text(max_size=200), st.text(st.characters(), max_size=40))
        case "submit_timestamp":
            values = st.datetimes().map(lambda instant: instant.isoformat())
        case "mo_reference_id" | "session_reference_id":
            values = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032X}")
        case _:
            values = st.integers(10_000_000, 999_999_999_999_999).map(str)
    return values.map(lambda value: in_json(value, escaped=escaped))


def _odd(name: str, *, escaped: bool) -> SearchStrategy[str]:
    """Raw JSON of a value that may be accepted or not."""
    texts: SearchStrategy[str]
    raw: tuple[str, ...] = _OTHER_TYPES
    match name:
        case "mo_message":
            texts = st.sampled_from(_TEXTS)
        case "submit_timestamp":
            texts = st.one_of(st.sampled_from(_TIMESTAMPS), st.datetimes().map(format_datetime), st.text(max_size=140))
        case "mo_reference_id" | "session_reference_id":
            texts = st.one_of(st.sampled_from(_IDS), st.text(string.printable, max_size=70), st.text(max_size=20))
        case _:
            texts = st.one_of(st.sampled_from(_PHONE_TEXTS), st.text(max_size=70))
            raw = _OTHER_TYPES + _PHONE_NUMBERS
    return st.one_of(texts.map(lambda value: in_json(value, escaped=escaped)), st.sampled_from(raw))


def _extra(*, escaped: bool) -> SearchStrategy[tuple[str, str]]:
    names = st.text(max_size=10).map(lambda name: in_json(name, escaped=escaped)[1:-1])
    texts = st.sampled_from(_TEXTS[:-1]).map(lambda value: in_json(value, escaped=escaped))
    return st.tuples(names, st.one_of(st.sampled_from(_EXTRAS), texts))


def in_json(text: str, *, escaped: bool) -> str:
    """A text as raw JSON, all but ASCII as escapes or as it is; half of a surrogate pair is an escape in any case."""
    raw = json.dumps(text, ensure_ascii=escaped)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", raw)
