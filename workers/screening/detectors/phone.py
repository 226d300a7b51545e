"""THE place that finds a phone number written in digits within one text."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from workers.screening.detectors import numbering
from workers.screening.detectors.matches import Match

# Seven digits with at most four other characters between two of them.
CAUSE: Final = r"\p{Nd}(?:\P{Nd}{0,4}\p{Nd}){6}"

_DIGITS: Final = re.compile(r"\d+")
_RUN: Final = re.compile(r"(?<!\w)(?<!\d[.,])[+\uff0b(]{0,2}\d++(?:[\s().\-/\u2010-\u2015\u2212\uff0d]{1,4}+\d++)*+")
_APART: Final = re.compile(r"[\s/]")
_MOST_GROUPS: Final = 8
_PLUS: Final = frozenset("+\uff0b")
_LOOK_BACK: Final = 32

# How numbers that are dialled without a zero are written in groups, beside North America's.
_MOBILE_SHAPES: Final = frozenset({(3, 3, 3), (5, 5), (2, 5, 4), (3, 2, 2, 2), (4, 3, 3), (3, 4, 4)})
_NORTH_AMERICAN_SHAPES: Final = frozenset({(3, 3, 4), (3, 7), (6, 4), (10,), (1, 3, 3, 4), (1, 10), (11,), (1, 3, 7)})
_ZERO_LENGTHS: Final = range(9, 13)
_MOST_GROUPS_OF_A_SHAPE: Final = max(len(shape) for shape in _MOBILE_SHAPES | _NORTH_AMERICAN_SHAPES)

_DATE: Final = re.compile(r"(?:\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d|(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2})(?![-./]?\d)")
_LABEL: Final = re.compile(
    r"(?:\b(?:order|booking|ref|reference|invoice|ticket|tracking|parcel|item|case|flight|serial|isbn|account|vin|sku|barcode|id"
    r"|pedido|encomenda|reserva|factura|fatura|commande|facture|bestellung|bestellnummer|rechnung|buchung)"
    r"\W{0,3}(?:no|nr|num|number|id|code|n\u00famero|nummer|num\u00e9ro)?\W{0,3}(?:is|es|\u00e9|est|ist)?\W{0,3}|#\s?)\Z",
    re.IGNORECASE,
)
_ACCOUNT: Final = re.compile(r"(?<!\w)[A-Z]{2}\d{2} (?:[A-Z]{4} )?\Z")
_MONEY_BEFORE: Final = re.compile(r"(?:[$\u20ac\u00a3\u00a5\u20b9]|\b(?:usd|eur|gbp|brl|r\$|rs))\s?\Z", re.IGNORECASE)
_MONEY_AFTER: Final = re.compile(
    r"\s?(?:[$\u20ac\u00a3\u00a5\u20b9%]|(?:usd|eur|euros?|gbp|brl|dollars?|reais|pesos|km|miles|kg|sqm|views)\b)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    start: int
    end: int
    digits: str


def find(text: str, regions: tuple[str, ...]) -> Iterator[Match]:
    """The phone numbers in `text`, from left to right.

    International ones begin with `+` or `00`. Others are numbers of `regions`, or have the shape of one: North American, dialled
    with a zero, or a mobile number in its usual groups. Prices, dates, bank accounts and labelled order numbers are none.
    """
    for run in _RUN.finditer(text):
        short = run.end() - run.start() < numbering.FEWEST_DIGITS
        if short or _ACCOUNT.search(text, max(0, run.start() - _LOOK_BACK), run.start()):
            continue
        groups = [_Group(start=found.start(), end=found.end(), digits=ascii_digits(found.group())) for found in _spans(run, text)]
        yield from _in_run(text, run.start(), groups, regions)


def ascii_digits(digits: str) -> str:
    """Decimal digits of any script as 0 to 9."""
    return digits if digits.isascii() else "".join(str(unicodedata.decimal(digit)) for digit in digits)


def by_shape(digits: str, shape: tuple[int, ...]) -> str | None:
    """How a number without a region reads when its digits, written in groups of those lengths, have a number's shape; else None."""
    if shape in _NORTH_AMERICAN_SHAPES:
        national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
        if numbering.is_north_american(national):
            return f"{national[:3]}-{national[3:6]}-{national[6:]}"
    if digits[0] == "0":
        return digits if len(digits) in _ZERO_LENGTHS and digits[1] != "0" and numbering.is_valid_after_a_zero(digits[1:]) else None
    # Ten bare digits that begin with 1 are a point in time far more often than a number.
    bare = len(shape) == 1 and (len(digits) == 11 or (len(digits) == 10 and digits[0] != "1"))
    usual = bare or shape in _MOBILE_SHAPES
    return digits if usual and numbering.is_mobile_somewhere(digits) else None


