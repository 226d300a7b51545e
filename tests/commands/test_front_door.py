"""`crossline doctor --url`: through a real door into the transcript, and at each step where it can stop."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from crossline.doctor.front_door import make_probe, not_reached, private_uri_of, through_the_front_door
from crossline.doctor.verdicts import Level
from schemas.callbacks import decode_callback
from schemas.clock import utcnow
from schemas.errors import UserError
from schemas.settings import Settings
from schemas.signatures import is_signed_by_any, signature_in
from tests.commands.doctored import diagnose
from tests.support.crossline import StartProcess
from tests.support.environment import make_environ, make_settings


@contextmanager
def answering(status: int, *, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[tuple[Mapping[str, str], bytes]]]]:
    """A server that answers every POST with one status: its port, and what it was sent."""
    received: list[tuple[Mapping[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-length", "0")
            if 300 <= status < 400:
                self.send_header("location", "https://elsewhere.invalid/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def self_signed(directory: Path) -> ssl.SSLContext:
    """A server's TLS context with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    "status, finding, remedy",
    [
        pytest.param(401, "signature", "CROSSLINE_TELESIGN_API_KEYS", id="401"),
        pytest.param(403, "source address", "CROSSLINE_ALLOWED_NETWORKS", id="403"),
        pytest.param(404, "unknown there", "CROSSLINE_CALLBACK_TOKENS", id="404"),
        pytest.param(405, "methods", "Another program", id="405"),
        pytest.param(413, "too large", "limit", id="413"),
        pytest.param(301, "redirect (301)", "https://", id="redirect"),
        pytest.param(502, "no web process", "crossline web", id="502"),
        pytest.param(503, "nothing was accepted", "/readyz", id="503"),
        pytest.param(418, "answered 418", "log", id="anything else"),
    ],
)
def test_an_answer_that_is_not_200_says_what_it_means(status: int, finding: str, remedy: str) -> None:
    settings = make_settings()

    with answering(status) as (port, _):
        [verdict] = through_the_front_door(settings, f"http://127.0.0.1:{port}")

    assert (verdict.name, verdict.level) == ("front door", Level.FAIL)
    assert finding in verdict.finding
    assert remedy in verdict.remedy


def test_the_test_callback_is_a_signed_one_that_nobody_takes_for_real() -> None:
    settings = make_settings()

    with answering(503) as (port, received):
        list(through_the_front_door(settings, f"http://127.0.0.1:{port}"))
    [(headers, body)] = received
    message = decode_callback(body, received_at=utcnow())

    assert message.session_reference_id.startswith("DOCTOR-")
    assert abs((message.submitted_at - utcnow()).total_seconds()) < 30
    assert is_signed_by_any(signature_in(headers["authorization"]) or "", body, [settings.telesign_api_keys[0].get_secret_value()])
    assert make_probe().body != make_probe().body


def test_without_an_api_key_the_test_callback_is_unsigned() -> None:
    with answering(503) as (port, received):
        list(through_the_front_door(make_settings(CROSSLINE_TELESIGN_API_KEYS=""), f"http://127.0.0.1:{port}"))

    assert "authorization" not in received[0][0]


def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path: Path) -> None:
    with answering(200, tls=self_signed(tmp_path)) as (port, received):
        [verdict] = through_the_front_door(make_settings(), f"https://127.0.0.1:{port}")

    assert "stopped at TLS: the certificate is not accepted" in verdict.finding
    assert received == []


def test_a_port_that_speaks_no_tls_is_named() -> None:
    with answering(200) as (port, _):
        [verdict] = through_the_front_door(make_settings(), f"https://127.0.0.1:{port}")

    assert "stopped at TLS" in verdict.finding


@pytest.mark.parametrize(
    "url, step",
    [
        pytest.param("http://127.0.0.1:1", "connection: it was refused", id="closed port"),
        pytest.param("https://nowhere.invalid", "DNS", id="unknown name"),
    ],
)
def test_a_door_that_is_not_reached_is_named(url: str, step: str) -> None:
    [verdict] = through_the_front_door(make_settings(), url)

    assert f"stopped at {'the ' if step != 'DNS' else ''}{step}" in verdict.finding


