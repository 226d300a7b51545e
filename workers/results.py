"""What became of a batch: the numbers that workers publish."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Results:
    """Counts of one transaction, to be published once it is committed.

    `latencies_s`: from receipt to transcript, for each message written. `findings`: by (rule, mode, kind).
    """

    transcribed: int = 0
    duplicates: int = 0
    conflicts: int = 0
    poisoned: int = 0
    cases_opened: int = 0
    latencies_s: list[float] = field(default_factory=list)
    findings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
