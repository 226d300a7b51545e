"""No one else's eyes: what people wrote, who they are, and every key are looked for wherever somebody could see them, on every way that
a message can take: while it waits, in the transcript, refused, quarantined; with rules, workers, databases and Redis that fail.
"""

import base64
import json
import secrets
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.findings import FindingKind
from store import quarantine
from tests.leaks.installation import TROUBLES, Installation
from tests.leaks.marks import Marks
from tests.leaks.sender import Sender
from tests.support.crossline import CrosslineProcess, StartProcess
from tests.support.environment import make_environ
from tests.support.faulty_worker import RULE
from tests.support.plaintext import Place
from tests.support.polling import wait_until
from tests.support.process import ServerProcess
from tests.support.valkey import ValkeyProcess

CONTACTS = ("contact.phone", "contact.email")
REASONS = {"malformed_callback", "signature_missing", "signature_wrong", quarantine.CONFLICT, quarantine.POISON}
FOR_NOBODY = {"CROSSLINE_ALLOWED_NETWORKS": "192.0.2.0/24", "WEB_CONCURRENCY": "1"}
FILES_OF_STORES = 5
"""In how many more files a thing stands at most that lies in Redis and in the database: their own, and their logs."""
DATABASE_PASSWORD = "pw-" + secrets.token_hex(8)
REDIS_PASSWORD = "pw-" + secrets.token_hex(8)
USUAL_SLOWLOG_US = 10_000


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path, valkey: ValkeyProcess, database_url: str) -> Iterator[Installation]:
    """An installation of its own, whose temporary files lie below the directory that is searched; all its keys are marks."""
    is_sqlite = database_url.startswith("sqlite")
    with_password = database_url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
    environ = make_environ(
        redis_url=valkey.url.replace("//", f"//crossline:{REDIS_PASSWORD}@"),
        database_url=with_password,
        CROSSLINE_SIGNATURE="require",
        CROSSLINE_METRICS_TOKEN=secrets.token_urlsafe(24),
        WEB_CONCURRENCY="2",
        LOG_LEVEL="debug",
        TMPDIR=str(tmp_path / "temporary"),
    )
    (tmp_path / "temporary").mkdir()
    marks = Marks()
    for name in ("CALLBACK_TOKENS", "ENCRYPTION_KEYS", "INDEX_KEY", "TELESIGN_API_KEYS", "METRICS_TOKEN"):
        marks.key(name, environ[f"CROSSLINE_{name}"])
    for name in ("ENCRYPTION_KEYS", "INDEX_KEY"):
        marks.key(f"{name}, as bytes", bytes.fromhex(environ[f"CROSSLINE_{name}"]))
    marks.key("TELESIGN_API_KEYS, as bytes", base64.b64decode(environ["CROSSLINE_TELESIGN_API_KEYS"]))
    marks.key("password in DATABASE_URL", DATABASE_PASSWORD)
    marks.key("password in REDIS_URL", REDIS_PASSWORD)
    postgres = None if is_sqlite else request.getfixturevalue("postgres")
    installation = Installation(directory=tmp_path, environ=environ, valkey=valkey, postgres=postgres, marks=marks)
    installation.prepare_redis()
    yield installation
    if valkey.is_running:
        installation.prepare_redis(slowlog_us=USUAL_SLOWLOG_US)
    shutil.rmtree(tmp_path / "temporary", ignore_errors=True)


