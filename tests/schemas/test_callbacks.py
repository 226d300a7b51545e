"""Bytes in, one message out or one refusal that names the field: the traps of the documentation, and their near misses."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.callbacks import FIELDS, decode_callback, read_timestamp
from schemas.errors import MalformedCallback
from schemas.messages import MoMessage, Note
from tests.support.callbacks import callback_body, make_callback

RECEIVED: Final = datetime(2026, 5, 4, 9, 30, 5, tzinfo=UTC)
DOCUMENTED_ID: Final = "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N"


def decode(body: bytes) -> MoMessage:
    return decode_callback(body, received_at=RECEIVED)


def refusal(body: bytes) -> MalformedCallback:
    with pytest.raises(MalformedCallback) as refused:
        decode(body)
    return refused.value


def with_json(name: str, value: str) -> bytes:
    """A callback in which one field's value is written as it is given, so that it need not be what a library writes."""
    marker = "@@"
    return json.dumps(make_callback(**{name: marker})).replace(f'"{marker}"', value).encode()


def test_a_callback_is_read_whole() -> None:
    body = callback_body(mo_reference_id=DOCUMENTED_ID, session_reference_id="5E55", mo_message="Hello")

    assert decode(body) == MoMessage(
        mo_reference_id=DOCUMENTED_ID,
        session_reference_id="5E55",
        submit_timestamp="2026-05-04T09:30:00",
        submitted_at=datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
        from_phone_number="15550100001",
        to_phone_number="15550100002",
        text="Hello",
        received_at=RECEIVED,
    )


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_to_be_there(name: str) -> None:
    assert refusal(callback_body(**{name: None})).field == name


@pytest.mark.parametrize("value", ["null", "true", "[]", "{}", "1.5", '["x"]', "1e3", "-5", "123456789012345678901234567890"])
@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_to_be_text(name: str, value: str) -> None:
    assert refusal(with_json(name, value)).field == name


@pytest.mark.parametrize("name", [name for name in FIELDS if "phone" not in name])
def test_a_number_stands_for_a_phone_number_alone(name: str) -> None:
    assert refusal(with_json(name, "15550100001")).field == name


@pytest.mark.parametrize("name", ["from_phone_number", "to_phone_number"])
@pytest.mark.parametrize(
    "value, digits",
    [("15550100001", "15550100001"), ("0", "0"), ("15551234", "15551234"), ("18446744073709551615", "18446744073709551615")],
    ids=["eleven digits", "nought", "the documented eight", "the longest that fits"],
)
def test_a_phone_number_sent_as_a_number_is_taken_as_its_digits(name: str, value: str, digits: str) -> None:
    assert getattr(decode(with_json(name, value)), name) == digits


@pytest.mark.parametrize(
    "value",
    ["15551234", "38167111112", "+1 (555) 010-0001", "", "BANK", "anonymous", "٠١٢٣", "1" * 64],
    ids=["eight digits", "eleven", "punctuation", "empty", "letters", "a word", "other digits", "very long"],
)
def test_a_phone_number_is_taken_as_it_comes(value: str) -> None:
    assert decode(callback_body(from_phone_number=value)).from_phone_number == value


@pytest.mark.parametrize(
    "value",
    [DOCUMENTED_ID, DOCUMENTED_ID.lower(), "a", "!", "~", "x" * 64, "0e0", "../../etc", "<b>"],
    ids=["the documented one", "lower case", "a letter", "first visible", "last visible", "64 characters", "a number", "a path", "markup"],
)
@pytest.mark.parametrize("name", ["mo_reference_id", "session_reference_id"])
def test_a_reference_is_any_visible_text_and_keeps_its_case(name: str, value: str) -> None:
    assert getattr(decode(callback_body(**{name: value})), name) == value


@pytest.mark.parametrize(
    "value",
    ["", "x" * 65, "a b", " a", "a\n", "a\x00", "\x7f", "é", "Ⅷ", "\u200b"],
    ids=["empty", "65 characters", "space", "leading space", "line feed", "NUL", "delete", "accent", "numeral", "no width"],
)
@pytest.mark.parametrize("name", ["mo_reference_id", "session_reference_id"])
def test_a_reference_that_cannot_be_one_is_refused_by_name(name: str, value: str) -> None:
    assert refusal(callback_body(**{name: value})).field == name