def _spans(run: re.Match[str], text: str) -> Iterator[re.Match[str]]:
    return _DIGITS.finditer(text, run.start(), run.end())


def _in_run(text: str, run_start: int, groups: Sequence[_Group], regions: tuple[str, ...]) -> Iterator[Match]:
    first = 0
    while first < len(groups):
        window = _longest_number(text, run_start, groups, first, regions)
        if window is None:
            first += 1
            continue
        past, match = window
        yield match
        first = past


def _longest_number(text: str, run_start: int, groups: Sequence[_Group], first: int, regions: tuple[str, ...]) -> tuple[int, Match] | None:
    """The longest window of groups from `first` that is a number, as the index past it and its match."""
    if first and not _APART.search(text, groups[first - 1].end, groups[first].start):
        return None
    start = _with_sign(text, run_start, groups[first].start)
    any_shape = regions or groups[first].digits[0] == "0" or not _PLUS.isdisjoint(text[start : groups[first].start])
    for past in _ends(groups, first, _MOST_GROUPS if any_shape else _MOST_GROUPS_OF_A_SHAPE):
        if past < len(groups) and not _APART.search(text, groups[past - 1].end, groups[past].start):
            continue
        end = groups[past - 1].end
        reading = _reading(text, start, end, groups[first:past], regions)
        if reading is not None:
            return past, Match(start=start, end=end, evidence=text[start:end], reading=reading)
    return None


def _ends(groups: Sequence[_Group], first: int, most_groups: int) -> list[int]:
    """The ends of the windows from `first` that hold as many digits as a number has, longest first."""
    total, ends = 0, []
    for past in range(first + 1, min(len(groups), first + most_groups) + 1):
        total += len(groups[past - 1].digits)
        if total > numbering.MOST_DIGITS + 2:
            break
        if total >= numbering.FEWEST_DIGITS:
            ends.append(past)
    return ends[::-1]


def _with_sign(text: str, run_start: int, start: int) -> int:
    """Where the number starts with the `+` or bracket before its first digit."""
    while start > run_start and text[start - 1] in "+\uff0b(":
        start -= 1
    return start


def _reading(text: str, start: int, end: int, groups: Sequence[_Group], regions: tuple[str, ...]) -> str | None:
    if end < len(text) and (text[end].isalnum() and text[end] not in "xX"):
        return None
    digits = "".join(group.digits for group in groups)
    if not _PLUS.isdisjoint(text[start : groups[0].start]):
        return numbering.reading_of("+" + text[groups[0].start : end], regions=())
    if digits.startswith("00"):
        return numbering.reading_of("+" + digits[2:], regions=())
    reading = numbering.reading_of(digits, regions=regions) or by_shape(digits, tuple(len(group.digits) for group in groups))
    return None if reading is None or _is_something_else(text, start, end, groups) else reading


def _is_something_else(text: str, start: int, end: int, groups: Sequence[_Group]) -> bool:
    """Whether the digits are a date, an amount, or what a label before them says."""
    before = text[max(0, start - _LOOK_BACK) : start]
    if _DATE.match(text, start) or _MONEY_AFTER.match(text, end):
        return True
    thousands = all(len(group.digits) == 3 for group in groups[1:])
    return bool((thousands and _MONEY_BEFORE.search(before)) or (len(groups) == 1 and _LABEL.search(before)))
