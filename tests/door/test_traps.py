"""What the sender's documentation leaves open, or says twice and differently, is accepted."""

import json

import pytest

from schemas.callbacks import decode_callback
from schemas.clock import utcnow
from schemas.messages import MoMessage, Note
from tests.door.conftest import OpenDoor
from tests.door.door import Door
from tests.door.wire import head
from tests.support.callbacks import callback_body, make_callback

DOCUMENTED = {
    "submit_timestamp": "2018-02-12T14:57:11.765723",
    "from_phone_number": "15551234",
    "mo_message": "I am standing at the corner wearing a blue shirt",
    "mo_reference_id": "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N",
    "session_reference_id": "B5862A14363C016C8832D53625270015",
    "to_phone_number": "15554567",
}


def kept_messages(door: Door) -> list[MoMessage]:
    return [decode_callback(body, received_at=utcnow()) for body in door.kept_bodies()]


def test_the_documented_example_is_a_message(door: Door) -> None:
    assert door.post(json.dumps(DOCUMENTED).encode()).status == 200

    message = kept_messages(door)[0]
    assert (message.mo_reference_id, message.from_phone_number) == ("SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N", "15551234")
    assert message.submitted_at.isoformat() == "2018-02-12T14:57:11.765723+00:00"
    assert message.notes == ()


@pytest.mark.parametrize("name", ["A", "a" * 64, "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98M", "!~-:/{}", "0f" * 16])
def test_an_id_is_any_64_visible_characters(door: Door, name: str) -> None:
    assert door.post(callback_body(mo_reference_id=name)).status == 200
    assert kept_messages(door)[0].mo_reference_id == name


def test_ids_that_differ_in_case_are_two_messages(door: Door) -> None:
    for name in ("abcdef0123", "ABCDEF0123"):
        assert door.post(callback_body(mo_reference_id=name)).status == 200

    assert [message.mo_reference_id for message in kept_messages(door)] == ["abcdef0123", "ABCDEF0123"]


@pytest.mark.parametrize(
    "value, number",
    [
        pytest.param("15550100001", "15550100001", id="digits"),
        pytest.param(15550100001, "15550100001", id="a JSON number"),
        pytest.param("15551234", "15551234", id="eight digits that no plan knows"),
        pytest.param("+15550100001", "+15550100001", id="a plus"),
        pytest.param("", "", id="withheld"),
    ],
)
def test_a_phone_number_is_taken_as_it_comes(door: Door, value: str | int, number: str) -> None:
    assert door.post(callback_body(from_phone_number=value)).status == 200
    assert kept_messages(door)[0].from_phone_number == number


@pytest.mark.parametrize(
    "written, instant",
    [
        pytest.param("2026-05-04T09:30:00.000001", "2026-05-04T09:30:00.000001+00:00", id="no zone is UTC"),
        pytest.param("2026-05-04T09:30:00Z", "2026-05-04T09:30:00+00:00", id="Z"),
        pytest.param("2026-05-04 09:30:00", "2026-05-04T09:30:00+00:00", id="a space"),
        pytest.param("2026-05-04T09:30:00+02:00", "2026-05-04T07:30:00+00:00", id="another zone"),
        pytest.param("Mon, 04 May 2026 09:30:00 GMT", "2026-05-04T09:30:00+00:00", id="as in a mail"),
    ],
)
def test_a_time_is_read_in_each_form_that_was_seen(door: Door, written: str, instant: str) -> None:
    assert door.post(callback_body(submit_timestamp=written)).status == 200
    assert kept_messages(door)[0].submitted_at.isoformat() == instant


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-40T00:00:00", "1525426200", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_kept_raw_and_noted(door: Door, written: str) -> None:
    assert door.post(callback_body(submit_timestamp=written)).status == 200

    message = kept_messages(door)[0]
    assert (message.submit_timestamp, message.notes) == (written, (Note.TIMESTAMP_UNREADABLE,))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\U0001f697\U0001f3fd\u200d\u2642\ufe0f meet me", id="emoji"),
        pytest.param("\u05e9\u05dc\u05d5\u05dd \u202e\u0645\u0631\u062d\u0628\u0627\u202c", id="right to left"),
        pytest.param("before\u0000after", id="NUL"),
        pytest.param("line\r\nline\u2028line\ttab\u007f", id="control characters"),
        pytest.param("e\u0301 \u00e9", id="not normalised"),
        pytest.param("\ufeffmark", id="a byte order mark inside"),
        pytest.param("\U0001f600" * 10_000, id="ten thousand emoji"),
    ],
)
@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "UTF-8"])
def test_a_text_survives_unchanged(door: Door, text: str, escaped: bool) -> None:
    body = json.dumps(make_callback(mo_message=text), ensure_ascii=escaped).encode()

    assert door.post(body).status == 200
    assert kept_messages(door)[0].text == text


