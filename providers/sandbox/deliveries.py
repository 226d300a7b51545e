"""What became of a callback that was sent: its attempts, and the log of them. No text, no number, no URL, no signature."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One POST. Either `status` (what was answered) or `error` (the name of the exception's type) is set.

    `at`: when it began, aware UTC. `took_ms`: until the whole answer was there, or until it failed.
    """

    at: datetime
    took_ms: float
    status: int | None = None
    error: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Exactly 200 counts: any other answer, also 201, 202 and 204, has the provider try again."""
        return self.status == HTTPStatus.OK

    def to_dict(self) -> dict[str, Any]:
        """The attempt as the log and `--json` show it."""
        return {"at": self.at.isoformat(), "status": self.status, "error": self.error, "took_ms": self.took_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """All attempts to deliver one copy of one callback. `mo_reference_id` is None where the body names none that can be read."""

    mo_reference_id: str | None
    attempts: tuple[Attempt, ...]

    @property
    def acknowledged(self) -> bool:
        """Whether the last attempt was answered with exactly 200. If not, the provider has given up: the message is lost to it."""
        return bool(self.attempts) and self.attempts[-1].acknowledged

    def to_dict(self) -> dict[str, Any]:
        """The delivery as the log and `--json` show it."""
        return {
            "mo_reference_id": self.mo_reference_id,
            "acknowledged": self.acknowledged,
            "attempts": [attempt.to_dict() for attempt in self.attempts],
        }


class DeliveryLog:
    """Deliveries as JSON lines, appended to a file and flushed one by one, so that a line is there whatever happens to the writer.

    A context manager; the file is made readable to its owner only.
    """

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, delivery: Delivery) -> None:
        """Append one line with a single write. Raises OSError where the file cannot take it."""
        self._file.write(orjson.dumps(delivery.to_dict(), option=orjson.OPT_APPEND_NEWLINE))
