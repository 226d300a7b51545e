"""A worker's own parts put together for tests in this process: a Drain over one database, and what it left behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schemas.batches import BatchItem
from schemas.clock import utcnow
from schemas.findings import Finding
from schemas.messages import MoMessage
from store import cases, conversations, quarantine, transcripts
from store.cases import Case
from store.engine import Database
from store.inbox.batches import Inbox
from store.quarantine import Entry
from tests.support.batches import make_digests, make_keyring
from workers.drain import Drain
from workers.results import Results
from workers.screening.compiled import CompiledPolicy, compile_policy
from workers.screening.default import default_policy
from workers.transcribe import Tools, transcribe


def make_tools(policy: CompiledPolicy | None = None) -> Tools:
    """Tools with made-up keys, and the policy that the package ships unless one is given."""
    return Tools(keyring=make_keyring(), digests=make_digests(), policy=policy or compile_policy(default_policy()))


@dataclass(slots=True)
class Workshop:
    """One worker: its database, its tools, and the results that it published."""

    database: Database
    tools: Tools = field(default_factory=make_tools)
    results: list[Results] = field(default_factory=list)

    def drain(self, *inboxes: Inbox, stop: Callable[[], bool] = lambda: False) -> bool:
        """Work until nothing is due any more."""
        return Drain(self.database, self.tools, publish=self.results.append).run(inboxes, stop=stop)

    def transcribe(self, items: Sequence[BatchItem]) -> Results:
        """One committed transaction over these items, now."""
        with self.database.begin() as tx:
            return transcribe(tx, items, self.tools, now=utcnow())


def transcript_of(database: Database, session_reference_id: str) -> list[MoMessage]:
    """The stored messages of a conversation in submit order; none where there is no such conversation."""
    with database.read() as tx:
        key = conversations.data_key(tx, make_keyring(), session_reference_id)
        return [] if key is None else list(transcripts.read(tx, session_reference_id, key))


def findings_of(database: Database, session_reference_id: str) -> list[Finding]:
    """All findings of a conversation."""
    with database.read() as tx:
        key = conversations.data_key(tx, make_keyring(), session_reference_id)
        assert key is not None
        return [finding for found in cases.findings_of(tx, session_reference_id, key).values() for finding in found]


def cases_of(database: Database, session_reference_id: str) -> list[Case]:
    """The cases of a conversation."""
    with database.read() as tx:
        return cases.cases_of(tx, session_reference_id)


def quarantined(database: Database, *, reason: str | None = None) -> list[tuple[Entry, bytes | None]]:
    """What lies in quarantine, with the raw bodies."""
    with database.read() as tx:
        found = quarantine.entries(tx, reason=reason, limit=1000)
        return [(entry, quarantine.body_of(tx, entry.id, make_keyring())) for entry in found]


def texts_of(database: Database, session_reference_id: str) -> list[str]:
    """What a transcript says, in submit order."""
    return [message.text for message in transcript_of(database, session_reference_id)]
