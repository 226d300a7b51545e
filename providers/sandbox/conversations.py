"""The demonstration's conversations: short, invented, in `conversations/*.toml`, one file a language. Read and checked here.

    language = "en"

    [[conversation]]
    name = "corner-blue-shirt"          # one of its kind over all files
    parties = ["driver", "rider"]       # two, never the same word
    innocent = true                     # or: category = "contact", the harm that it shows
    pace = 0.1                          # optional: this many times the usual pause between messages
    messages = [
        { rider = "I am by the bakery." },
    ]

Phone numbers in the texts come from ranges kept for fiction: 555-0100 to 555-0199 (North America), 07700 900xxx (Ofcom),
06 39 98 xx xx (Arcep), 0171 39200xx and 030 23125xxx (Bundesnetzagentur). Spanish and Portuguese texts borrow North America's.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import UserError
from schemas.findings import Category

SHIPPED: Final = Path(__file__).with_name("conversations")
FEWEST_MESSAGES: Final = 2
MOST_MESSAGES: Final = 6
_KEYS: Final = frozenset({"name", "parties", "innocent", "category", "pace", "messages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedMessage:
    """One message of a conversation to be played. `party`: the index of who writes it, 0 or 1."""

    party: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedConversation:
    """A conversation to be played. `category`: the harm that it shows; None for an innocent one. `pace` scales its pauses."""

    name: str
    language: str
    parties: tuple[str, str]
    messages: tuple[ScriptedMessage, ...]
    category: Category | None
    pace: float = 1.0

    @property
    def innocent(self) -> bool:
        """Whether nothing in it should be raised to a moderator."""
        return self.category is None


def load_conversations(folder: Path = SHIPPED) -> tuple[ScriptedConversation, ...]:
    """All conversations of a folder, in the order of its files and of the conversations in them.

    Raises UserError, naming file, conversation and mistake, where one cannot be played.
    """
    conversations: list[ScriptedConversation] = []
    names: set[str] = set()
    for path in sorted(folder.glob("*.toml")):
        try:
            for conversation in _read(path):
                if conversation.name in names:
                    raise ValueError(f"there is a second conversation called {conversation.name!r}")
                names.add(conversation.name)
                conversations.append(conversation)
        except (ValueError, OSError) as error:
            raise UserError(f"{path.name}: {error}.") from None
    if not conversations:
        raise UserError(f"{folder} holds no conversation to play: it needs at least one .toml file.")
    return tuple(conversations)


def _read(path: Path) -> Iterator[ScriptedConversation]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    language = document.get("language")
    if not isinstance(language, str) or not language:
        raise ValueError("language is missing")
    for entry in document.get("conversation", ()):
        match entry:
            case {"name": str(name)} if name:
                try:
                    yield _conversation(name, language, entry)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
            case _:
                raise ValueError("a conversation has no name, or does not begin with [[conversation]]")


def _conversation(name: str, language: str, entry: dict[str, Any]) -> ScriptedConversation:
    if unknown := sorted(entry.keys() - _KEYS):
        raise ValueError(f"{unknown[0]} is no key of a conversation")
    pace = entry.get("pace", 1.0)
    if not isinstance(pace, int | float) or isinstance(pace, bool) or pace < 0:
        raise ValueError("pace is not a number of 0 or more")
    parties = _parties(entry.get("parties"))
    return ScriptedConversation(
        name=name,
        language=language,
        parties=parties,
        messages=_messages(entry.get("messages"), parties),
        category=_category(entry),
        pace=float(pace),
    )


def _category(entry: dict[str, Any]) -> Category | None:
    innocent, category = entry.get("innocent", False), entry.get("category")
    if innocent is True and category is None:
        return None
    if innocent is not False or category is None:
        raise ValueError("it needs either innocent = true or a category")
    try:
        return Category(category)
    except ValueError:
        raise ValueError(f"category is none of {', '.join(Category)}") from None


def _parties(value: Any) -> tuple[str, str]:
    match value:
        case [str() as first, str() as second] if first and second and first != second:
            return first, second
    raise ValueError("parties is not two different words")


def _messages(value: Any, parties: tuple[str, str]) -> tuple[ScriptedMessage, ...]:
    if not isinstance(value, list) or not FEWEST_MESSAGES <= len(value) <= MOST_MESSAGES:
        raise ValueError(f"messages is not a list of {FEWEST_MESSAGES} to {MOST_MESSAGES}")
    return tuple(_message(number, entry, parties) for number, entry in enumerate(value, start=1))


def _message(number: int, entry: Any, parties: tuple[str, str]) -> ScriptedMessage:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f'message {number} is not one {{ party = "text" }}')
    ((party, text),) = entry.items()
    if party not in parties:
        raise ValueError(f"message {number} is by somebody who is not one of parties")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"message {number} has no text")
    return ScriptedMessage(party=parties.index(party), text=text)