def test_a_lone_surrogate_becomes_a_replacement_character_and_is_noted(door: Door) -> None:
    body = callback_body(mo_message="half: PLACE").replace(b"PLACE", rb"\ud83d!")

    assert door.post(body).status == 200

    message = kept_messages(door)[0]
    assert (message.text, message.notes) == ("half: \ufffd!", (Note.SURROGATE_REPLACED,))


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param(b"\xef\xbb\xbf", b"", id="a byte order mark"),
        pytest.param(b" \r\n\t", b"\n\n", id="white space around"),
    ],
)
def test_what_stands_around_the_object_does_not_matter(door: Door, before: bytes, after: bytes) -> None:
    assert door.post(before + callback_body() + after).status == 200
    assert len(door.kept_bodies()) == 1


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/json", id="JSON"),
        pytest.param("application/json; charset=utf-8", id="with a charset"),
        pytest.param("application/json; charset=latin-1", id="with a charset that is not true"),
        pytest.param("application/x-www-form-urlencoded", id="a form"),
        pytest.param("text/plain", id="text"),
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param(None, id="none"),
    ],
)
def test_the_content_type_is_not_trusted(door: Door, content_type: str | None) -> None:
    headers = [] if content_type is None else [f"Content-Type: {content_type}"]

    assert door.post(callback_body(mo_message="à la gare"), *headers).status == 200
    assert kept_messages(door)[0].text == "à la gare"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Authorization: {0}", id="bare"),
        pytest.param("Authorization: TSA CUSTOMER:{0}", id="with the scheme"),
        pytest.param("X-TS-Authorization: {0}", id="bare, in the other header"),
        pytest.param("X-TS-Authorization: TSA CUSTOMER:{0}", id="with the scheme, in the other header"),
        pytest.param("x-ts-authorization:{0}", id="lower case, no space"),
        pytest.param("Authorization: Basic eDp5\r\nX-TS-Authorization: {0}", id="beside a proxy's login"),
        pytest.param("Authorization: TSA CUSTOMER:wrong\r\nX-TS-Authorization: {0}", id="beside a wrong one"),
    ],
)
@pytest.mark.parametrize("mode", ["require", "if-present", "off"])
def test_a_signed_message_is_accepted_in_every_mode(doors: OpenDoor, mode: str, header: str) -> None:
    door = doors(CROSSLINE_SIGNATURE=mode)
    body = callback_body()
    signature = door.signed(body).rpartition(":")[2]

    assert door.post(body, header.format(signature)).status == 200


