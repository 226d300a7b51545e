"""The database's schema as the processes see it: brought up to date by one, waited for by the others."""

from collections.abc import Callable
from time import sleep
from typing import Any, Final

import structlog

from schemas.clock import monotonic_s
from schemas.errors import SchemaMismatch, StoreError
from store.engine import Database
from store.migrate import Migrated, require_schema, upgrade

log: Any = structlog.get_logger("crossline.schema")

DATABASE_WITHIN_S: Final = 30.0
"""How long a database that is just starting is waited for."""
SAY_EVERY_S: Final = 5.0
SAY_FIRST_AFTER_S: Final = 1.5
"""Processes that start together need not report each other."""
_FIRST_POLL_S: Final = 0.02
_LONGEST_POLL_S: Final = 1.0


def bring_up_to_date(database_url: str, *, say: Callable[[str], None], within_s: float = DATABASE_WITHIN_S) -> Migrated:
    """Run the migrations that are missing. Raises StoreError when the database is not there within `within_s` seconds."""
    database = Database.open(database_url)
    deadline_s = monotonic_s() + within_s
    say_at_s = monotonic_s() + SAY_FIRST_AFTER_S
    try:
        while True:
            try:
                return upgrade(database)
            except StoreError as error:
                if monotonic_s() >= deadline_s:
                    raise
                if monotonic_s() >= say_at_s:
                    say_at_s = monotonic_s() + SAY_EVERY_S
                    say(f"Waiting for the database: {error.message}")
            sleep(_LONGEST_POLL_S / 2)
    finally:
        database.close()


def trouble_with(database: Database) -> SchemaMismatch | StoreError | None:
    """Why the schema cannot be used at this moment; None when it is there."""
    try:
        require_schema(database)
    except (SchemaMismatch, StoreError) as error:
        return error
    return None


def wait_for_schema(database: Database) -> None:
    """Return when the schema is there."""
    patience = Patience()
    while trouble := trouble_with(database):
        sleep(patience.next_s(trouble))
    database.close()


class Patience:
    """How long to wait before looking again: shortly at first, a second later on. Says every 5 s what is being waited for."""

    def __init__(self) -> None:
        self._say_at_s = monotonic_s() + SAY_FIRST_AFTER_S
        self._poll_s = _FIRST_POLL_S

    def next_s(self, trouble: SchemaMismatch | StoreError) -> float:
        """Seconds to wait now."""
        if monotonic_s() >= self._say_at_s:
            self._say_at_s = monotonic_s() + SAY_EVERY_S
            log.warning("waiting_for_the_schema", because=trouble.message)
        self._poll_s = min(self._poll_s * 1.5, _LONGEST_POLL_S)
        return self._poll_s
