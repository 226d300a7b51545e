"""What screening says of a message, and the words it uses."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """What kind of harm a rule looks for."""

    CONTACT = "contact"
    OFF_PLATFORM = "off_platform"
    PROFANITY = "profanity"
    HARASSMENT = "harassment"
    HATE = "hate"
    THREAT = "threat"
    SEXUAL = "sexual"
    SELF_HARM = "self_harm"
    SCAM = "scam"
    SPAM = "spam"
    ILLEGAL_GOODS = "illegal_goods"
    SESSION = "session"


class Mode(StrEnum):
    """`off`: the rule does not run. `shadow`: it runs and is recorded, and never acts. `enforce`: its action is taken."""

    OFF = "off"
    SHADOW = "shadow"
    ENFORCE = "enforce"


class Action(StrEnum):
    """`record`: kept and counted. `notify`: the platform is told at once. `case`: a moderator is asked."""

    RECORD = "record"
    NOTIFY = "notify"
    CASE = "case"


class FindingKind(StrEnum):
    """`match`: the rule found something. `error`: the rule itself failed, and the message was screened without it."""

    MATCH = "match"
    ERROR = "error"


LOWEST_SEVERITY: Final = 1
HIGHEST_SEVERITY: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of one message.

    `message`: index of the message among those that were screened. `start`, `end`: the span in its original text, in characters,
    end exclusive. `evidence`: the characters of that span. `reading`: what the machine took them for.
    Of kind `error`, evidence is empty and reading is the name of the exception's type.
    """

    message: int
    rule: str
    category: Category
    severity: int
    mode: Mode
    action: Action
    start: int
    end: int
    evidence: str
    reading: str
    policy_version: str
    kind: FindingKind = FindingKind.MATCH

    @property
    def asks_for_a_case(self) -> bool:
        """Whether a moderator is to be asked about the conversation."""
        return self.kind is FindingKind.MATCH and self.mode is Mode.ENFORCE and self.action is Action.CASE
