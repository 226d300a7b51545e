"""HTTP as it may come and as it should not: whole, in chunks, pipelined, lying, cut off."""

import pytest

from tests.door.door import Door
from tests.door.wire import Response, chunked, connected, head, request
from tests.support.callbacks import callback_body
from tests.support.polling import wait_until


def answer_to(door: Door, data: bytes) -> Response:
    with connected(door.port) as connection:
        connection.send(data)
        return connection.response()


def test_one_connection_carries_one_message_after_another(door: Door) -> None:
    bodies = [callback_body() for _ in range(5)]
    with connected(door.port) as connection:
        for body in bodies:
            connection.send(request(door.path, body))
            assert connection.response().status == 200

    assert sorted(door.kept_bodies()) == sorted(bodies)


def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    bodies = [callback_body() for _ in range(40)]
    requests = [request(door.path, body) for body in bodies]
    requests[10] = request(door.path, b"not understood")
    requests[20] = request("/healthz", b"", method="GET")
    requests[30] = request(door.path + "x", bodies[30])

    statuses = [response.status for response in door.send(*requests)]

    assert statuses == [{10: 422, 30: 404}.get(place, 200) for place in range(40)]
    assert len(door.kept()) == 38


def test_a_pipelined_request_waits_for_the_one_whose_body_is_still_to_come(door: Door) -> None:
    first, second = callback_body(), callback_body()
    with connected(door.port) as connection:
        connection.send(request(door.path, first)[:-20])
        connection.send(request(door.path, first)[-20:] + request(door.path, second))

        assert [connection.response().status, connection.response().status] == [200, 200]
    assert sorted(door.kept_bodies()) == sorted([first, second])


def test_a_request_may_come_byte_by_byte(door: Door) -> None:
    body = callback_body()
    with connected(door.port) as connection:
        for byte in request(door.path, body):
            connection.send(bytes([byte]))

        assert connection.response().status == 200
    assert door.kept_bodies() == [body]


@pytest.mark.parametrize("size", [1, 7, 100_000], ids=["bytes", "pieces", "one piece"])
def test_a_body_in_chunks_is_the_same_body(door: Door, size: int) -> None:
    body = callback_body()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    assert answer_to(door, chunked(door.path, *pieces)).status == 200
    assert door.kept_bodies() == [body]


def test_chunks_may_have_extensions_and_trailers(door: Door) -> None:
    body = callback_body()
    data = head(door.path, "Transfer-Encoding: chunked") + b"%x;name=value\r\n%s\r\n0\r\nX-Late: yes\r\n\r\n" % (len(body), body)

    assert answer_to(door, data).status == 200
    assert door.kept_bodies() == [body]


def test_chunks_that_add_up_to_too_much_are_refused_before_their_end(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(head(door.path, "Transfer-Encoding: chunked") + b"10000\r\n%s\r\n" % (b"x" * 65_536) * 5)

        assert connection.response().status == 413
        assert connection.is_closed()
    assert door.kept() == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Content-Length: -1"], id="negative"),
        pytest.param(["Content-Length: ten"], id="no number"),
        pytest.param(["Content-Length: 0x10"], id="hexadecimal"),
        pytest.param(["Content-Length: 1.5"], id="a fraction"),
        pytest.param(["Content-Length: 10, 10"], id="a list"),
        pytest.param(["Content-Length: 99999999999999999999999"], id="beyond 64 bits"),
        pytest.param(["Content-Length: 20", "Content-Length: 30"], id="two that differ"),
        pytest.param(["Content-Length: 20", "Content-Length: 20"], id="the same twice"),
        pytest.param(["Content-Length: 20", "Transfer-Encoding: chunked"], id="with chunks"),
        pytest.param(["Transfer-Encoding: chunked, identity"], id="chunks, not as the last encoding"),
    ],
)
def test_a_length_that_cannot_be_is_refused_and_the_connection_closed(door: Door, lines: list[str]) -> None:
    with connected(door.port) as connection:
        connection.send(head(door.path, *lines) + callback_body())

        response = connection.response()

        assert (response.status, response.document["code"], response.headers["connection"]) == (400, "bad_request", "close")
        assert connection.is_closed()
    assert door.kept_bodies() == []


def test_a_length_too_short_is_no_message_and_what_follows_is_no_request(door: Door) -> None:
    body = callback_body()
    with connected(door.port) as connection:
        connection.send(head(door.path, "Content-Length: 10"))
        connection.send(body[:10])
        first = connection.response()
        connection.send(body[10:])
        second = connection.response()

        assert (first.status, second.status) == (422, 400)
        assert connection.is_closed()
    assert [item.body for item in door.kept()] == [body[:10]]


def test_a_length_too_long_and_a_closed_connection_are_no_message(door: Door) -> None:
    before = door.count("crossline_ack_seconds_count")
    body = callback_body()
    with connected(door.port) as connection:
        connection.send(head(door.path, f"Content-Length: {len(body) + 1}") + body)

    assert door.post(callback_body()).status == 200
    assert len(door.kept_bodies()) == 1
    assert door.count("crossline_ack_seconds_count") == before + 1


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99], ids=lambda part: f"after {part:.0%}")
def test_a_connection_cut_half_way_leaves_nothing(door: Door, part: float) -> None:
    data = request(door.path, callback_body())
    for _ in range(5):
        with connected(door.port) as connection:
            connection.send(data[: int(len(data) * part)])

    assert door.post(callback_body()).status == 200
    assert len(door.kept_bodies()) == 1


