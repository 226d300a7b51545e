"""Processes with keys that are not those of their database: they do nothing, and say so."""

import secrets

import httpx
import pytest

from schemas.clock import utcnow
from schemas.settings import Settings
from store import conversations
from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.keys import check_keys
from store.sealing.keyring import Keyring, index_key_id
from tests.support.callbacks import callback_body
from tests.support.crossline import StartProcess
from tests.support.valkey import ValkeyProcess


def used_with(settings: Settings) -> None:
    """Let the database remember these keys, as it does once somebody worked with it."""
    database = Database.open(settings.database_url.get_secret_value())
    keyring = Keyring([key.get_secret_value() for key in settings.encryption_keys])
    check_keys(database, keyring, index_key_id(settings.index_key.get_secret_value()))
    with database.begin() as tx:
        conversations.lock(tx, keyring, ["AB" * 16], now=utcnow())
    database.close()


@pytest.mark.parametrize(
    "name, says",
    [
        pytest.param("CROSSLINE_INDEX_KEY", "CROSSLINE_INDEX_KEY is another key", id="another index key"),
        pytest.param("CROSSLINE_ENCRYPTION_KEYS", "CROSSLINE_ENCRYPTION_KEYS lacks a key", id="an encryption key is missing"),
    ],
)
def test_a_worker_waits_and_says_which_key_is_wrong(
    crossline_process: StartProcess, environ: dict[str, str], settings: Settings, name: str, says: str
) -> None:
    used_with(settings)
    worker = crossline_process("worker", environ=environ | {name: secrets.token_hex(32)}, until_log="waiting_for_stores")

    assert says in worker.log()
    assert "screener_started" not in worker.log()
    assert environ[name] not in worker.log()


@pytest.mark.parametrize("ack, named", [("auto", "redis"), ("redis", "redis"), ("database", "database")])
def test_a_web_process_with_another_index_key_accepts_nothing_in_either_store(
    crossline_process: StartProcess,
    environ: dict[str, str],
    settings: Settings,
    valkey: ValkeyProcess,
    database: Database,
    ack: str,
    named: str,
) -> None:
    used_with(settings)
    wrong = {"CROSSLINE_INDEX_KEY": secrets.token_hex(32), "CROSSLINE_ACK": ack}
    web = crossline_process("web", environ=environ | wrong)
    answer = httpx.post(f"{web.url}/callbacks/telesign/{environ['CROSSLINE_CALLBACK_TOKENS']}", content=callback_body(), trust_env=False)
    ready = httpx.get(f"{web.url}/readyz", trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (503, "no_store_accepts")
    assert ready.status_code == 503
    assert "CROSSLINE_INDEX_KEY" in ready.json()["stores"][named]["detail"]
    with valkey.client() as client:
        assert client.keys("c*") == []
    assert DatabaseInbox(database).backlog().batches == 0


def test_a_web_process_with_the_right_index_key_accepts(
    crossline_process: StartProcess, environ: dict[str, str], settings: Settings
) -> None:
    used_with(settings)
    web = crossline_process("web", environ=environ)
    answer = httpx.post(f"{web.url}/callbacks/telesign/{environ['CROSSLINE_CALLBACK_TOKENS']}", content=callback_body(), trust_env=False)

    assert answer.status_code == 200
