"""A callback as the sandbox writes it looks as TeleSign's does."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from providers.sandbox.sender import callback_body, callback_payload, new_mo_reference_id, new_session_reference_id
from schemas.callbacks import FIELDS, decode_callback

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def make_payload(text: str = "By the fountain.", submitted_at: datetime = NOON) -> dict[str, str]:
    return callback_payload(
        session_reference_id="0123456789ABCDEF0123456789ABCDEF",
        from_phone_number="447700900111",
        to_phone_number="447700900222",
        text=text,
        submitted_at=submitted_at,
        mo_reference_id="A" * 32,
    )


def test_message_ids_are_32_upper_case_letters_and_digits() -> None:
    ids = {new_mo_reference_id() for _ in range(500)}

    assert len(ids) == 500
    assert all(re.fullmatch("[A-Z0-9]{32}", name) for name in ids)
    assert any(re.search("[G-Z]", name) for name in ids)


def test_session_ids_are_32_upper_case_hexadecimal_digits() -> None:
    ids = {new_session_reference_id() for _ in range(500)}

    assert len(ids) == 500
    assert all(re.fullmatch("[A-F0-9]{32}", name) for name in ids)


def test_the_fields_come_in_the_documented_order() -> None:
    payload = make_payload()

    assert list(payload.items()) == [
        ("submit_timestamp", "2026-03-01T12:00:00.000005"),
        ("from_phone_number", "447700900111"),
        ("mo_message", "By the fountain."),
        ("mo_reference_id", "A" * 32),
        ("session_reference_id", "0123456789ABCDEF0123456789ABCDEF"),
        ("to_phone_number", "447700900222"),
    ]
    assert set(payload) == set(FIELDS)


@pytest.mark.parametrize(
    "submitted_at, written",
    [
        pytest.param(NOON, "2026-03-01T12:00:00.000005", id="UTC"),
        pytest.param(NOON.replace(microsecond=0), "2026-03-01T12:00:00.000000", id="a whole second keeps its microseconds"),
        pytest.param(NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-03-01T12:00:00.000005", id="another zone"),
    ],
)
def test_the_timestamp_is_utc_in_microseconds_without_a_zone(submitted_at: datetime, written: str) -> None:
    assert make_payload(submitted_at=submitted_at)["submit_timestamp"] == written


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        make_payload(submitted_at=NOON.replace(tzinfo=None))


def test_a_message_gets_an_id_of_its_own() -> None:
    payload = make_payload()
    given = {name: payload[name] for name in ("session_reference_id", "from_phone_number", "to_phone_number")}

    first, second = (callback_payload(**given, text="Hi", submitted_at=NOON)["mo_reference_id"] for _ in range(2))

    assert first != second


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("plain", id="plain"),
        pytest.param("çé ß 👋🏽 مرحبا \u202e", id="other scripts"),
        pytest.param('quote " backslash \\ newline \n nul \x00', id="escapes"),
    ],
)
def test_the_body_is_compact_and_reads_back_as_it_was(text: str) -> None:
    body = callback_body(make_payload(text))

    assert b'": "' not in body
    assert b'", "' not in body
    assert decode_callback(body, received_at=NOON).text == text
