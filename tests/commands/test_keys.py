"""`crossline keys`: a rotation from beginning to end, killed in the middle, and when the old key may go."""

import json
import os
import re
import secrets
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from schemas import keys
from schemas.settings import Settings
from store import conversations
from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.keys import Sealed, left_to_rotate
from store.sealing.keyring import Keyring, key_id
from tests.commands.conftest import Run
from tests.commands.stored import RECEIVED_AT, digests_of, keyring_of, make_batch, make_message, quarantine_bodies, store_messages
from tests.support.crossline import CrosslineProcess
from tests.support.environment import make_environ
from tests.support.polling import wait_until

NEW_KEY = "ab" * 32
NEW = bytes.fromhex(NEW_KEY)


def with_new_key(environ: Mapping[str, str]) -> dict[str, str]:
    return {"CROSSLINE_ENCRYPTION_KEYS": f"{NEW_KEY},{environ['CROSSLINE_ENCRYPTION_KEYS']}"}


def test_a_new_key_is_64_hex_digits_and_says_where_it_goes(run: Run) -> None:
    result = run("keys", "new")

    assert re.fullmatch(r"[0-9a-f]{64}\n", result.stdout)
    assert "first in CROSSLINE_ENCRYPTION_KEYS" in result.stderr


def test_after_a_rotation_the_old_key_may_go_and_everything_is_read(
    run: Run, environ: dict[str, str], settings: Settings, valkey_url: str
) -> None:
    store_messages(settings, [make_message(session_reference_id=f"S-{at}", mo_message=f"text {at}") for at in range(7)])
    [entry] = quarantine_bodies(settings, [("malformed_callback", b"not json")])
    old = keyring_of(settings).sealing_id.hex()

    before = json.loads(run("keys", "list", "--json", changes=with_new_key(environ)).stdout)
    rotated = run("keys", "rotate", "--batch", "2", changes=with_new_key(environ))
    after = json.loads(run("keys", "list", "--json", changes=with_new_key(environ)).stdout)
    only_new = {"CROSSLINE_ENCRYPTION_KEYS": NEW_KEY}
    read = [run("transcript", f"S-{at}", changes=only_new).stdout for at in range(7)]
    body = run("quarantine", "show", entry, "--body", changes=only_new)

    assert [(row["key_id"], row["conversations"], row["quarantined"], row["removable"]) for row in before["keys"]] == [
        (key_id(NEW).hex(), 0, 0, False),
        (old, 7, 1, False),
    ]
    assert rotated.exit_code == 0, rotated.output
    assert "7 conversations sealed anew" in rotated.stdout
    assert f"Not needed any more: {old}" in rotated.stdout
    assert [(row["key_id"], row["conversations"], row["removable"]) for row in after["keys"]] == [
        (key_id(NEW).hex(), 7, False),
        (old, 0, True),
    ]
    assert all(f"text {at}" in read[at] for at in range(7))
    assert "not json" in body.stdout


@pytest.mark.parametrize("store", ["redis", "database"])
def test_a_waiting_batch_still_needs_the_old_key(
    run: Run, environ: dict[str, str], settings: Settings, valkey_url: str, database: Database, store: str
) -> None:
    batch = make_batch(keyring_of(settings), digests_of(settings))
    if store == "redis":
        with redis.Redis.from_url(valkey_url) as client:
            client.hset(keys.INBOX_BATCHES, batch.id, batch.sealed)
    else:
        DatabaseInbox(database).accept(batch)

    result = run("keys", "rotate", changes=with_new_key(environ))

    assert result.exit_code == 1
    assert "still needed by 1 waiting batches" in result.stdout
    assert "Not needed any more" not in result.stdout


def test_a_rotation_tells_a_script_what_it_did(run: Run, environ: dict[str, str], settings: Settings) -> None:
    store_messages(settings, [make_message()])

    result = run("keys", "rotate", "--json", changes=with_new_key(environ))

    assert json.loads(result.stdout) == {
        "key_id": key_id(NEW).hex(),
        "conversations": {"sealed_anew": 1, "unreadable": 0},
        "quarantine": {"sealed_anew": 0, "unreadable": 0},
    }


def test_while_redis_cannot_be_asked_no_key_is_said_to_be_free(run: Run, environ: dict[str, str]) -> None:
    result = run("keys", "list", changes={**with_new_key(environ), "REDIS_URL": "redis://127.0.0.1:1/0"})

    assert "Keep all keys until it is." in result.stdout
    assert "Not needed any more" not in result.stdout


def test_a_key_that_is_needed_and_missing_is_named(run: Run, settings: Settings) -> None:
    store_messages(settings, [make_message()])
    missing = keyring_of(settings).sealing_id.hex()

    listed = run("keys", "list", changes={"CROSSLINE_ENCRYPTION_KEYS": NEW_KEY})
    rotated = run("keys", "rotate", changes={"CROSSLINE_ENCRYPTION_KEYS": NEW_KEY})

    assert f"Key {missing} is needed and is not in CROSSLINE_ENCRYPTION_KEYS" in listed.stdout
    assert rotated.exit_code == 2
    assert missing in rotated.stderr


def test_what_no_key_opens_is_counted_and_the_rest_is_rotated(
    run: Run, environ: dict[str, str], settings: Settings, database: Database
) -> None:
    store_messages(settings, [make_message(session_reference_id=f"S-{at}") for at in range(3)])
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE conversations SET session_reference_id = 'S-moved' WHERE session_reference_id = 'S-1'")

    result = run("keys", "rotate", changes=with_new_key(environ))

    assert "2 conversations sealed anew" in result.stdout
    assert "1 could not be opened by any key" in result.stderr
    assert result.exit_code == 1


def test_a_conversation_that_a_worker_holds_is_waited_for(run: Run, valkey_url: str, postgresql_url: str) -> None:
    environ = make_environ(redis_url=valkey_url, database_url=postgresql_url)
    settings = Settings.load(environ)
    store_messages(settings, [make_message(session_reference_id="S-1")])
    worker = Database.open(settings.database_url.get_secret_value())
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with worker.begin() as tx:
            conversations.lock(tx, keyring_of(settings), ["S-1"], now=RECEIVED_AT)
            locked.set()
            done.wait(0.5)

    holding = threading.Thread(target=hold)
    holding.start()
    locked.wait(10)
    result = run("keys", "rotate", changes={**environ, **with_new_key(environ)})
    done.set()
    holding.join()
    worker.close()

    assert "1 conversations sealed anew" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_rotation_that_is_stopped_in_the_middle_is_finished_by_the_next(
    environ: dict[str, str], settings: Settings, tmp_path: Path, run: Run, database: Database, how: signal.Signals
) -> None:
    store_messages(settings, [make_message(session_reference_id=f"S-{at}") for at in range(400)])
    ring = Keyring([NEW, settings.encryption_keys[0].get_secret_value()])

    def left() -> int:
        with database.read() as tx:
            return left_to_rotate(tx, ring, Sealed.CONVERSATIONS)

    process = CrosslineProcess(tmp_path, ["keys", "rotate", "--batch", "1"], {**environ, **with_new_key(environ)})
    process.start()
    wait_until(lambda: left() < 400, within_s=30)
    os.kill(process.pid, how)
    process.wait()
    between = left()
    finished = run("keys", "rotate", changes=with_new_key(environ))

    assert 0 < between < 400
    assert f"{between} conversations sealed anew" in finished.stdout
    assert left() == 0
    assert "S-399" not in process.log()
    assert secrets.compare_digest(run("keys", "rotate", changes=with_new_key(environ)).stdout[:2], "0 ")
