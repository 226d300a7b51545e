"""What arrives, what is answered, and what is kept: the table of the public contract, row by row, against a running receiver."""

import json

import pytest

from schemas.batches import BatchItem, ItemKind
from tests.door.conftest import OpenDoor
from tests.door.door import Door
from tests.door.wire import connected, head, request
from tests.support.callbacks import callback_body, make_callback

MOST = 262_144


def quarantined(items: list[BatchItem]) -> list[tuple[str, bytes]]:
    assert all(item.kind is ItemKind.QUARANTINE for item in items)
    return [(item.reason, item.body) for item in items]


def test_a_new_message_is_answered_200_and_kept_as_it_came(door: Door) -> None:
    body = callback_body()

    response = door.post(body)

    assert (response.status, response.headers["content-type"], response.body) == (200, "application/json", b"{}")
    assert door.kept_bodies() == [body]


def test_the_same_message_again_is_answered_the_same_and_counted(door: Door) -> None:
    body = callback_body()
    before = door.count("crossline_callbacks_duplicate_total")

    first, second = door.send(request(door.path, body), request(door.path, body))

    assert first.undated == second.undated
    assert door.kept_bodies() == [body]
    assert door.count("crossline_callbacks_duplicate_total") == before + 1


def test_the_same_values_in_other_bytes_are_the_same_message(door: Door) -> None:
    callback = make_callback(mo_message="é")
    other = dict(reversed(callback.items()))

    statuses = [
        door.post(body).status for body in (json.dumps(callback).encode(), json.dumps(other, ensure_ascii=False, indent=1).encode())
    ]

    assert statuses == [200, 200]
    assert len(door.kept_bodies()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"mo_message": "I am at the front gate."}, id="another text"),
        pytest.param({"to_phone_number": "15550100009"}, id="another receiver"),
        pytest.param({"submit_timestamp": "2026-05-04T09:30:01"}, id="another time"),
        pytest.param({"session_reference_id": "AB" * 16}, id="another session"),
    ],
)
def test_the_same_id_with_other_values_is_answered_200_and_left_to_the_worker(door: Door, changed: dict[str, str]) -> None:
    callback = make_callback()
    other = callback | changed

    statuses = [door.post(json.dumps(values).encode()).status for values in (callback, other)]

    assert statuses == [200, 200]
    assert sorted(door.kept_bodies()) == sorted([json.dumps(callback).encode(), json.dumps(other).encode()])


def test_unknown_fields_are_kept_with_the_message(door: Door) -> None:
    body = callback_body(carrier="somebody", parts=[1, 2])

    assert door.post(body).status == 200
    assert door.kept_bodies() == [body]


@pytest.mark.parametrize(
    "body, field",
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"\xff\xfe{}", None, id="not UTF-8"),
        pytest.param(b"{", None, id="not JSON"),
        pytest.param(b"mo_message=hello", None, id="a form"),
        pytest.param(b"<callback/>", None, id="XML"),
        pytest.param(b"[]", None, id="an array"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b'"text"', None, id="a string"),
        pytest.param(b'{"a": NaN}', None, id="not a number"),
        pytest.param(b"[" * 100_000, None, id="too deep"),
        pytest.param(b"{}", "mo_reference_id", id="an empty object"),
        pytest.param(callback_body(mo_reference_id=None), "mo_reference_id", id="no id"),
        pytest.param(callback_body(session_reference_id=None), "session_reference_id", id="no session"),
        pytest.param(callback_body(submit_timestamp=None), "submit_timestamp", id="no time"),
        pytest.param(callback_body(from_phone_number=None), "from_phone_number", id="no sender"),
        pytest.param(callback_body(to_phone_number=None), "to_phone_number", id="no receiver"),
        pytest.param(callback_body(mo_message=None), "mo_message", id="no text"),
        pytest.param(callback_body(mo_message=5), "mo_message", id="a number for a text"),
        pytest.param(callback_body(mo_message=["a"]), "mo_message", id="an array for a text"),
        pytest.param(callback_body(mo_reference_id=12), "mo_reference_id", id="a number for an id"),
        pytest.param(callback_body(mo_reference_id=""), "mo_reference_id", id="an empty id"),
        pytest.param(callback_body(mo_reference_id="A" * 65), "mo_reference_id", id="an id too long"),
        pytest.param(callback_body(mo_reference_id="A B"), "mo_reference_id", id="a space in an id"),
        pytest.param(callback_body(session_reference_id="Ä"), "session_reference_id", id="an id beyond ASCII"),
        pytest.param(callback_body(submit_timestamp=1525426200), "submit_timestamp", id="a number for a time"),
        pytest.param(callback_body(from_phone_number=True), "from_phone_number", id="yes for a number"),
        pytest.param(callback_body(from_phone_number=1.5), "from_phone_number", id="half a number"),
        pytest.param(callback_body(to_phone_number={"number": "1"}), "to_phone_number", id="an object for a number"),
    ],
)
def test_what_cannot_be_understood_is_answered_422_and_quarantined_once(door: Door, body: bytes, field: str | None) -> None:
    first, second = door.post(body), door.post(body)

    assert first.undated == second.undated
    assert (first.status, first.headers["content-type"]) == (422, "application/problem+json")
    assert (first.document["code"], first.document.get("field")) == ("malformed_callback", field)
    assert quarantined(door.kept()) == [("malformed_callback", body)]


