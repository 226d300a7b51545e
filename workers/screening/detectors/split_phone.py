"""THE place that finds a phone number which one party spread over several messages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.conversations import Utterance
from workers.screening.detectors import numbering, phone
from workers.screening.detectors.matches import ConversationMatch, Match

CAUSE: Final = r"\p{Nd}"

LONGEST_PART: Final = 40
MOST_OTHER_MESSAGES: Final = 8
LONGEST_PAUSE_S: Final = 24 * 3600
_MOST_DIGITS_OF_A_PART: Final = 9
_FEWEST_DIGITS: Final = 10
_FEWEST_DIGITS_IN_A_REGION: Final = 9
_DIGIT: Final = re.compile(r"\d")
_AMOUNT: Final = re.compile(
    r"[$\u20ac\u00a3\u00a5\u20b9%]|\d\s?(?:k|am|pm|h|usd|eur|euros?|dollars?|min|km|reais)\b|\d:\d\d", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A message that is next to nothing but digits. `order`: its place among its sender's messages."""

    message: int
    order: int
    start: int
    end: int
    digits: str
    plus: bool


def find(messages: Sequence[Utterance], regions: tuple[str, ...]) -> Iterator[ConversationMatch]:
    """The numbers that one sender's messages make together, in submit order, when a new message holds a part.

    Other messages may lie between the parts. The match lies in the last new message that holds a part, over its digits.
    """
    for sender in dict.fromkeys(utterance.sender for utterance in messages if utterance.is_new):
        parts = _parts_of(messages, sender)
        first = 0
        while first < len(parts):
            window = _longest_number(messages, parts, first, regions)
            if window is None:
                first += 1
                continue
            first, match = window
            if match is not None:
                yield match


def _parts_of(messages: Sequence[Utterance], sender: str) -> list[_Part]:
    own = ((position, utterance.text) for position, utterance in enumerate(messages) if utterance.sender == sender)
    parts = (_part(position, order, text) for order, (position, text) in enumerate(own) if len(text) <= LONGEST_PART)
    return [part for part in parts if part is not None]


def _part(position: int, order: int, text: str) -> _Part | None:
    places = [found.start() for found in _DIGIT.finditer(text)]
    letters = sum(character.isalpha() for character in text)
    if not places or len(places) > _MOST_DIGITS_OF_A_PART or letters > len(places) + 1 or _AMOUNT.search(text):
        return None
    return _Part(
        message=position,
        order=order,
        start=places[0],
        end=places[-1] + 1,
        digits=phone.ascii_digits("".join(text[place] for place in places)),
        plus="+" in text[: places[0]],
    )


def _longest_number(
    messages: Sequence[Utterance], parts: Sequence[_Part], first: int, regions: tuple[str, ...]
) -> tuple[int, ConversationMatch | None] | None:
    """The longest window of parts from `first` that is a number: the index past it, and its match unless all of it was known before."""
    total, ends = len(parts[first].digits), []
    for past in range(first + 1, len(parts)):
        if not _belong_together(messages, parts[past - 1], parts[past]):
            break
        total += len(parts[past].digits)
        if total > numbering.MOST_DIGITS:
            break
        ends.append(past + 1)
    for past in reversed(ends):
        reading = _reading(parts[first:past], regions)
        if reading is not None:
            return past, _match(messages, parts[first:past], reading)
    return None


def _match(messages: Sequence[Utterance], window: Sequence[_Part], reading: str) -> ConversationMatch | None:
    new = [part for part in window if messages[part.message].is_new]
    if not new:
        return None
    place = new[-1]
    evidence = messages[place.message].text[place.start : place.end]
    return ConversationMatch(message=place.message, match=Match(start=place.start, end=place.end, evidence=evidence, reading=reading))


def _belong_together(messages: Sequence[Utterance], one: _Part, following: _Part) -> bool:
    pause = messages[following.message].submitted_at - messages[one.message].submitted_at
    return following.order - one.order - 1 <= MOST_OTHER_MESSAGES and pause.total_seconds() <= LONGEST_PAUSE_S


def _reading(window: Sequence[_Part], regions: tuple[str, ...]) -> str | None:
    digits = "".join(part.digits for part in window)
    if window[0].plus:
        return numbering.reading_of("+" + digits, regions=())
    dialled = numbering.reading_of(digits, regions=regions) if len(digits) >= _FEWEST_DIGITS_IN_A_REGION else None
    if dialled is not None or len(digits) < _FEWEST_DIGITS:
        return dialled
    return phone.by_shape(digits, (len(digits),))
