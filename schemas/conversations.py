"""What screening may know beyond the message: its conversation and its sender's past. Frozen values, gathered by the shell."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One message as screening sees it.

    `sender`: who wrote it, the same value for the same party of one conversation and no phone number. `is_new`: it has not been
    screened before, and findings may be raised of it.
    """

    text: str
    sender: str
    submitted_at: datetime
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What surrounds the new messages of one masked session.

    `regions`: ISO 3166 codes in which a number may be meant; empty: none is assumed.
    """

    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderPast:
    """What is known of a sender from earlier conversations; the default is a sender never seen before."""

    messages_today: int = 0
