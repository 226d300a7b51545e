"""A link is found as it stands; a full stop without a space behind it is none."""

import pytest

from tests.screening.asking import evidence_of
from workers.screening.detectors import url


@pytest.mark.parametrize(
    "text, evidence",
    [
        pytest.param("see https://example.org/a?b=c#d now", "https://example.org/a?b=c#d", id="with a scheme"),
        pytest.param("(http://example.org/van).", "http://example.org/van", id="punctuation around"),
        pytest.param("hxxps://example.org", "hxxps://example.org", id="a scheme made harmless"),
        pytest.param("www.example.net!", "www.example.net", id="www"),
        pytest.param("my-van-hire.com", "my-van-hire.com", id="a bare domain"),
        pytest.param("Look: Example.COM/van", "Example.COM/van", id="capitals and a path"),
        pytest.param("vans.example.com.br", "vans.example.com.br", id="a country"),
        pytest.param("example.co/x1", "example.co/x1", id="an ending like a word, with a path"),
        pytest.param("m\u00fcller-autos.com", "m\u00fcller-autos.com", id="an umlaut"),
        pytest.param("http://192.0.2.7:8080/x", "http://192.0.2.7:8080/x", id="a machine's address with a scheme"),
    ],
)
def test_a_link_is_found_as_it_stands(text: str, evidence: str) -> None:
    assert evidence_of(url.find, text) == [evidence]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("I'm here.it is cold", id="a missing space before a word"),
        pytest.param("ok.so what", id="another missing space"),
        pytest.param("version 2.1.3", id="a version"),
        pytest.param("e.g. the blue one, i.e. not red", id="abbreviations"),
        pytest.param("the U.S. and the U.K.", id="countries"),
        pytest.param("12.50 or 9.am", id="prices and times"),
        pytest.param("photo.jpg and notes.txt", id="files"),
        pytest.param("wait...com on", id="dots"),
        pytest.param("tom@example.com", id="an e-mail address"),
        pytest.param("and/or w/o 24/7", id="slashes"),
        pytest.param("http:// is how links begin", id="a scheme alone"),
        pytest.param("www is down", id="www alone"),
        pytest.param("the dot com years", id="in words, which is another disguise"),
    ],
)
def test_other_dots_are_no_link(text: str) -> None:
    assert evidence_of(url.find, text) == []


@pytest.mark.parametrize(
    "text, reading",
    [
        pytest.param("HTTPS://Example.org/Van", "https://example.org/Van", id="the host is lowered, the path kept"),
        pytest.param("hxxp://example.org", "http://example.org", id="the scheme is mended"),
        pytest.param("Example.COM", "example.com", id="a bare domain"),
    ],
)
def test_the_reading_is_what_a_browser_would_open(text: str, reading: str) -> None:
    assert [match.reading for match in url.find(text, ())] == [reading]
