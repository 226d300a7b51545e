"""Every error is one problem document, wherever it is sent from."""

import asyncio

import orjson
import pytest
from starlette.types import Message

from receiver.problems import Answer, problem
from schemas import errors
from schemas.errors import CrosslineError

BAD_FIELD = errors.MalformedCallback("The field mo_message is missing.", field="mo_message")


def send(answer: Answer) -> list[Message]:
    sent: list[Message] = []

    async def collect(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(answer({"type": "http"}, receive, collect))
    return sent


def headers_of(sent: list[Message]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize(
    "error, status, code, extra",
    [
        pytest.param(BAD_FIELD, 422, "malformed_callback", {}, id="malformed"),
        pytest.param(errors.SignatureMissing(), 401, "signature_missing", {"www-authenticate": "TSA"}, id="unsigned"),
        pytest.param(errors.SignatureWrong(), 401, "signature_wrong", {"www-authenticate": "TSA"}, id="signed wrong"),
        pytest.param(errors.NotAuthenticated(), 401, "not_authenticated", {"www-authenticate": "Bearer"}, id="without the page's token"),
        pytest.param(errors.SourceNotAllowed(), 403, "source_not_allowed", {}, id="from elsewhere"),
        pytest.param(errors.NotFound(), 404, "not_found", {}, id="nothing there"),
        pytest.param(errors.MethodNotAllowed(), 405, "method_not_allowed", {"allow": "POST"}, id="another method"),
        pytest.param(errors.BodyTimeout(), 408, "body_timeout", {}, id="too slow"),
        pytest.param(errors.BodyTooLarge(), 413, "body_too_large", {}, id="too large"),
        pytest.param(errors.NoStoreAccepts(), 503, "no_store_accepts", {"retry-after": "5"}, id="no store"),
        pytest.param(errors.ShuttingDown(), 503, "shutting_down", {"retry-after": "5"}, id="stopping"),
        pytest.param(errors.Unavailable(), 503, "unavailable", {"retry-after": "5"}, id="our fault"),
    ],
)
def test_an_error_becomes_a_document_with_its_code(error: CrosslineError, status: int, code: str, extra: dict[str, str]) -> None:
    sent = send(problem(error))

    body = sent[1]["body"]
    document = orjson.loads(body)
    basic = {"content-type": "application/problem+json", "cache-control": "no-store", "content-length": str(len(body))}
    assert (sent[0]["status"], document["status"], document["code"], document["type"]) == (status, status, code, "about:blank")
    assert document["detail"] == error.message
    assert document["title"]
    assert headers_of(sent) == basic | extra


def test_the_field_is_named_where_one_is_to_blame() -> None:
    assert orjson.loads(send(problem(BAD_FIELD))[1]["body"])["field"] == "mo_message"


@pytest.mark.parametrize("error", [errors.MalformedCallback("The body is not JSON."), errors.NotFound()], ids=["no field", "no such thing"])
def test_no_field_is_named_where_none_is_to_blame(error: CrosslineError) -> None:
    assert "field" not in orjson.loads(send(problem(error))[1]["body"])


def test_a_405_names_the_methods_that_it_was_given() -> None:
    assert headers_of(send(problem(errors.MethodNotAllowed(), allow="GET, HEAD")))["allow"] == "GET, HEAD"


def test_a_closing_answer_says_so_and_is_whole_before_the_rest_is_drained() -> None:
    sent = send(problem(errors.BodyTooLarge(), closes=True))

    first, last = sent[1:]
    assert headers_of(sent)["connection"] == "close"
    assert len(first["body"]) == int(headers_of(sent)["content-length"])
    assert (first["more_body"], last.get("more_body", False), last["body"]) == (True, False, b"")


def test_the_bytes_on_the_wire_are_the_same_response() -> None:
    answer = problem(errors.BadRequest(), closes=True)

    head, _, body = answer.on_wire().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 400 Bad Request"
    assert f"content-length: {len(body)}" in lines
    assert "connection: close" in lines
    assert orjson.loads(body)["code"] == "bad_request"
