"""Any bytes: each gets the answer that the documentation has for it, and what got 200 is read back character for character."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import hypothesis
from hypothesis import strategies as st

from receiver.bodies import MOST_BYTES
from schemas.callbacks import FIELDS
from schemas.errors import BadRequest, BodyTooLarge, HeadTooLarge, MalformedCallback, MethodNotAllowed, NotFound, Refused, SignatureWrong
from schemas.signatures import authorization, callback_signature
from store import conversations, quarantine, transcripts
from store.engine import Database
from store.inbox.redis import RedisInbox
from store.sealing.keyring import Keyring
from tests.door.bodies import bodies, callbacks, mutated
from tests.door.door import Door
from tests.door.oracle import Said, Unreadable, read
from tests.door.wire import Connection, Response, connected, request
from tests.support.crossline import StartProcess
from tests.support.polling import wait_until

BODIES = hypothesis.settings(max_examples=350, derandomize=True, database=None)
REQUESTS = hypothesis.settings(max_examples=150, derandomize=True, database=None)
DOCUMENTED: tuple[type[Refused], ...] = (
    BadRequest,
    SignatureWrong,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    MalformedCallback,
    HeadTooLarge,
)
NEVER_IN_A_LOG = (
    "Traceback",
    "callback_failed",
    "callback_undecodable",
    "commit_failed",
    "batch_failed",
    "poison_quarantined",
    "process_ended",
)
DRAINED_WITHIN_S = 60.0


class Signing(StrEnum):
    """How a request is signed."""

    NOT = "not"
    OTHER_SCHEME = "other scheme"
    BARE = "bare"
    TSA = "TSA"
    WRONG = "wrong"


@dataclass(slots=True)
class Sent:
    """What was sent, by what became of it. `accepted`: by id, the first that got 200, which is the one that stands."""

    accepted: dict[str, Said] = field(default_factory=dict)
    kept: set[tuple[str, bytes]] = field(default_factory=set)

    def note(self, body: bytes, status: int) -> None:
        """Note how a body was answered."""
        if status == 200:
            said = read(body)
            first = self.accepted.setdefault(said.mo_reference_id, said)
            if values(first) != values(said):
                self.kept.add((quarantine.CONFLICT, body))
        elif status == MalformedCallback.status:
            self.kept.add((MalformedCallback.code, body))
        elif status == SignatureWrong.status:
            self.kept.add((SignatureWrong.code, body))


def test_any_body_gets_its_documented_answer_and_what_got_200_is_read_back_as_it_was_sent(
    door: Door, crossline_process: StartProcess
) -> None:
    sent = Sent()

    @BODIES
    @hypothesis.given(body=bodies(), signing=st.sampled_from(Signing))
    def send(body: bytes, signing: Signing) -> None:
        response = door.post(body, *signed(door, body, signing))

        assert response.status == expected_status(body, signing)
        assert_documented(response)
        sent.note(body, response.status)

    send()
    worker = crossline_process("worker", environ=door.process.environ)
    wait_until(lambda: waiting(door) == 0, within_s=DRAINED_WITHIN_S, every_s=0.1, what="an empty inbox")

    assert len(sent.accepted) > BODIES.max_examples / 5
    assert read_back(door, {said.session_reference_id for said in sent.accepted.values()}, set(sent.accepted)) == sent.accepted
    assert sent.kept - set(kept_bodies(door)) == set()
    assert [text for text in NEVER_IN_A_LOG if text in door.process.log() + worker.log()] == []


def test_any_bytes_on_a_connection_are_answered_or_left_unanswered_and_the_door_stays_open(door: Door) -> None:
    @REQUESTS
    @hypothesis.given(data=st.one_of(mutated(requests(door)), st.binary(min_size=1, max_size=200)))
    def send(data: bytes) -> None:
        with connected(door.port, within_s=0.1) as connection:
            connection.send(data)
            for response in responses(connection):
                assert_documented(response)

    send()

    assert door.post(b"{}").status == MalformedCallback.status
    assert [text for text in NEVER_IN_A_LOG if text in door.process.log()] == []


def values(said: Said) -> tuple[str, ...]:
    """The six values by which two callbacks of one id are the same or not."""
    return (
        said.mo_reference_id,
        said.session_reference_id,
        said.submit_timestamp,
        said.from_phone_number,
        said.to_phone_number,
        said.text,
    )


def signed(door: Door, body: bytes, signing: Signing) -> list[str]:
    """The headers of a request that is signed so."""
    match signing:
        case Signing.NOT:
            return []
        case Signing.OTHER_SCHEME:
            return ["Authorization: Basic dXNlcjpwYXNz"]
        case Signing.BARE:
            return [f"X-TS-Authorization: {callback_signature(door.api_key, body)}"]
        case Signing.TSA:
            return [f"Authorization: {authorization('CUSTOMER', door.api_key, body)}"]
        case Signing.WRONG:
            return [f"Authorization: TSA CUSTOMER:{base64.b64encode(bytes(32)).decode()}"]


def expected_status(body: bytes, signing: Signing) -> int:
    """The documented answer, in the order in which a body is looked at: its size, its signature, what it says."""
    if len(body) > MOST_BYTES:
        return BodyTooLarge.status
    if signing is Signing.WRONG:
        return SignatureWrong.status
    try:
        read(body)
    except Unreadable:
        return MalformedCallback.status
    return 200


def assert_documented(response: Response) -> None:
    """A 200 is `{}`; anything else a problem document with the code of its status, which names no field but a documented one."""
    if response.status == 200:
        assert response.body == b"{}"
        return
    problem = response.document

    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status, problem["code"]) in {(refused.status, refused.code) for refused in DOCUMENTED}
    assert problem["status"] == response.status
    assert problem.get("field") in {None, *FIELDS}


def requests(door: Door) -> st.SearchStrategy[bytes]:
    """Whole requests, most of them to the private path."""
    paths = st.sampled_from((door.path, door.path, door.path, "/callbacks/telesign/wrong", "/healthz", "/readyz", "/\u00e9"))
    methods = st.sampled_from(("POST", "POST", "POST", "GET", "PUT", "BREW"))
    headers = st.lists(
        st.sampled_from(("Content-Type: text/plain", "Expect: 100-continue", "Connection: close", "X: " + "y" * 200)), max_size=2
    )
    return st.builds(lambda path, body, method, extra: request(path, body, *extra, method=method), paths, callbacks(), methods, headers)


def responses(connection: Connection) -> Iterator[Response]:
    """What comes back, until the connection is closed or silent."""
    while True:
        try:
            response = connection.response()
        except (EOFError, TimeoutError, ConnectionResetError):
            return
        if response.headers.get("content-type") != "application/json":
            yield response


def waiting(door: Door) -> int:
    """How many messages wait in the inbox."""
    with door.valkey.client() as client:
        return RedisInbox(client).backlog().messages


def read_back(door: Door, sessions: set[str], wanted: set[str]) -> dict[str, Said]:
    """What the transcripts of some sessions say, by message."""
    found: dict[str, Said] = {}
    keyring = keyring_of(door)
    database = Database.open(door.settings.database_url.get_secret_value())
    with database.read() as tx:
        for session in sessions:
            key = conversations.data_key(tx, keyring, session)
            for message in transcripts.read(tx, session, key) if key else ():
                if message.mo_reference_id in wanted:
                    found[message.mo_reference_id] = Said(
                        message.mo_reference_id,
                        message.session_reference_id,
                        message.submit_timestamp,
                        message.from_phone_number,
                        message.to_phone_number,
                        message.text,
                        message.raw,
                    )
    database.close()
    return found


def kept_bodies(door: Door) -> Iterator[tuple[str, bytes]]:
    """What lies in quarantine: reason and body."""
    keyring = keyring_of(door)
    database = Database.open(door.settings.database_url.get_secret_value())
    with database.read() as tx:
        for entry in quarantine.entries(tx, limit=quarantine.CAP_ENTRIES):
            yield entry.reason, quarantine.body_of(tx, entry.id, keyring) or b""
    database.close()


def keyring_of(door: Door) -> Keyring:
    """The keys that the door seals with."""
    return Keyring([key.get_secret_value() for key in door.settings.encryption_keys])