def test_nobody_else_reads_what_people_wrote(installation: Installation, crossline_process: StartProcess) -> None:
    web = crossline_process("web", environ=installation.environ, ready=False)
    elsewhere = crossline_process("web", environ={**installation.environ, **FOR_NOBODY}, ready=False)
    installation.processes += [web, elsewhere]
    with httpx.Client(trust_env=False, timeout=10) as client:
        sender, outsider = sender_to(web, installation, client), sender_to(elsewhere, installation, client)
        sent = sender.send_what_is_accepted()
        plain = sent["plain"]
        sender.begin_slowly()
        sender.send_what_is_refused()

        assert outsider.send("network", sender.callback("network")) == 403
        assert_hidden(installation, sender, outsider)

        while_redis_is_down(installation, sender)
        while_rules_fail(installation)
        worker = crossline_process("worker", environ=installation.environ, until_log="screener_started")
        installation.processes.append(worker)
        while_the_database_fails(installation, sender, worker)
        look_around(installation, sender, plain)
        sender.end_slowly()

        assert {sender.statuses["slow"], sender.statuses["no HTTP"], sender.statuses["endless head"]} == {408, 400, 431}
        assert plain["mo_message"].strip() in installation.run("transcript", plain["session_reference_id"], shown=True)
        assert installation.findings(sent["evidence"]["session_reference_id"]) == {(rule, FindingKind.MATCH) for rule in CONTACTS}
        assert installation.findings(sent["digits 2"]["session_reference_id"]) == {("contact.split_phone", FindingKind.MATCH)}
        assert installation.findings(sent["raises"]["session_reference_id"]) == {(RULE, FindingKind.ERROR)}
        assert set(installation.quarantined()) == REASONS
        assert installation.failed_jobs() > 0
        assert list(installation.directory.glob("temporary/crossline-metrics-*/counter_*.db")) != []

        replay(installation)

    after_rotation(installation, plain)
    assert_planted_is_seen_and_nothing_else(installation, sender, outsider)


def sender_to(web: CrosslineProcess, installation: Installation, client: httpx.Client) -> Sender:
    """A sender to one web process, once that is ready."""
    web.wait_ready()
    settings = installation.settings
    token, api_key = settings.callback_tokens[0].get_secret_value(), settings.telesign_api_keys[0].get_secret_value()
    return Sender(web.url, token, api_key, installation.marks, client)


def assert_hidden(installation: Installation, *senders: Sender, files_of_postgres: bool = True) -> None:
    """Nothing that was ever sent stands anywhere."""
    answers = [answer for sender in senders for answer in sender.answers]

    assert installation.sightings(answers, files_of_postgres=files_of_postgres) == set()


def while_redis_is_down(installation: Installation, sender: Sender) -> None:
    """Messages spill into the database, and then nobody takes them."""
    installation.valkey.kill()
    for name in ("spilled", "spilled too"):
        assert sender.send(name, sender.callback(name)) == 200
    for path in ("/readyz", "/healthz", "/metrics"):
        assert sender.get(path, name=f"{path} without Redis").status_code == 200
    installation.run("inbox")
    with installation.blocked_database():
        assert sender.send("no store", sender.callback("no store")) == 503
        sender.get("/readyz", name="/readyz without stores")
    installation.valkey.start()
    installation.prepare_redis()
    assert_hidden(installation, sender, files_of_postgres=False)


def while_rules_fail(installation: Installation) -> None:
    """A rule raises, one panics, one ends the process: the last two messages are poison, and everything else is worked off."""
    worker = installation.faulty_worker()
    installation.processes.append(worker)

    def is_worked_off() -> bool:
        if not worker.is_running:
            worker.start()
        installation.ring_if_due()
        return installation.waiting() == 0

    wait_until(is_worked_off, within_s=60, every_s=0.2, what="poison in quarantine")
    worker.stop()

    assert installation.quarantined()[quarantine.POISON] == 2


def while_the_database_fails(installation: Installation, sender: Sender, worker: CrosslineProcess) -> None:
    """Work fails in every way that a database has, and goes on when it is mended."""
    for name, (breaking, mending) in TROUBLES[installation.kind].items():
        lines = len(worker.log())
        installation.execute(*breaking)
        assert sender.send(name, sender.callback(name, "call 510-444-5610")) == 200
        wait_for_failure(worker, after=lines)
        installation.run("transcript", "find", "--phone", "-", stdin=sender.marks.number(f"sought while {name}"))
        installation.execute(*mending)
        wait_until(lambda: installation.waiting() == 0, within_s=30, every_s=0.1, what=f"an empty inbox after {name}")
    if installation.postgres is not None:
        assert sender.send("killed", sender.callback("killed")) == 200
        installation.postgres.kill()
        installation.run("quarantine", "list")
        installation.postgres.start()
        wait_until(lambda: installation.waiting() == 0, within_s=30, every_s=0.1, what="an empty inbox after the database was killed")


