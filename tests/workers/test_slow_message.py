"""A message whose screening takes longer than a transaction may: it looks like a store that hangs, and must not be taken for one."""

import dataclasses
import time

from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.quarantine import POISON
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.polling import wait_until
from tests.support.postgres import PostgresProcess
from tests.support.workshop import Workshop, make_tools, quarantined, texts_of
from workers.screening.compiled import CompiledRule

SESSION = "5A" * 16
WORD = "xyzzy"
WITHIN_S = 0.5


@dataclasses.dataclass
class SlowPolicy:
    """Stands where a policy stands, and computes for long over one word."""

    version: str = "slow"

    def with_cause(self, data: bytes) -> list[CompiledRule]:
        ends_s = time.process_time() + 2 * WITHIN_S
        while WORD.encode() in data and time.process_time() < ends_s:
            pass
        return []


def accept(inbox: DatabaseInbox, *texts: str) -> list[bytes]:
    bodies = [callback_body(session_reference_id=SESSION, mo_message=text) for text in texts]
    inbox.accept(make_batch([make_item(body) for body in bodies]))
    return bodies


def test_it_ends_in_quarantine_and_its_batch_mates_in_the_transcript(postgresql_url: str) -> None:
    database = Database.open(postgresql_url, within_s=WITHIN_S)
    inbox, slow = DatabaseInbox(database), SlowPolicy()
    workshop = Workshop(database, make_tools(slow))  # type: ignore[arg-type]
    sent = accept(inbox, "one", f"{WORD} two", "three")

    def drained() -> bool:
        workshop.drain(inbox)
        return inbox.backlog().batches == 0

    wait_until(drained, within_s=30, what="an empty inbox")

    assert sorted(texts_of(database, SESSION)) == ["one", "three"]
    assert [(entry.reason, body) for entry, body in quarantined(database)] == [(POISON, sent[1])]
    database.close()


def test_a_database_that_hangs_makes_no_message_suspect(postgres: PostgresProcess, postgresql_url: str) -> None:
    database = Database.open(postgresql_url, within_s=WITHIN_S)
    inbox, workshop = DatabaseInbox(database), Workshop(database)
    accept(inbox, "one")
    with postgres.client("migrated") as other, other.transaction():
        other.execute("LOCK TABLE message_ids")
        workshop.drain(inbox)
    [claimed] = wait_until(inbox.claim, what="the batch, given back")

    assert (claimed.expired, quarantined(database)) == (0, [])
    database.close()
