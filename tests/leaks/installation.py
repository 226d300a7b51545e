"""One installation under search: its stores, its processes, what its commands wrote, and the troubles that its database can have."""

import contextlib
import sqlite3
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from click.testing import CliRunner
from rq import Queue
from rq.registry import FailedJobRegistry

from crossline.cli import main
from schemas import keys
from schemas.findings import FindingKind
from schemas.settings import Settings
from store import cases, conversations, quarantine
from store.doorbell import jobs_waiting, ring
from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.sealing.keyring import Keyring
from tests.leaks.marks import Marks
from tests.support.crossline import process_environ
from tests.support.plaintext import Place, Search, Sighting, in_command_lines, in_environments, in_files, in_redis, in_tables
from tests.support.postgres import PostgresProcess
from tests.support.process import ServerProcess
from tests.support.valkey import ValkeyProcess

SLOWLOG_COMMANDS: Final = 5_000
ROOT: Final = Path(__file__).parent.parent.parent
_NOT_OURS: Final = ("programs",)
_REFUSING: Final = "CREATE TRIGGER refuse BEFORE INSERT ON messages"
_FUNCTION: Final = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused: %', NEW USING ERRCODE = '{}'; END $$"
)
_TABLE_GONE: Final = (("ALTER TABLE findings RENAME TO gone",), ("ALTER TABLE gone RENAME TO findings",))
TROUBLES: Final[Mapping[str, Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]]] = {
    "sqlite": {
        "a table is gone": _TABLE_GONE,
        "a row is refused": ((f"{_REFUSING} BEGIN SELECT RAISE(ABORT, 'refused'); END",), ("DROP TRIGGER refuse",)),
    },
    "postgresql": {
        "a table is gone": _TABLE_GONE,
        **{
            name: (
                (_FUNCTION.format(code), f"{_REFUSING} FOR EACH ROW EXECUTE FUNCTION refuse()"),
                ("DROP TRIGGER refuse ON messages", "DROP FUNCTION refuse"),
            )
            for name, code in {"a row is refused": "23514", "the disk is full": "53100"}.items()
        },
    },
}
"""What can be wrong with a database: by its kind and name, the statements that break it and those that mend it."""