@pytest.mark.parametrize(
    "value, instant",
    [
        pytest.param("2018-02-12T14:57:11.765723", datetime(2018, 2, 12, 14, 57, 11, 765723, tzinfo=UTC), id="the documented form"),
        pytest.param("2018-02-12T14:57:11.765723Z", datetime(2018, 2, 12, 14, 57, 11, 765723, tzinfo=UTC), id="with a Z"),
        pytest.param("2018-02-12 14:57:11.765723", datetime(2018, 2, 12, 14, 57, 11, 765723, tzinfo=UTC), id="a space"),
        pytest.param("2018-02-12T14:57:11", datetime(2018, 2, 12, 14, 57, 11, tzinfo=UTC), id="whole seconds"),
        pytest.param("2018-02-12T14:57:11.7", datetime(2018, 2, 12, 14, 57, 11, 700000, tzinfo=UTC), id="tenths"),
        pytest.param("2018-02-12T14:57:11+02:00", datetime(2018, 2, 12, 12, 57, 11, tzinfo=UTC), id="an offset"),
        pytest.param("Mon, 12 Feb 2018 14:57:11 GMT", datetime(2018, 2, 12, 14, 57, 11, tzinfo=UTC), id="RFC 1123"),
        pytest.param("Mon, 12 Feb 2018 14:57:11 -0500", datetime(2018, 2, 12, 19, 57, 11, tzinfo=UTC), id="RFC 1123 with an offset"),
        pytest.param("2018-02-12", datetime(2018, 2, 12, tzinfo=UTC), id="a day"),
        pytest.param(" 2018-02-12T14:57:11 ", datetime(2018, 2, 12, 14, 57, 11, tzinfo=UTC), id="white space"),
    ],
)
def test_a_timestamp_without_a_zone_is_utc_and_other_forms_are_read_too(value: str, instant: datetime) -> None:
    message = decode(callback_body(submit_timestamp=value))

    assert (message.submitted_at, message.submit_timestamp, message.notes) == (instant, value, ())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2018-13-12T14:57:11",
        "2018-02-30T14:57:11",
        "2018-02-12T25:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "Mon, 12 Feb 99999999999999999999 14:57:11 GMT",
        "Mon, 12 Feb 2018 14:57:11 +99999999999999999999",
        "\x00",
        "１２",
        "1518447431",
    ],
)
def test_a_timestamp_that_cannot_be_read_is_kept_with_the_time_of_receipt_in_its_place(value: str) -> None:
    message = decode(callback_body(submit_timestamp=value))

    assert (message.submitted_at, message.submit_timestamp) == (RECEIVED, value)
    assert message.notes == (Note.TIMESTAMP_UNREADABLE,)


@pytest.mark.parametrize("length, fits", [(128, True), (129, False)])
def test_a_timestamp_has_a_length(length: int, *, fits: bool) -> None:
    body = callback_body(submit_timestamp="x" * length)
    if fits:
        assert decode(body).submit_timestamp == "x" * length
    else:
        assert refusal(body).field == "submit_timestamp"


@pytest.mark.parametrize("value", ["1" * 65, "+" * 200], ids=["65 digits", "200 signs"])
def test_a_phone_number_has_a_length(value: str) -> None:
    assert refusal(callback_body(to_phone_number=value)).field == "to_phone_number"


@pytest.mark.parametrize(
    "written, text, notes",
    [
        pytest.param('"\\ud800"', "\ufffd", (Note.SURROGATE_REPLACED,), id="a lone high surrogate"),
        pytest.param('"a\\udc00b"', "a\ufffdb", (Note.SURROGATE_REPLACED,), id="a lone low one"),
        pytest.param('"\\udc00\\ud800"', "\ufffd\ufffd", (Note.SURROGATE_REPLACED,), id="a pair the wrong way round"),
        pytest.param('"\\ud83d\\ude00\\ud83d"', "😀\ufffd", (Note.SURROGATE_REPLACED,), id="a pair and a half"),
        pytest.param('"\\ud83d\\ude00"', "😀", (), id="a pair"),
        pytest.param('"\\uD83D\\uDE00"', "😀", (), id="a pair in capitals"),
        pytest.param('"\\\\ud800"', "\\ud800", (), id="an escaped backslash"),
        pytest.param('"\\u0000"', "\x00", (), id="NUL"),
        pytest.param('"\\ufffd"', "\ufffd", (), id="the replacement itself"),
        pytest.param('"\\/\\b\\f"', "/\b\f", (), id="other escapes"),
    ],
)
def test_escapes_are_read_and_a_lone_surrogate_is_replaced_and_noted(written: str, text: str, notes: tuple[Note, ...]) -> None:
    message = decode(with_json("mo_message", written))

    assert (message.text, message.notes) == (text, notes)


def test_a_lone_surrogate_in_another_field_does_not_spoil_the_text() -> None:
    message = decode(with_json("colour", '"\\ud800"'))

    assert message.text == make_callback()["mo_message"]
    assert Note.EXTRA_FIELDS in message.notes


def test_extra_fields_are_kept_with_the_message_as_it_came() -> None:
    body = callback_body(status={"code": 1500}, sub_resource="mo_sms")
    message = decode(body)

    assert (message.raw, message.notes) == (body.decode(), (Note.EXTRA_FIELDS,))
    assert decode(callback_body()).raw is None


@pytest.mark.parametrize("text", ["plain", "\ud83d"], ids=["plain text", "half a surrogate pair, which takes another parser"])
@pytest.mark.parametrize(
    "number", [str(2**63), str(-(2**80)), "9" * 400, "9" * 5_000], ids=["64 bits", "81 bits", "400 digits", "5,000 digits"]
)
def test_a_number_of_any_length_in_an_extra_field_spoils_nothing(number: str, text: str) -> None:
    body = callback_body(mo_message=text, size="@").replace(b'"@"', number.encode())

    assert decode(body).text == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize("text", ["plain", "\ud83d"], ids=["plain text", "half a surrogate pair, which takes another parser"])
