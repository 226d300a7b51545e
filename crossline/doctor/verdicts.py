"""What a check says: a name, how bad it is, what was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`ok`: as it should be. `warn`: it works, and will hurt one day. `fail`: messages are or may be lost, late or unread."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's answer. `remedy`: what to do; empty where nothing is to be done. Holds no secret and nothing that people wrote."""

    name: str
    level: Level
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Verdict:
    """All is well."""
    return Verdict(name, Level.OK, finding)


def warn(name: str, finding: str, remedy: str) -> Verdict:
    """It works, and will hurt one day."""
    return Verdict(name, Level.WARN, finding, remedy)


def fail(name: str, finding: str, remedy: str) -> Verdict:
    """Messages are or may be lost, late or unread."""
    return Verdict(name, Level.FAIL, finding, remedy)