def test_a_client_that_does_not_wait_for_its_answer_has_sent_its_message_all_the_same(door: Door) -> None:
    body = callback_body()
    with connected(door.port) as connection:
        connection.send(request(door.path, body))

    assert wait_until(door.kept_bodies, what="the message") == [body]


@pytest.mark.parametrize("count", [1, 3])
def test_a_client_that_has_said_all_is_answered_before_the_connection_is_closed(door: Door, count: int) -> None:
    bodies = [callback_body() for _ in range(count)]
    with connected(door.port) as connection:
        connection.send(b"".join(request(door.path, body) for body in bodies))
        connection.end()

        assert [connection.response().status for _ in bodies] == [200] * count
        assert connection.is_closed()
    assert sorted(door.kept_bodies()) == sorted(bodies)


def test_a_client_that_ends_inside_its_body_gets_no_answer(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(request(door.path, callback_body())[:-1])
        connection.end()

        assert connection.is_closed()
    assert door.kept() == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"CONNECT door.example:443 HTTP/1.1\r\nHost: door.example\r\n\r\n", id="a tunnel"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"POST\r\n\r\n", id="no path"),
        pytest.param(b"POST / HTTP/9.9\r\n\r\n", id="an unknown version"),
        pytest.param(b"POST / HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"POST / HTTP/1.1\r\nX: a\x00b\r\n\r\n", id="NUL in a header"),
        pytest.param(b"\x00" * 64, id="zeros"),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(door: Door, data: bytes) -> None:
    with connected(door.port) as connection:
        connection.send(data)

        response = connection.response()

        assert (response.status, response.document["code"]) == (400, "bad_request")
        assert connection.is_closed()


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(b"POST / HTTP/1.1\r\nX: " + b"x" * 200_000)

        assert connection.response().status == 431
        assert connection.is_closed()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(["CONTENT-TYPE: application/json", "ACCEPT: */*"], id="upper case"),
        pytest.param(["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"], id="an offer of HTTP/2"),
        pytest.param(["Connection: Upgrade", "Upgrade: websocket"], id="an offer of a WebSocket"),
        pytest.param([f"X-Filler-{number}: {'x' * 100}" for number in range(100)], id="a hundred headers"),
        pytest.param([f"X-Long: {'x' * 30_000}"], id="a long header"),
        pytest.param(["X-Empty:"], id="an empty header"),
        pytest.param(["X-Latin: \xe9\xff"], id="a header beyond ASCII"),
        pytest.param(["Authorization: \xe9"], id="a login beyond ASCII"),
        pytest.param(["Accept-Encoding: gzip, br", "User-Agent: "], id="an empty user agent"),
    ],
)
def test_headers_do_not_matter(door: Door, headers: list[str]) -> None:
    body = callback_body()
    response = door.post(body, *headers)

    is_signature = any(header.startswith("Authorization") for header in headers)
    assert response.status == (401 if is_signature else 200)
    assert [item.body for item in door.kept()] == [body]


def test_who_asks_before_sending_is_told_to_go_on(door: Door) -> None:
    body = callback_body()
    with connected(door.port) as connection:
        connection.send(head(door.path, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        connection.send(body)

        assert connection.response().status == 200


@pytest.mark.parametrize("keep", [[], ["Connection: keep-alive"]], ids=["plain", "asking to stay"])
def test_http_1_0_is_answered_and_closed(door: Door, keep: list[str]) -> None:
    body = callback_body()
    with connected(door.port) as connection:
        connection.send(request(door.path, body, *keep, version="1.0"))

        assert connection.response().status == 200
        assert connection.is_closed()
    assert door.kept_bodies() == [body]


def test_a_client_may_ask_to_close(door: Door) -> None:
    with connected(door.port) as connection:
        connection.send(request(door.path, callback_body(), "Connection: close"))

        assert connection.response().status == 200
        assert connection.is_closed()


def test_a_request_may_name_the_whole_address(door: Door) -> None:
    assert answer_to(door, request(f"http://door.example{door.path}", callback_body())).status == 200


@pytest.mark.parametrize("path", ["{0}%", "{0}%zz", "/%2e%2e{0}", "/x/..{0}", "{0}?x=%ff", "{0};x"], ids=str)
def test_a_path_in_another_spelling_is_answered(door: Door, path: str) -> None:
    assert answer_to(door, request(path.format(door.path), callback_body())).status in (200, 404)


def test_an_escaped_path_is_the_same_path(door: Door) -> None:
    assert answer_to(door, request(door.path.replace("/callbacks", "/%63allbacks"), callback_body())).status == 200


def test_a_body_after_a_404_is_not_taken_for_the_next_request(door: Door) -> None:
    inner = request(door.path, callback_body())
    with connected(door.port) as connection:
        connection.send(head("/nowhere", f"Content-Length: {len(inner)}"))
        assert connection.response().status == 404
        connection.send(inner + request(door.path, callback_body()))

        assert connection.response().status == 200
    assert len(door.kept_bodies()) == 1


def test_no_answer_says_what_serves_it(door: Door) -> None:
    responses = door.send(request(door.path, callback_body()), request("/nowhere", b""))

    assert all("server" not in response.headers and "x-powered-by" not in response.headers for response in responses)