@pytest.mark.parametrize(
    "mode, headers, status, code",
    [
        pytest.param("require", [], 401, "signature_missing", id="required and missing"),
        pytest.param("require", ["Authorization: Basic eDp5"], 401, "signature_missing", id="required and another scheme"),
        pytest.param("require", ["Authorization: TSA CUSTOMER:AAAA"], 401, "signature_wrong", id="required and wrong"),
        pytest.param("if-present", [], 200, None, id="missing"),
        pytest.param("if-present", ["Authorization: Basic eDp5"], 200, None, id="another scheme"),
        pytest.param("if-present", ["X-TS-Authorization: AAAA"], 401, "signature_wrong", id="present and wrong"),
        pytest.param("off", ["Authorization: TSA CUSTOMER:AAAA"], 200, None, id="not looked at"),
    ],
)
def test_the_mode_says_what_an_unsigned_or_wrongly_signed_message_is(
    doors: OpenDoor, mode: str, headers: list[str], status: int, code: str | None
) -> None:
    door = doors(CROSSLINE_SIGNATURE=mode)
    door.kept()
    body = callback_body()

    response = door.post(body, *headers)

    assert (response.status, response.document.get("code")) == (status, code)
    assert [(item.reason, item.body) for item in door.kept()] == [(code or "", body)]


def test_a_signature_is_over_the_bytes_and_not_over_the_values(doors: OpenDoor) -> None:
    door = doors(CROSSLINE_SIGNATURE="require")
    callback = make_callback()
    compact, spaced = json.dumps(callback, separators=(",", ":")).encode(), json.dumps(callback).encode()

    assert door.post(spaced, door.signed(compact)).status == 401
    assert door.post(spaced, door.signed(spaced)).status == 200


def test_a_message_refused_for_its_signature_is_accepted_once_it_is_signed_right(doors: OpenDoor) -> None:
    door = doors(CROSSLINE_SIGNATURE="require")
    body = callback_body()

    assert [door.post(body).status, door.post(body, door.signed(body)).status] == [401, 200]


@pytest.mark.parametrize(
    "forwarded, status",
    [
        pytest.param(["X-Forwarded-For: 203.0.113.20"], 200, id="from the allowed network"),
        pytest.param(["X-Forwarded-For: 192.0.2.1, 203.0.113.20"], 200, id="forged to the left"),
        pytest.param(["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 203.0.113.20"], 200, id="in two headers"),
        pytest.param(["X-Forwarded-For: 198.51.100.1"], 403, id="from elsewhere"),
        pytest.param(["X-Forwarded-For: 203.0.113.20, 198.51.100.1"], 403, id="from elsewhere, forged"),
        pytest.param(["X-Forwarded-For: 203.0.113.20, what"], 403, id="nonsense"),
        pytest.param([], 403, id="without the proxy"),
    ],
)
def test_only_the_allowed_networks_come_in(doors: OpenDoor, forwarded: list[str], status: int) -> None:
    door = doors(CROSSLINE_ALLOWED_NETWORKS="203.0.113.0/24 2001:db8::/32", CROSSLINE_TRUSTED_PROXIES="127.0.0.0/8")
    door.kept()

    response = door.post(callback_body(), *forwarded)

    assert response.status == status
    assert len(door.kept()) == (1 if status == 200 else 0)
    assert response.document.get("code") == (None if status == 200 else "source_not_allowed")


@pytest.mark.parametrize("length", [262_145, 5_000_000], ids=["just too large", "far too large"])
def test_a_refused_source_with_too_large_a_body_is_refused_as_a_source(doors: OpenDoor, length: int) -> None:
    door = doors(CROSSLINE_ALLOWED_NETWORKS="203.0.113.0/24 2001:db8::/32", CROSSLINE_TRUSTED_PROXIES="127.0.0.0/8")

    response = door.send(head(door.path, f"Content-Length: {length}"))[0]

    assert (response.status, response.headers["connection"]) == (403, "close")


def test_a_refused_source_leaves_a_digest_in_the_log_and_nothing_of_the_message(doors: OpenDoor) -> None:
    door = doors(CROSSLINE_ALLOWED_NETWORKS="203.0.113.0/24 2001:db8::/32", CROSSLINE_TRUSTED_PROXIES="127.0.0.0/8")
    text = "the parcel is behind the third door"

    door.post(callback_body(mo_message=text))

    line = door.process.wait_for_log("source_not_allowed")
    assert '"digest"' in line
    assert text not in door.process.log()
