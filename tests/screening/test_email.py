"""An e-mail address written plainly is found as it stands; other at-signs are left alone."""

import pytest

from tests.screening.asking import evidence_of
from workers.screening.detectors import email


@pytest.mark.parametrize(
    "text, evidence",
    [
        pytest.param("write to joana.reis@example.com please", "joana.reis@example.com", id="within a sentence"),
        pytest.param("tom+van@mail.example.co.uk", "tom+van@mail.example.co.uk", id="a tag and subdomains"),
        pytest.param("Mail: TOM@EXAMPLE.ORG.", "TOM@EXAMPLE.ORG", id="capitals and a full stop"),
        pytest.param("<a@b.de>", "a@b.de", id="short, in brackets"),
        pytest.param("jo\u00e3o@example.com.br", "jo\u00e3o@example.com.br", id="an accent"),
        pytest.param("tom\uff20example.com", "tom\uff20example.com", id="a full-width sign"),
        pytest.param("(tom_99@example.net),", "tom_99@example.net", id="punctuation around"),
        pytest.param("\U0001f4e7tom@example.com\U0001f4e7", "tom@example.com", id="emoji around"),
    ],
)
def test_an_address_is_found_as_it_stands(text: str, evidence: str) -> None:
    assert evidence_of(email.find, text) == [evidence]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("see you @ 5", id="a time"),
        pytest.param("two @ 30.50 each", id="a price"),
        pytest.param("@tom", id="a mention"),
        pytest.param("i am @home.", id="a place"),
        pytest.param("tom@localhost", id="no ending"),
        pytest.param("tom@example.", id="an empty ending"),
        pytest.param("tom@.com", id="an empty name"),
        pytest.param("tom@example.c", id="an ending of one letter"),
        pytest.param("tom@example.123", id="an ending of digits"),
        pytest.param("@@@@", id="nothing but signs"),
        pytest.param("...@example.com", id="no letter before"),
        pytest.param("tom @ example.com", id="with spaces, which is another disguise"),
    ],
)
def test_other_at_signs_are_no_address(text: str) -> None:
    assert evidence_of(email.find, text) == []


def test_two_addresses_are_two_matches_read_in_lower_case() -> None:
    assert [match.reading for match in email.find("Tom@Example.com,eva@example.org", ())] == ["tom@example.com", "eva@example.org"]
