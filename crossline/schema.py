"""Brings the database's schema up to date at the start of `migrate` and `up`, waiting for a database that is only just starting."""

from collections.abc import Callable
from time import sleep
from typing import Final

from crossline.reminder import Reminder
from schemas.clock import monotonic_s
from schemas.errors import StoreError
from store.engine import Database
from store.migrate import Migrated, upgrade

SERVER_WITHIN_S: Final = 30.0
"""How long a database server that is just starting is waited for."""
FILE_WITHIN_S: Final = 3.0
"""A file does not start; at worst another process holds it for a moment."""
_POLL_S: Final = 0.5


def bring_up_to_date(database_url: str, *, say: Callable[[str], object], within_s: float | None = None) -> Migrated:
    """Run the migrations that are missing. Raises StoreError when the database is not there in `within_s` seconds, or the usual time."""
    database = Database.open(database_url)
    if within_s is None:
        within_s = FILE_WITHIN_S if database.is_sqlite else SERVER_WITHIN_S
    deadline_s = monotonic_s() + within_s
    reminder = Reminder(lambda because: say(f"Waiting for the database: {because}"))
    try:
        while True:
            try:
                return upgrade(database)
            except StoreError as error:
                if monotonic_s() >= deadline_s:
                    raise
                reminder.waiting(error.message)
            sleep(_POLL_S)
    finally:
        database.close()
