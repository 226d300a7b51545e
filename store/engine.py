"""Opens the database, PostgreSQL or SQLite, and gives transactions on it: the one place that knows how the two differ in connecting.

Whatever goes wrong inside a transaction leaves it as a StoreError whose message names only the driver's error class or SQLSTATE,
because the driver's own text may quote values. A data or integrity error is not the store's fault and passes as it is.
"""

import contextlib
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import StoreError, StoreFull, StoreTimeout, StoreUnreachable

Tx = Connection
"""A connection inside a transaction: what every function of the store that speaks SQL takes first."""

CONNECT_TIMEOUT_S: Final = 2
SQLITE_BUSY_S: Final = 5
TRANSACTION_WITHIN_S: Final = 15.0
_FULL: Final = ("53100", "SQLITE_FULL")


class Database:
    """One database and this process's single connection to it. Usable from several threads, one transaction at a time."""

    def __init__(self, engine: Engine, *, within_s: float = TRANSACTION_WITHIN_S) -> None:
        self.engine = engine
        self.within_s = within_s

    @classmethod
    def open(cls, url: str, *, within_s: float = TRANSACTION_WITHIN_S) -> Self:
        """The database at a SQLAlchemy URL; nothing is connected yet. `within_s`: longest that a transaction takes that names no limit."""
        engine = _sqlite_engine(url) if make_url(url).get_backend_name() == "sqlite" else _postgresql_engine(url)
        return cls(engine, within_s=within_s)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def begin(self, *, within_s: float | None = None) -> Iterator[Tx]:
        """A transaction that writes: committed at the end of the block, rolled back when it raises.

        A database that stays silent is left after `within_s` seconds: the connection is cut and StoreTimeout is raised.
        """
        with self._transaction(within_s, read_only=False) as tx:
            yield tx

    @contextlib.contextmanager
    def read(self, *, within_s: float | None = None) -> Iterator[Tx]:
        """A transaction that only reads: it waits for no writer."""
        with self._transaction(within_s, read_only=True) as tx:
            yield tx

    def close(self) -> None:
        """Close the connection. The database opens again when it is used."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _transaction(self, within_s: float | None, *, read_only: bool) -> Iterator[Tx]:
        fuse = _Fuse(self.within_s if within_s is None else within_s)
        try:
            with self.engine.connect() as connection:
                connection.execution_options(crossline_read_only=read_only)
                fuse.light(connection)
                with connection.begin():
                    yield connection
        except (DataError, IntegrityError):
            raise
        except PoolTimeout:
            raise StoreTimeout("The process's only connection to the database is busy.") from None
        except DBAPIError as error:
            raise _store_error(error, timed_out=fuse.blown) from None
        finally:
            fuse.put_out()


class _Fuse:
    """Cuts a connection from another thread when its time is over: neither driver has a timeout for a server that hangs."""

    def __init__(self, within_s: float) -> None:
        self.blown = False
        self._timer = threading.Timer(within_s, self._blow)
        self._timer.daemon = True
        self._driver: Any = None

    def light(self, connection: Connection) -> None:
        self._driver = connection.connection.driver_connection
        self._timer.start()

    def put_out(self) -> None:
        self._timer.cancel()

    def _blow(self) -> None:
        self.blown = True
        with contextlib.suppress(Exception):
            if isinstance(self._driver, sqlite3.Connection):
                self._driver.interrupt()
            else:
                with socket.socket(fileno=os.dup(self._driver.pgconn.socket)) as line:
                    line.shutdown(socket.SHUT_RDWR)


def _store_error(error: DBAPIError, *, timed_out: bool) -> StoreError:
    name = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or type(error.orig).__name__
    if timed_out:
        return StoreTimeout("The database did not answer in time.")
    if name in _FULL:
        return StoreFull("The database's disk is full.")
    return StoreUnreachable(f"The database failed ({name}).")


def _postgresql_engine(url: str) -> Engine:
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_recycle=1800,
        hide_parameters=True,
        # Poolers that hand out connections by transaction do not carry prepared statements over.
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "crossline", "prepare_threshold": None},
    )


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        hide_parameters=True,
        connect_args={"timeout": SQLITE_BUSY_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(driver: Any, _record: Any) -> None:
        # The driver's own transactions begin too late to take the write lock first; `begin` below does it.
        driver.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("crossline_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
