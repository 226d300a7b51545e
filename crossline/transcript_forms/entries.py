"""The entries of a transcript: each message with its party and its findings, read page by page.

Each page is a transaction of its own, so that a reader who pauses his pager holds up nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from crossline.visible import masked_number
from schemas.findings import Finding
from schemas.messages import MoMessage
from store import cases, conversations, transcripts
from store.engine import Database
from store.sealing.keyring import Keyring
from store.transcripts import Position

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message. `party`: A for who wrote first, B for the other. The numbers are as they may be shown."""

    party: str
    from_number: str
    to_number: str
    message: MoMessage
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Parties:
    """Letters for those who write, in the order in which they first do. Spellings of one number are one party."""

    _known: dict[str, str] = field(default_factory=dict)

    def letter(self, phone_number: str) -> str:
        """The party's letter; the 27th and later are numbered."""
        digits = "".join(character for character in phone_number if character.isdigit()) or phone_number
        count = len(self._known)
        return self._known.setdefault(digits, _LETTERS[count] if count < len(_LETTERS) else f"P{count + 1}")


def entries_of(database: Database, keyring: Keyring, session_reference_id: str, *, show_numbers: bool) -> Iterator[Entry]:
    """The transcript of a session in submit order; nothing where there is none. Raises StoreError and SealError."""
    parties, behind = Parties(), None
    while True:
        with database.read() as tx:
            key = conversations.data_key(tx, keyring, session_reference_id)
            if key is None:
                return
            page = transcripts.page(tx, session_reference_id, key, behind=behind)
            raised = cases.findings_of(tx, session_reference_id, key, mo_reference_ids=[message.mo_reference_id for message in page])
        for message in page:
            yield _entry(message, raised.get(message.mo_reference_id, []), parties, show_numbers=show_numbers)
        if len(page) < transcripts.PAGE_MESSAGES:
            return
        behind = Position(page[-1].submitted_at, page[-1].mo_reference_id)


def _entry(message: MoMessage, findings: list[Finding], parties: Parties, *, show_numbers: bool) -> Entry:
    shown = str if show_numbers else masked_number
    return Entry(
        party=parties.letter(message.from_phone_number),
        from_number=shown(message.from_phone_number),
        to_number=shown(message.to_phone_number),
        message=message,
        findings=tuple(findings),
    )