@dataclass(slots=True, kw_only=True)
class Installation:
    """Everything that belongs to it. `postgres`: None where the database is a SQLite file in `directory`."""

    directory: Path
    environ: Mapping[str, str]
    valkey: ValkeyProcess
    postgres: PostgresProcess | None
    marks: Marks
    processes: list[ServerProcess] = field(default_factory=list)
    outputs: list[Place] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings of its processes."""
        return Settings.load(self.environ)

    @property
    def kind(self) -> str:
        """Which database it has."""
        return "sqlite" if self.postgres is None else "postgresql"

    def sightings(self, answers: list[Place], *, files_of_postgres: bool = True) -> set[Sighting]:
        """What is found of all marks, wherever somebody could look; of what people wrote, in environments besides."""
        pids = [process.pid for process in self.processes if process.is_running]
        roots = [self.directory, self.valkey.directory]
        if self.postgres is not None and files_of_postgres:
            self.execute("CHECKPOINT")
            roots.append(self.postgres.directory)
        search = Search(self.marks.all)
        found = search.sightings(answers) | search.sightings(self.outputs)
        found |= search.sightings(in_files(*roots, but=_NOT_OURS))
        found |= search.sightings(in_tables(self.environ["DATABASE_URL"]))
        found |= search.sightings(in_command_lines(*pids))
        if self.valkey.is_running:
            with self.valkey.client() as client:
                found |= search.sightings(in_redis(client))
        return found | Search(self.marks.people).sightings(in_environments(*pids))

    def prepare_redis(self, *, slowlog_us: int = 0) -> None:
        """Let Redis know the user of REDIS_URL, and note every command that takes so long: all, unless told otherwise."""
        url = urlsplit(self.environ["REDIS_URL"])
        with self.valkey.client() as client:
            client.acl_setuser(
                url.username or "", enabled=True, passwords=[f"+{url.password}"], keys=["*"], channels=["*"], categories=["+@all"]
            )
            client.config_set("slowlog-log-slower-than", slowlog_us)
            client.config_set("slowlog-max-len", SLOWLOG_COMMANDS)

    def execute(self, *statements: str) -> None:
        """Do something to the database that Crossline itself would not."""
        if self.postgres is not None:
            with self.postgres.client(self._database_name) as connection:
                for statement in statements:
                    connection.execute(statement)
            return
        with contextlib.closing(sqlite3.connect(self._database_name, timeout=20, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextlib.contextmanager
    def blocked_database(self) -> Iterator[None]:
        """The database answers nobody until the block ends."""
        if self.postgres is not None:
            self.postgres.pause()
            try:
                yield
            finally:
                self.postgres.resume()
            return
        with contextlib.closing(sqlite3.connect(self._database_name, timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    def run(self, *arguments: str, stdin: str = "", shown: bool = False, **environ: str) -> str:
        """Run a command, in this process, because starting one takes a second; its standard output.

        What it writes, its traceback included, is searched, unless it is `shown` what it is there to show.
        """
        done = CliRunner().invoke(main, arguments, input=stdin, env={**self.environ, "LOG_LEVEL": "info", **environ})
        if not shown:
            wrote = done.output_bytes + done.stderr_bytes + "".join(traceback.format_exception(done.exception)).encode()
            self.outputs.append(Place(f"output of {' '.join(arguments)}", wrote))
        return done.stdout

    def faulty_worker(self) -> "FaultyWorker":
        """A screener with a rule that fails, not started yet."""
        return FaultyWorker(self.directory / "faulty.log", self.environ)

    def waiting(self) -> int:
        """How many messages wait in both inboxes."""
        with self.valkey.client() as client:
            in_redis_waiting = RedisInbox(client).backlog().messages
        with self._database() as database:
            return in_redis_waiting + DatabaseInbox(database).backlog().messages

    def ring_if_due(self) -> None:
        """What the keeper does, where none runs."""
        with self.valkey.client() as client:
            if RedisInbox(client).backlog().due and not jobs_waiting(client):
                ring(client)

    def quarantined(self) -> dict[str, int]:
        """How many entries wait in quarantine, by reason."""
        with self._database() as database, database.read() as tx:
            return quarantine.counts(tx)

    def findings(self, session: str) -> set[tuple[str, FindingKind]]:
        """The rules that found something in a conversation, or failed."""
        with self._database() as database, database.read() as tx:
            key = conversations.data_key(tx, Keyring([key.get_secret_value() for key in self.settings.encryption_keys]), session)
            found = cases.findings_of(tx, session, key) if key else {}
        return {(finding.rule, finding.kind) for of_message in found.values() for finding in of_message}

    def failed_jobs(self) -> int:
        """How many jobs RQ keeps as failed."""
        with self.valkey.client() as client:
            return len(FailedJobRegistry(queue=Queue(keys.SCREEN_QUEUE, connection=client)).get_job_ids())

    @property
    def _database_name(self) -> str:
        return self.environ["DATABASE_URL"].rpartition("/")[2] if self.postgres else self.environ["DATABASE_URL"].removeprefix("sqlite:///")

    @contextlib.contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database.open(self.environ["DATABASE_URL"])
        try:
            yield database
        finally:
            database.close()


class FaultyWorker(ServerProcess):
    """One process that runs `tests.support.faulty_worker`."""

    def __init__(self, log_path: Path, environ: Mapping[str, str]) -> None:
        super().__init__(log_path)
        self._environ = environ

    def start(self) -> None:
        """Start it; returns at once."""
        self.spawn([sys.executable, "-m", "tests.support.faulty_worker"], env=process_environ(self._environ), cwd=ROOT)
