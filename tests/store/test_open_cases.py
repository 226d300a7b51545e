"""Which cases wait, and in which order a moderator would want them."""

from datetime import timedelta

from schemas.clock import utcnow
from schemas.findings import Action, Category, Finding, Mode
from store import cases, conversations
from store.engine import Database
from tests.support.batches import make_keyring

NOW = utcnow()


def raised(session: str, severity: int, *, action: Action = Action.CASE) -> cases.FindingOf:
    """A finding of a conversation's only message."""
    finding = Finding(
        message=0,
        rule="test.rule",
        category=Category.SCAM,
        severity=severity,
        mode=Mode.ENFORCE,
        action=action,
        start=0,
        end=1,
        evidence="x",
        reading="x",
        policy_version="test",
    )
    return cases.FindingOf(session, f"M{session}", 0, finding)


def test_the_most_severe_comes_first_and_of_those_the_oldest(database: Database) -> None:
    with database.begin() as tx:
        for minute, (session, severity) in enumerate([("A", 3), ("B", 4), ("C", 3), ("D", 4)]):
            conversations.lock(tx, make_keyring(), [session], now=NOW)
            cases.open_or_extend(tx, [raised(session, severity)], now=NOW + timedelta(minutes=minute))

    with database.read() as tx:
        assert [case.session_reference_id for case in cases.open_cases(tx, limit=10)] == ["B", "D", "A", "C"]
        assert [case.session_reference_id for case in cases.open_cases(tx, limit=2)] == ["B", "D"]


def test_what_asks_for_no_case_opens_none(database: Database) -> None:
    with database.begin() as tx:
        opened = cases.open_or_extend(tx, [raised("A", 4, action=Action.RECORD)], now=NOW)

    with database.read() as tx:
        assert (opened, cases.open_cases(tx, limit=10)) == (0, [])