def test_a_body_as_large_as_allowed_is_a_message(door: Door) -> None:
    body = callback_body(mo_message="x")
    body = body.replace(b'"x"', b'"' + b"x" * (MOST - len(body) + 1) + b'"')

    assert len(body) == MOST
    assert door.post(body).status == 200
    assert door.kept_bodies() == [body]


def test_a_body_announced_as_larger_is_refused_before_it_is_sent(door: Door) -> None:
    before = door.count('crossline_callbacks_refused_total{code="body_too_large"}')
    with connected(door.port) as connection:
        connection.send(head(door.path, f"Content-Length: {MOST + 1}"))

        response = connection.response()

        assert (response.status, response.document["code"], response.headers["connection"]) == (413, "body_too_large", "close")
        assert connection.is_closed()
    assert door.count('crossline_callbacks_refused_total{code="body_too_large"}') == before + 1
    assert door.kept() == []


def test_the_answer_to_a_body_that_is_far_too_large_arrives_while_it_is_sent(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(head(door.path, "Content-Length: 6000000") + b"x" * 6_000_000)

        assert connection.response().status == 413
        assert connection.is_closed()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_told_which_one_is_right(door: Door, method: str) -> None:
    response = door.send(request(door.path, b"", method=method))[0]

    assert (response.status, response.headers["allow"], response.document["code"]) == (405, "POST", "method_not_allowed")
    assert door.kept() == []


def test_head_is_another_method_too(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(request(door.path, b"", method="HEAD"))

        response = connection.response(to_head=True)

    assert (response.status, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "OPTIONS"])
def test_a_wrong_token_and_a_path_that_is_not_there_cannot_be_told_apart(door: Door, method: str) -> None:
    body = callback_body()
    right = door.path
    paths = [
        "/callbacks/telesign/" + "A" * 32,
        right[:-1],
        right + "x",
        right + "/",
        right.swapcase(),
        right.replace("telesign", "Telesign"),
        "/callbacks/telesign/",
        "/callbacks/telesign",
        "/callbacks/",
        "/callbacks/telesign/%C3%A9",
        "/callbacks/telesign/%FF",
        "/nothing/at/all",
        "/",
        "//callbacks/telesign/x",
    ]

    responses = door.send(*(request(path, body, method=method) for path in paths))

    assert {str(response.undated) for response in responses} == {str(responses[0].undated)}
    assert (responses[0].status, responses[0].document["code"]) == (404, "not_found")
    assert door.kept() == []


def test_every_configured_token_opens(doors: OpenDoor) -> None:
    door = doors(CROSSLINE_CALLBACK_TOKENS="the-token-of-today-01 the-token-of-yesterday")
    bodies = [callback_body(), callback_body()]
    door.kept()

    responses = door.send(*(request(door.path_of(token), body) for token, body in enumerate(bodies)))

    assert [response.status for response in responses] == [200, 200]
    assert sorted(door.kept_bodies()) == sorted(bodies)


def test_a_query_string_does_not_matter(door: Door) -> None:
    assert door.send(request(door.path + "?attempt=2", callback_body()))[0].status == 200


def test_without_a_store_nothing_is_acknowledged(doors: OpenDoor) -> None:
    door = doors(REDIS_URL="redis://127.0.0.1:1/0", CROSSLINE_ACK="redis")

    good, bad, ready = door.send(
        request(door.path, callback_body()), request(door.path, b"not understood"), request("/readyz", b"", method="GET")
    )

    for response in (good, bad):
        assert (response.status, response.headers["retry-after"], response.document["code"]) == (503, "5", "no_store_accepts")
    assert (ready.status, ready.document["status"]) == (503, "down")


def test_health_says_that_the_process_is_up_and_what_accepts(door: Door) -> None:
    health, ready = door.send(request("/healthz", b"", method="GET"), request("/readyz", b"", method="GET"))

    assert (health.status, health.document) == (200, {"status": "up"})
    assert (ready.status, ready.document["status"]) == (200, "up")
    assert set(ready.document["stores"]) == {"redis", "database"}
