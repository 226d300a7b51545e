"""The conversations of the demonstration: enough, in five languages, of every category, half innocent; and mistakes are named."""

import re
from collections import Counter
from pathlib import Path

import pytest

from providers.sandbox.conversations import FEWEST_MESSAGES, MOST_MESSAGES, load_conversations
from schemas.errors import UserError
from schemas.findings import Category

GOOD = """
language = "en"
[[conversation]]
name = "bakery"
parties = ["driver", "rider"]
innocent = true
messages = [{ driver = "I am outside." }, { rider = "Coming!" }]
"""
_LONG_NUMBER = re.compile(r"\+?\d[\d .-]{7,}\d")
_DOMAIN = re.compile(r"\b[\w-]+\.(com|net|org|io|de|fr|es|br|pt|uk)\b")


def test_there_are_enough_in_each_of_five_languages() -> None:
    languages = Counter(conversation.language for conversation in load_conversations())

    assert set(languages) == {"en", "es", "pt", "fr", "de"}
    assert min(languages.values()) >= 6
    assert languages.total() >= 44


def test_half_of_them_are_innocent_in_every_language() -> None:
    conversations = load_conversations()
    innocent = Counter(conversation.language for conversation in conversations if conversation.innocent)
    harmful = Counter(conversation.language for conversation in conversations if not conversation.innocent)

    assert innocent == harmful


def test_every_category_is_shown() -> None:
    shown = {conversation.category for conversation in load_conversations()}

    assert shown == {None, *Category}


def test_they_are_short_and_both_parties_are_named() -> None:
    for conversation in load_conversations():
        assert FEWEST_MESSAGES <= len(conversation.messages) <= MOST_MESSAGES, conversation.name
        assert {message.party for message in conversation.messages} <= {0, 1}, conversation.name
        assert all(len(message.text) <= 160 for message in conversation.messages), conversation.name


def test_no_text_is_used_in_two_conversations() -> None:
    texts = Counter(text for conversation in load_conversations() for text in {message.text for message in conversation.messages})

    assert [text for text, uses in texts.items() if uses > 1] == []


def test_every_domain_written_out_is_an_example() -> None:
    texts = [message.text for conversation in load_conversations() for message in conversation.messages]
    domains = [match[0] for text in texts for match in _DOMAIN.finditer(text)]

    assert [domain for domain in domains if not domain.startswith("example.")] == []


def test_a_long_number_written_out_is_innocent_or_fictional() -> None:
    numbers = [
        re.sub(r"\D", "", match[0])
        for conversation in load_conversations()
        if not conversation.innocent
        for message in conversation.messages
        for match in _LONG_NUMBER.finditer(message.text)
    ]

    assert [number for number in numbers if not re.search(r"55501\d\d$|07700900\d{3}$|063998\d{4}$|017139200\d\d$", number)] == []


def test_a_conversation_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(GOOD.replace("innocent = true", 'category = "scam"\npace = 2'))

    (conversation,) = load_conversations(tmp_path)

    assert conversation.name == "bakery"
    assert conversation.language == "en"
    assert conversation.parties == ("driver", "rider")
    assert conversation.category is Category.SCAM
    assert conversation.pace == 2.0
    assert [(message.party, message.text) for message in conversation.messages] == [(0, "I am outside."), (1, "Coming!")]


@pytest.mark.parametrize(
    "was, becomes, said",
    [
        pytest.param('language = "en"', "language = en", "en.toml: Invalid value", id="not TOML"),
        pytest.param('language = "en"', "", "en.toml: language is missing", id="no language"),
        pytest.param('language = "en"', 'language = ""', "en.toml: language is missing", id="an empty language"),
        pytest.param('name = "bakery"', "", "en.toml: a conversation has no name", id="no name"),
        pytest.param('name = "bakery"', 'name = ""', "en.toml: a conversation has no name", id="an empty name"),
        pytest.param("[[conversation]]", "[conversation]", "en.toml: a conversation has no name", id="one bracket too few"),
        pytest.param("innocent = true", "", "en.toml: bakery: it needs either", id="neither innocent nor a category"),
        pytest.param("innocent = true", 'innocent = true\ncategory = "spam"', "bakery: it needs either", id="both"),
        pytest.param("innocent = true", 'innocent = "yes"', "bakery: it needs either", id="innocent in words"),
        pytest.param("innocent = true", 'category = "gossip"', "bakery: category is none of contact, ", id="no such category"),
        pytest.param("innocent = true", "innocent = true\npace = -1", "bakery: pace is not", id="a pace below zero"),
        pytest.param("innocent = true", "innocent = true\npace = true", "bakery: pace is not", id="a pace that is no number"),
        pytest.param("innocent = true", "innocent = true\npaces = 1", "bakery: paces is no key", id="an unknown key"),
        pytest.param('"driver", "rider"', '"driver"', "bakery: parties is not two", id="one party"),
        pytest.param('"driver", "rider"', '"driver", "driver"', "bakery: parties is not two", id="the same party twice"),
        pytest.param('"driver", "rider"', '"driver", 2', "bakery: parties is not two", id="a party that is no word"),
        pytest.param('["driver", "rider"]', '"driver, rider"', "bakery: parties is not two", id="parties in one string"),
        pytest.param('{ rider = "Coming!" }', "", "bakery: messages is not a list of 2 to 6", id="one message"),
        pytest.param('{ rider = "Coming!" }', '{ rider = "Yes" },' * 6, "bakery: messages is not a list of 2 to 6", id="seven messages"),
        pytest.param('{ rider = "Coming!" }', '"Coming!"', "bakery: message 2 is not one", id="a message by nobody"),
        pytest.param('{ rider = "Coming!" }', '{ rider = "A", driver = "B" }', "bakery: message 2 is not one", id="two in one"),
        pytest.param('{ rider = "Coming!" }', '{ stranger = "Hi" }', "bakery: message 2 is by somebody", id="a third party"),
        pytest.param('"Coming!"', '" "', "bakery: message 2 has no text", id="an empty text"),
        pytest.param('"Coming!"', "7", "bakery: message 2 has no text", id="a text that is a number"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_conversation(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    assert was in GOOD
    (tmp_path / "en.toml").write_text(GOOD.replace(was, becomes))

    with pytest.raises(UserError) as refusal:
        load_conversations(tmp_path)

    assert said in refusal.value.message
    assert refusal.value.message.startswith("en.toml: ")


def test_two_conversations_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(GOOD)
    (tmp_path / "fr.toml").write_text(GOOD)

    with pytest.raises(UserError, match=r"fr\.toml: there is a second conversation called 'bakery'"):
        load_conversations(tmp_path)


def test_a_file_that_is_not_utf_8_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_bytes(GOOD.encode() + b"# \xff")

    with pytest.raises(UserError, match=r"^en\.toml: "):
        load_conversations(tmp_path)


def test_a_folder_without_conversations_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no conversation"):
        load_conversations(tmp_path)