def wait_for_failure(worker: CrosslineProcess, *, after: int) -> None:
    """Return when a worker says that its work failed, in what it wrote `after` so many characters."""
    wait_until(lambda: any(event in worker.log()[after:] for event in ("drain_paused", "batch_failed")), within_s=20, what="a failure")


def look_around(installation: Installation, sender: Sender, plain: dict[str, str]) -> None:
    """What an operator looks at."""
    for path in ("/readyz", "/metrics", "/healthz"):
        assert sender.get(path).status_code == 200
    assert sender.get("/metrics", name="metrics from afar", **{"X-Forwarded-For": "192.0.2.7"}).status_code == 401
    for command in ("inbox", "quarantine list", "inbox --json", "quarantine list --json", "keys list", "doctor", "migrate", "--help"):
        installation.run(*command.split(" "))
    for entry in json.loads(installation.run("quarantine", "list", "--json"))["entries"][:3]:
        installation.run("quarantine", "show", entry["id"])
    installation.run("quarantine", "replay", "--all", "--dry-run")
    found = installation.run("transcript", "find", "--phone", "-", stdin="+" + plain["from_phone_number"])

    assert plain["session_reference_id"] in found


def replay(installation: Installation) -> None:
    """What was badly signed is run again, as a message; what cannot be read stays."""
    installation.run("quarantine", "replay", "--reason", "signature_wrong")
    installation.run("quarantine", "replay", "--reason", "malformed_callback", "--json")
    wait_until(lambda: installation.waiting() == 0, within_s=30, every_s=0.1, what="an empty inbox after the replay")

    assert set(installation.quarantined()) == REASONS - {"signature_wrong"}


def after_rotation(installation: Installation, plain: dict[str, str]) -> None:
    """Data keys are wrapped anew; what then has the old key alone is told so."""
    new = secrets.token_hex(32)
    installation.marks.key("new key", new)
    both = f"{new},{installation.environ['CROSSLINE_ENCRYPTION_KEYS']}"
    installation.run("keys", "rotate", CROSSLINE_ENCRYPTION_KEYS=both)
    installation.run("transcript", plain["session_reference_id"])
    installation.run("transcript", plain["session_reference_id"], LOG_LEVEL="debug")

    assert plain["mo_message"].strip() in installation.run(
        "transcript", plain["session_reference_id"], shown=True, CROSSLINE_ENCRYPTION_KEYS=both
    )


def assert_planted_is_seen_and_nothing_else(installation: Installation, *senders: Sender) -> None:
    """One search over all that is left finds what is planted in each kind of place, and so would have found the rest."""
    planted = installation.marks.text("planted")
    log = installation.processes[0].log_path
    with installation.valkey.client() as client:
        client.hset("planted", "data", zlib.compress(planted.encode("utf-16")))
        client.config_set("rdbcompression", "no")
        client.save()
    installation.execute("CREATE TABLE planted (value TEXT)", f"INSERT INTO planted VALUES ('{planted}')")
    with log.open("a") as lines:
        lines.write(json.dumps({"event": planted}) + "\n")
    answers = [answer for sender in senders for answer in sender.answers]
    reader = ServerProcess(installation.directory / "reader.log")
    reader.spawn([sys.executable, "-c", "import time; time.sleep(60)", planted])
    installation.processes.append(reader)
    found = installation.sightings([*answers, Place("answer: planted", base64.b64encode(planted.encode()))])
    reader.stop()
    installation.execute("DROP TABLE planted")
    places = {sighting.place for sighting in found}
    expected = {
        "Redis: planted",
        "file dump.rdb",
        "table planted.value",
        f"file {log.name}",
        "answer: planted",
        f"command line of {reader.pid}",
    }

    assert {sighting for sighting in found if sighting.what != "text: planted"} == set()
    assert expected <= places
    assert any(place.startswith("file appendonlydir") for place in places)
    assert any(place.startswith("file data/base" if installation.postgres else "file crossline.db") for place in places)
    assert len(places) <= len(expected) + FILES_OF_STORES