@pytest.mark.parametrize(
    "error, step",
    [
        pytest.param(httpx.ConnectTimeout("x"), "the connection: nobody answers", id="silent host"),
        pytest.param(httpx.ConnectError("x"), "the connection: it was refused", id="refused"),
        pytest.param(httpx.ReadTimeout("x"), "the answer: none came within", id="silent server"),
        pytest.param(httpx.RemoteProtocolError("x"), "on the way (RemoteProtocolError)", id="no http"),
    ],
)
def test_every_way_that_ends_before_an_answer_has_its_words(error: httpx.HTTPError, step: str) -> None:
    assert step in not_reached(error).finding


def test_a_transcript_that_cannot_be_read_here_is_told_from_one_that_is_missing(
    sqlite_url: str, valkey_url: str, crossline_process: StartProcess, tmp_path: Path
) -> None:
    settings, environ = _installation(valkey_url, sqlite_url)
    web = crossline_process("web", environ=environ)
    elsewhere = settings.model_copy(update={"database_url": SecretStr(f"sqlite:///{tmp_path}/empty.db")})

    _, verdict = through_the_front_door(elsewhere, web.url, within_s=0.5)

    assert verdict.finding == "The transcript cannot be read: The database is empty: run `crossline migrate`."


@pytest.mark.parametrize(
    "url, uri",
    [
        pytest.param("https://x.example", "https://x.example/callbacks/telesign/{token}", id="a host"),
        pytest.param("x.example", "https://x.example/callbacks/telesign/{token}", id="a bare host"),
        pytest.param("https://x.example/base/", "https://x.example/base/callbacks/telesign/{token}", id="a base path"),
        pytest.param("http://x.example:8000/?a=b", "http://x.example:8000/callbacks/telesign/{token}", id="a query"),
        pytest.param("https://x.example/callbacks/telesign/other", "https://x.example/callbacks/telesign/other", id="a private URI"),
    ],
)
def test_the_private_uri_is_made_from_the_door_s_address(url: str, uri: str) -> None:
    settings = make_settings()

    assert private_uri_of(url, settings) == uri.replace("{token}", settings.callback_tokens[0].get_secret_value())


@pytest.mark.parametrize("url", ["ftp://x.example", "https://", ""], ids=["another scheme", "no host", "nothing"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        private_uri_of(url, make_settings())


def test_a_test_callback_goes_through_the_door_into_the_transcript(
    environ: dict[str, str], crossline_process: StartProcess, tmp_path: Path
) -> None:
    web = crossline_process("web", environ=environ)
    crossline_process("worker", environ=environ, until_log="screener_started")

    diagnosis = diagnose(environ, tmp_path, "--url", web.url)

    assert diagnosis.failed() == []
    assert "answered 200" in diagnosis.of("front door")[0].finding
    assert "It was in the transcript after" in diagnosis.of("transcript")[0].finding
    assert diagnosis.of("workers")[0].level is Level.OK
    assert environ["CROSSLINE_CALLBACK_TOKENS"] not in diagnosis.output


def test_without_a_worker_it_is_accepted_and_found_nowhere(
    sqlite_url: str, valkey_url: str, crossline_process: StartProcess, tmp_path: Path
) -> None:
    settings, environ = _installation(valkey_url, sqlite_url)
    web = crossline_process("web", environ=environ)

    accepted, missing = through_the_front_door(settings, web.url, within_s=0.5)

    assert (accepted.level, missing.level) == (Level.OK, Level.FAIL)
    assert "No worker runs" in missing.remedy


@pytest.mark.parametrize(
    "theirs, finding",
    [
        pytest.param({"CROSSLINE_CALLBACK_TOKENS": "another-token-of-theirs"}, "(404)", id="another token"),
        pytest.param({"CROSSLINE_TELESIGN_API_KEYS": "YW5vdGhlciBrZXk="}, "(401)", id="another api key"),
        pytest.param({"CROSSLINE_ALLOWED_NETWORKS": "198.51.100.0/24"}, "(403)", id="another network"),
    ],
)
def test_a_real_door_that_does_not_know_us_says_why(
    sqlite_url: str, valkey_url: str, crossline_process: StartProcess, theirs: dict[str, str], finding: str
) -> None:
    settings, environ = _installation(valkey_url, sqlite_url)
    web = crossline_process("web", environ={**environ, **theirs})

    [verdict] = through_the_front_door(settings, web.url)

    assert finding in verdict.finding


def _installation(valkey_url: str, database_url: str) -> tuple[Settings, dict[str, str]]:
    environ = make_environ(redis_url=valkey_url, database_url=database_url)
    return Settings.load(environ), environ
