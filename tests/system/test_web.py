"""`crossline web`: what stands between the command and the application."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from store.engine import Database
from store.migrate import upgrade
from tests.support.callbacks import callback_body
from tests.support.crossline import StartProcess, run_crossline
from tests.support.environment import make_environ
from tests.support.polling import wait_until
from tests.support.valkey import ValkeyProcess
from tests.system.conftest import gone


@pytest.fixture
def empty_database_url(tmp_path: Path) -> str:
    """A database without a schema."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    """That database, open."""
    database = Database.open(empty_database_url)
    yield database
    database.close()


def test_every_problem_of_the_settings_is_named_at_once(tmp_path: Path) -> None:
    environ = make_environ(REDIS_URL=None, CROSSLINE_INDEX_KEY="short", PORT="http")

    refused = run_crossline("web", environ=environ, cwd=tmp_path)

    assert refused.returncode == 2
    assert [name for name in ("REDIS_URL", "CROSSLINE_INDEX_KEY", "PORT") if name not in refused.stderr] == []
    assert "short" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_effective_settings_are_logged_without_a_secret(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    web = crossline_process("web", environ=environ)

    line = web.wait_for_log('"settings"')
    secrets = ("CROSSLINE_CALLBACK_TOKENS", "CROSSLINE_ENCRYPTION_KEYS", "CROSSLINE_INDEX_KEY", "CROSSLINE_TELESIGN_API_KEYS", "REDIS_URL")
    assert [name for name in secrets if environ[name] in web.log()] == []
    assert '"callback_tokens": "1 set"' in line


def test_without_a_schema_the_database_takes_nothing_until_it_is_migrated(
    crossline_process: StartProcess, empty_database_url: str, database: Database
) -> None:
    environ = make_environ(database_url=empty_database_url)
    web = crossline_process("web", environ=environ)
    before = httpx.get(f"{web.url}/readyz", trust_env=False)
    web.wait_for_log("waiting_for_the_schema")

    upgrade(database)

    assert before.status_code == 503
    assert "crossline migrate" in before.text
    wait_until(lambda: httpx.get(f"{web.url}/readyz", trust_env=False).status_code == 200, within_s=15, what="readiness")


def test_an_idle_process_notices_within_a_second_or_two_that_a_store_is_gone(
    crossline_process: StartProcess, environ: dict[str, str], valkey: ValkeyProcess
) -> None:
    web = crossline_process("web", environ=environ)
    before = httpx.get(f"{web.url}/readyz", trust_env=False).json()["status"]

    valkey.kill()

    assert before == "up"
    wait_until(lambda: httpx.get(f"{web.url}/readyz", trust_env=False).json()["status"] == "degraded", within_s=5, what="degraded")


def test_several_processes_count_together_and_end_with_the_first(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    web = crossline_process("web", environ=environ | {"WEB_CONCURRENCY": "2"})
    uri = f"{web.url}/callbacks/telesign/{environ['CROSSLINE_CALLBACK_TOKENS']}"
    for _ in range(8):
        httpx.post(uri, content=b"no callback", trust_env=False)
    metrics = httpx.get(f"{web.url}/metrics", trust_env=False).text
    servers = psutil.Process(web.pid).children(recursive=True)

    os.kill(web.pid, signal.SIGKILL)

    assert 'crossline_callbacks_refused_total{code="malformed_callback"} 8.0' in metrics
    wait_until(lambda: gone(servers), within_s=3, what="no process left")


def test_sigterm_is_obeyed_in_time_though_redis_hangs(
    crossline_process: StartProcess, environ: dict[str, str], valkey: ValkeyProcess
) -> None:
    web = crossline_process("web", environ=environ)
    uri = f"{web.url}/callbacks/telesign/{environ['CROSSLINE_CALLBACK_TOKENS']}"
    first = httpx.post(uri, content=callback_body(), trust_env=False)
    valkey.pause()
    try:
        second = httpx.post(uri, content=callback_body(), trust_env=False)

        os.kill(web.pid, signal.SIGTERM)

        assert (first.status_code, second.status_code) == (200, 200)
        assert web.wait(within_s=5) in (0, -signal.SIGTERM)
    finally:
        valkey.resume()
