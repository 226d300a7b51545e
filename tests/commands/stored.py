"""Messages put straight into the transcript, as a worker's transaction does; for tests of what is read afterwards."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import to_ms
from schemas.findings import Action, Category, Finding, Mode
from schemas.messages import MoMessage
from schemas.settings import Settings
from store import cases, conversations, message_ids, quarantine, transcripts
from store.cases import FindingOf
from store.engine import Database
from store.inbox.batches import SealedBatch
from store.inbox.sealed import seal_batch
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring
from tests.support.callbacks import callback_body

RECEIVED_AT = datetime(2026, 5, 4, 9, 31, tzinfo=UTC)


def keyring_of(settings: Settings) -> Keyring:
    """The ring of these settings."""
    return Keyring([key.get_secret_value() for key in settings.encryption_keys])


def digests_of(settings: Settings) -> Digests:
    """The digests of these settings."""
    return Digests(settings.index_key.get_secret_value())


def make_message(**overrides: object) -> MoMessage:
    """One message, decoded from a callback with these overrides."""
    return decode_callback(callback_body(**overrides), received_at=RECEIVED_AT)


def make_finding(**overrides: object) -> Finding:
    """A finding of a split phone number, unless overridden."""
    values: dict[str, object] = {
        "message": 0,
        "rule": "contact.phone",
        "category": Category.CONTACT,
        "severity": 3,
        "mode": Mode.ENFORCE,
        "action": Action.CASE,
        "start": 0,
        "end": 4,
        "evidence": "5lO4",
        "reading": "5104",
        "policy_version": "test",
    }
    return Finding(**(values | overrides))  # type: ignore[arg-type]


def store_messages(
    settings: Settings,
    messages: Sequence[MoMessage],
    findings: Mapping[str, Sequence[Finding]] | None = None,
    *,
    keyring: Keyring | None = None,
) -> None:
    """Write messages, findings by `mo_reference_id` and the cases that they open, in one transaction."""
    ring, digests = keyring or keyring_of(settings), digests_of(settings)
    database = Database.open(settings.database_url.get_secret_value())
    with database.begin() as tx:
        message_ids.register(tx, messages, digests)
        keys = conversations.lock(tx, ring, [message.session_reference_id for message in messages], now=RECEIVED_AT)
        transcripts.add(tx, messages, keys, digests)
        session_of = {message.mo_reference_id: message.session_reference_id for message in messages}
        raised = [
            FindingOf(session_of[message_id], message_id, ordinal, finding)
            for message_id, found in (findings or {}).items()
            for ordinal, finding in enumerate(found)
        ]
        cases.add_findings(tx, raised, keys, now=RECEIVED_AT)
        cases.open_or_extend(tx, raised, now=RECEIVED_AT)
    database.close()


def make_batch(keyring: Keyring, digests: Digests, *, count: int = 1) -> SealedBatch:
    """A sealed batch of messages, as a receiver makes it."""
    bodies = [callback_body() for _ in range(count)]
    items = [BatchItem(ItemKind.MESSAGE, to_ms(RECEIVED_AT), body) for body in bodies]
    marks = [digests.duplicate_mark(decode_callback(body, received_at=RECEIVED_AT)) for body in bodies]
    return seal_batch(items, marks, keyring)


def quarantine_bodies(settings: Settings, bodies: Sequence[tuple[str, bytes]], *, keyring: Keyring | None = None) -> list[str]:
    """Keep bodies in quarantine, each for a reason; their ids in the same order."""
    digests = digests_of(settings)
    database = Database.open(settings.database_url.get_secret_value())
    with database.begin() as tx:
        received = [quarantine.Received(reason, body, RECEIVED_AT) for reason, body in bodies]
        quarantine.keep(tx, received, keyring or keyring_of(settings), digests)
    database.close()
    return [digests.of_quarantined(reason, body).hex() for reason, body in bodies]
