"""What the sender puts on the wire: the bytes, the two signatures, straight to the address and nowhere else."""

import base64
from typing import Final

import pytest

from providers.sandbox.sender import Credentials, Sender, callback_body
from schemas.errors import UserError
from tests.providers.scripted_server import ScriptedServer, always, answering
from tests.providers.sending import CUSTOMER, deliver, make_body, outcomes
from tests.support.ports import free_port

SDK_KEY: Final = "EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
DOCS_KEY: Final = "ABC12345yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
DOCUMENTED: Final = {
    "submit_timestamp": "2018-02-12T14:57:11.765723",
    "from_phone_number": "15551234",
    "mo_message": "I am standing at the corner wearing a blue shirt",
    "mo_reference_id": "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N",
    "session_reference_id": "B5862A14363C016C8832D53625270015",
    "to_phone_number": "15554567",
}


@pytest.mark.parametrize(
    "key, body, signature",
    [
        pytest.param(
            base64.b64decode(SDK_KEY),
            b"{'test': 123}",
            "B97g3N9lPdVaptvifxRau7bzVAC5hhRBZ6HKXABN744=",
            id="the SDK's own test",
        ),
        pytest.param(
            b"secret_api_key",
            b'{:ref_id=>"ref_id"}',
            "PJRdTwXX+/+nksJwXkEDLslxkX2rwUyyCHnlGslCsto=",
            id="a receiver in production",
        ),
        pytest.param(
            base64.b64decode(DOCS_KEY),
            callback_body(DOCUMENTED),
            "x6CtXo9Kc8hHd82gmL3a75f1/TEy1O4zBCYjgc/anPQ=",
            id="the documented payload, compact",
        ),
    ],
)
def test_both_headers_carry_the_signature_of_the_bytes(key: bytes, body: bytes, signature: str) -> None:
    with answering(200) as server:
        deliver(server.url, body, credentials=Credentials(customer_id=CUSTOMER, api_key=key))
    (request,) = server.received

    assert request.line == "POST /callbacks/telesign/a-made-up-token HTTP/1.1"
    assert request.body == body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"TSA {CUSTOMER}:{signature}"
    assert request.headers["x-ts-authorization"] == signature


def test_every_attempt_is_signed_alike() -> None:
    with answering(500) as server:
        deliver(server.url, make_body(), credentials=Credentials(customer_id=CUSTOMER, api_key=b"key"))

    assert len({(request.headers["authorization"], request.headers["x-ts-authorization"]) for request in server.received}) == 1


def test_without_credentials_nothing_is_signed() -> None:
    with answering(200) as server:
        deliver(server.url, make_body())
    (request,) = server.received

    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert "x-ts-authorization" not in request.headers


def test_the_key_is_not_printed() -> None:
    assert "hush" not in repr(Credentials(customer_id=CUSTOMER, api_key=b"hush"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{ "b": 1,\n "a" : "\\u00e9" }\n', id="spaces and escapes"),
        pytest.param(b"\xff\x00 not JSON", id="no JSON"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_the_bytes_go_out_unchanged(body: bytes) -> None:
    with answering(200) as server:
        delivery = deliver(server.url, body)

    assert server.received[0].body == body
    assert delivery.mo_reference_id is None


def test_the_address_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with answering(500, 200) as server:
        deliver(server.url, make_body())

    assert "made-up-token" not in caplog.text


def test_a_proxy_of_the_environment_does_not_stand_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with ScriptedServer(always(200)) as server:
        delivery = deliver(server.url, make_body())

    assert outcomes(delivery) == [200]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("callbacks/telesign", id="a path"),
        pytest.param("127.0.0.1:8000/callbacks", id="no scheme"),
        pytest.param("ftp://127.0.0.1/callbacks", id="another scheme"),
        pytest.param("http:///callbacks", id="no host"),
        pytest.param("http://127.0.0.1:port/callbacks", id="no port number"),
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(UserError) as refusal:
        Sender(url)

    assert "callbacks" not in refusal.value.message
