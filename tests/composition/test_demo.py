"""The demonstration: what it signs with, and what it says of its progress."""

import sys

import pytest

from crossline.demo import Progress, credentials_of
from providers.sandbox.deliveries import Attempt, Delivery
from schemas.clock import utcnow
from tests.support.environment import make_settings


def delivery(status: int) -> Delivery:
    """A callback that was answered so at its only attempt."""
    return Delivery(mo_reference_id="A" * 32, attempts=(Attempt(at=utcnow(), took_ms=1.0, status=status),))


def test_it_signs_with_the_first_key_as_the_customer() -> None:
    settings = make_settings(CROSSLINE_TELESIGN_API_KEYS="Zmlyc3Q= c2Vjb25k", CROSSLINE_TELESIGN_CUSTOMER_ID="customer")
    credentials = credentials_of(settings)

    assert credentials is not None
    assert (credentials.customer_id, credentials.api_key) == ("customer", b"first")


def test_without_a_key_it_sends_unsigned() -> None:
    assert credentials_of(make_settings(CROSSLINE_TELESIGN_API_KEYS=None)) is None


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(60)
    for _ in range(59):
        progress.note(delivery(200))
    progress.note(delivery(503))
    progress.end()

    assert capsys.readouterr().out.splitlines() == [
        "25 of 60 messages sent, all acknowledged.",
        "50 of 60 messages sent, all acknowledged.",
        "The demo is over. 60 of 60 messages sent, 1 never acknowledged.",
    ]


def test_on_a_terminal_one_line_is_written_over(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    progress = Progress(2)
    progress.note(delivery(200))
    progress.note(delivery(200))
    progress.end()

    assert capsys.readouterr().out.count("\n") == 2