@pytest.mark.parametrize("number, fits", [(2**64 - 1, True), (2**64, False)], ids=["64 bits", "65 bits"])
def test_a_phone_number_sent_as_a_number_fits_64_bits(number: int, fits: bool, text: str) -> None:
    body = callback_body(from_phone_number=number, mo_message=text)
    if fits:
        assert decode(body).from_phone_number == str(number)
    else:
        assert refusal(body).field == "from_phone_number"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + callback_body(), id="a byte order mark"),
        pytest.param(b" \r\n\t" + callback_body() + b"\n", id="white space around"),
        pytest.param(json.dumps(make_callback(), indent=4).encode(), id="written out"),
        pytest.param(json.dumps(make_callback(), separators=(",", ":"), sort_keys=True).encode(), id="compact and sorted"),
        pytest.param(callback_body(deep=[[[[[]]]]]), id="something nested"),
        pytest.param(callback_body()[:-1] + b', "deep": ' + b"[" * 500 + b"]" * 500 + b"}", id="nested 500 deep"),
        pytest.param(callback_body()[:-1] + b', "big": ' + b"9" * 400 + b"}", id="a number beyond any"),
    ],
)
def test_a_body_is_read_however_it_is_written(body: bytes) -> None:
    assert decode(body).from_phone_number == "15550100001"


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    body = callback_body()[:-1] + b', "mo_message": "second"}'

    assert decode(body).text == "second"
    assert decode(body[:-1] + b', "x": "\\ud800"}').text == "second"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="a space"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"1", id="a number"),
        pytest.param(b"true", id="true"),
        pytest.param(b"{", id="a brace"),
        pytest.param(b"{}{}", id="two objects"),
        pytest.param(b"{'mo_message': 'x'}", id="single quotes"),
        pytest.param(b"\xff\xfe", id="a mark of UTF-16"),
        pytest.param(b"mo_message=x&from_phone_number=1", id="a form"),
        pytest.param(b"<xml/>", id="XML"),
        pytest.param(callback_body()[:-1], id="cut off"),
        pytest.param(callback_body() + b"x", id="something behind"),
        pytest.param(callback_body().replace(b"pier", b"\xff").replace(b"blue", b"\xff"), id="bytes that are no text"),
        pytest.param(callback_body().decode().encode("utf-16"), id="UTF-16"),
        pytest.param(callback_body()[:-1] + b', "x": NaN}', id="not a number"),
        pytest.param(callback_body()[:-1] + b', "x": Infinity}', id="infinity"),
        pytest.param(b"[" * 100_000, id="brackets without end"),
        pytest.param(b'{"a":' * 100_000, id="objects without end"),
        pytest.param(callback_body(mo_message="@@").replace(b"@@", b"\n"), id="a line feed in a text"),
    ],
)
def test_what_is_no_object_in_utf8_is_refused_as_a_whole(body: bytes) -> None:
    assert refusal(body).field is None


@pytest.mark.parametrize(
    "body",
    [callback_body(mo_message=7), callback_body(mo_reference_id="secret words"), b'{"secret": words}'],
    ids=["a number", "words", "no JSON"],
)
def test_a_refusal_quotes_nothing_of_the_body(body: bytes) -> None:
    error = refusal(body)

    assert "secret" not in str(error)
    assert "7" not in str(error)


@given(body=st.binary(max_size=400))
def test_any_bytes_are_a_message_or_a_refusal(body: bytes) -> None:
    try:
        decode(body)
    except MalformedCallback:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(values=st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, "other"), json_values)), escaped=st.booleans())
def test_any_values_are_a_message_or_a_refusal(values: dict[str, Any], *, escaped: bool) -> None:
    body = json.dumps(make_callback() | values, ensure_ascii=escaped).encode("utf-8", "replace")
    try:
        message = decode(body)
    except MalformedCallback:
        return
    assert message.submitted_at.tzinfo is UTC
    for value in (message.text, message.from_phone_number, message.submit_timestamp, message.raw or ""):
        value.encode("utf-8")


@given(text=st.text(), escaped=st.booleans())
def test_any_text_is_read_back_character_for_character(text: str, *, escaped: bool) -> None:
    body = json.dumps(make_callback(mo_message=text), ensure_ascii=escaped).encode()

    assert decode(body).text == text


@given(instant=st.datetimes())
def test_any_instant_in_the_documented_form_is_read_back(instant: datetime) -> None:
    assert read_timestamp(instant.isoformat()) == instant.replace(tzinfo=UTC)


@given(text=st.text(max_size=40))
def test_any_text_is_an_instant_or_none(text: str) -> None:
    found = read_timestamp(text)

    assert found is None or found.tzinfo is UTC
