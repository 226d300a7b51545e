"""One test callback through the front door, as a provider sends it, and its way into the transcript: where does it stop?"""

import json
import secrets
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from time import sleep
from typing import Final
from urllib.parse import urlsplit

import httpx

from crossline.doctor.verdicts import Verdict, fail, ok, warn
from crossline.stores import keyring_of, migrated_database
from crossline.transcript_forms.entries import entries_of
from schemas.clock import monotonic_s, utcnow
from schemas.errors import CrosslineError, SchemaMismatch, StoreError, UserError
from schemas.settings import Settings
from schemas.signatures import authorization

WITHIN_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.1
_NAME: Final = "front door"
_CALLBACK_PATH: Final = "/callbacks/telesign/"
_DEFAULT_CUSTOMER: Final = "doctor"
_ANSWERS: Final = {
    401: (
        "the signature was refused (401)",
        "The API key here and that of the web process differ, or a proxy changes the body: compare CROSSLINE_TELESIGN_API_KEYS.",
    ),
    403: (
        "the source address was refused (403)",
        "This machine is outside CROSSLINE_ALLOWED_NETWORKS; or, behind a proxy, CROSSLINE_TRUSTED_PROXIES is missing or wrong.",
    ),
    404: (
        "the private URI is unknown there (404)",
        "Its token is none of the web process's CROSSLINE_CALLBACK_TOKENS, or another program answers at this address.",
    ),
    405: ("only other methods are taken there (405)", "Another program answers at this address: check the host and the path."),
    408: ("the body did not arrive in time (408)", "A proxy holds requests back: look at its buffering."),
    413: ("the body was refused as too large (413)", "A proxy's limit is very small: raise it to 256 KiB or more."),
    422: ("the body could not be read (422)", "A proxy changes the body, or the web process is of another release."),
    502: ("a proxy found no web process (502)", "Start `crossline web`, and see that it listens on the PORT that the platform gives."),
    503: (
        "nothing was accepted (503)",
        "No proven store takes messages, or the platform has no web process: see the checks above, and `/readyz`.",
    ),
    504: ("a proxy waited in vain (504)", "The web process does not answer in time: look at its log, and at the stores."),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """A callback that nobody can take for a real one: ids of its own, numbers that are given to nobody."""

    session_reference_id: str
    body: bytes


def make_probe() -> Probe:
    """A new one; its ids are random."""
    session = f"DOCTOR-{secrets.token_hex(12).upper()}"
    document = {
        "mo_reference_id": f"DOCTOR-{secrets.token_hex(12).upper()}",
        "session_reference_id": session,
        "submit_timestamp": utcnow().replace(tzinfo=None).isoformat(),
        "from_phone_number": "15550100998",
        "to_phone_number": "15550100999",
        "mo_message": "A test by crossline doctor.",
    }
    return Probe(session, json.dumps(document).encode())


def through_the_front_door(settings: Settings, url: str, *, within_s: float = WITHIN_S) -> Iterator[Verdict]:
    """Send a signed test callback to `url`, and wait until it is in the transcript. Raises UserError where `url` is no address."""
    callback = make_probe()
    private_uri = private_uri_of(url, settings)
    sent_s = monotonic_s()
    try:
        answer = _post(private_uri, callback.body, _headers(settings, callback.body))
    except httpx.HTTPError as error:
        yield not_reached(error)
        return
    if answer.status_code != httpx.codes.OK:
        yield _refused(answer)
        return
    yield ok(_NAME, f"The test callback was answered 200 after {monotonic_s() - sent_s:.2f} s.")
    yield _followed(settings, callback.session_reference_id, sent_s, within_s)


def private_uri_of(url: str, settings: Settings) -> str:
    """The private URI at an address: the address itself where it is one, else with the first of our tokens. Raises UserError."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError("--url takes the address of the front door, such as https://crossline.example.com")
    if _CALLBACK_PATH in parts.path:
        return parts.geturl()
    path = f"{parts.path.rstrip('/')}{_CALLBACK_PATH}{settings.callback_tokens[0].get_secret_value()}"
    return parts._replace(path=path, query="", fragment="").geturl()


def _headers(settings: Settings, body: bytes) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if settings.telesign_api_keys:
        key = settings.telesign_api_keys[0].get_secret_value()
        headers["authorization"] = authorization(settings.telesign_customer_id or _DEFAULT_CUSTOMER, key, body)
    return headers


def _post(private_uri: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    # A proxy of this machine would hide where the way ends; the provider does not use it either.
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=_ANSWER_WITHIN_S) as client:
        return client.post(private_uri, content=body, headers=headers)


def not_reached(error: httpx.HTTPError) -> Verdict:
    """At which step before an answer the way ended. Pure."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return fail(_NAME, "It stopped at DNS: the host's name leads nowhere.", "Check the name, and its DNS record.")
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return fail(
                _NAME,
                f"It stopped at TLS: the certificate is not accepted ({cause.verify_message}).",
                "Give the front door a valid certificate with its whole chain; a provider will not call it otherwise.",
            )
        if isinstance(cause, ssl.SSLError):
            return fail(_NAME, "It stopped at TLS: no encrypted connection came about.", "Check that this port speaks https.")
    if isinstance(error, httpx.ConnectTimeout):
        return fail(_NAME, "It stopped at the connection: nobody answers.", "Check the address, and the firewall in front of it.")
    if isinstance(error, httpx.ConnectError):
        return fail(
            _NAME, "It stopped at the connection: it was refused.", "Check the port, and whether a web process or proxy listens there."
        )
    if isinstance(error, httpx.TimeoutException):
        return fail(_NAME, f"It stopped at the answer: none came within {_ANSWER_WITHIN_S:.0f} s.", "Look at the log of the web process.")
    return fail(_NAME, f"It stopped on the way ({type(error).__name__}).", "See whether something else than HTTP answers at this address.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _refused(answer: httpx.Response) -> Verdict:
    if answer.is_redirect:
        return fail(
            _NAME,
            f"It stopped at the answer: a redirect ({answer.status_code}), and a provider does not follow one.",
            "Give the provider the address that it leads to, such as https:// instead of http://.",
        )
    what, remedy = _ANSWERS.get(
        answer.status_code, (f"it was answered {answer.status_code}", "Look at the log of the web process and of the proxy before it.")
    )
    return fail(_NAME, f"It stopped at the answer: {what}.", remedy)


def _followed(settings: Settings, session: str, sent_s: float, within_s: float) -> Verdict:
    name = "transcript"
    deadline_s = monotonic_s() + within_s
    keyring = keyring_of(settings)
    try:
        with migrated_database(settings) as database:
            while True:
                if next(entries_of(database, keyring, session, show_numbers=False), None):
                    return ok(name, f"It was in the transcript after {monotonic_s() - sent_s:.1f} s: `crossline transcript {session}`.")
                if monotonic_s() >= deadline_s:
                    break
                sleep(_POLL_S)
    except (StoreError, SchemaMismatch) as error:
        return fail(name, f"The transcript cannot be read: {error.message}", "Mend the database first.")
    except CrosslineError as error:
        return warn(name, f"It arrived, and cannot be read here: {error.message}", "Give doctor the keys of the web and worker processes.")
    return fail(
        name,
        f"It was accepted, and is not in the transcript after {within_s:.0f} s.",
        "No worker runs, or it is far behind (`crossline inbox`); or the front door is another installation's, with other stores.",
    )
