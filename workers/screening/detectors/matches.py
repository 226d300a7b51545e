"""THE place for what a detector answers with, and for the shape that a detector has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from schemas.conversations import Utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One place in a text. `start`, `end`: characters, end exclusive. `evidence`: the characters there. `reading`: what they mean."""

    start: int
    end: int
    evidence: str
    reading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationMatch:
    """A match that takes several messages. `message`: index of the one that it is hung on, which `match` lies in."""

    message: int
    match: Match


TextFinder = Callable[[str, tuple[str, ...]], Iterator[Match]]
ConversationFinder = Callable[[Sequence[Utterance], tuple[str, ...]], Iterator[ConversationMatch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDetector:
    """A detector that looks at one text.

    `cause`: an RE2 expression; a text that it does not match holds nothing for this detector. All causes are tried in one pass.
    `find`: takes the text and the regions, and yields matches from left to right.
    """

    cause: str
    find: TextFinder


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDetector:
    """A detector that looks at the messages of a conversation.

    `cause`: an RE2 expression; unless a new message matches it, the detector is not asked.
    `find`: takes all known messages in submit order and the regions; yields only what a new message takes part in.
    """

    cause: str
    find: ConversationFinder
