"""`crossline worker`: its processes end with it, however it ends, and start again when they end by themselves."""

import os
import signal
from pathlib import Path

import psutil

from store.doorbell import ring
from tests.support.crossline import CrosslineProcess, StartProcess
from tests.support.environment import make_environ
from tests.support.polling import wait_until
from tests.support.valkey import ValkeyProcess
from tests.system.conftest import gone


def parts(worker: CrosslineProcess) -> list[psutil.Process]:
    """The processes that the worker supervises, oldest first."""
    return sorted(psutil.Process(worker.pid).children(), key=lambda process: process.create_time())


def test_it_runs_as_many_screeners_as_asked_for_and_one_keeper(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    worker = crossline_process("worker", "--processes", "2", environ=environ, until_log="keeper_started")

    assert len(parts(worker)) == 3


def test_sigterm_ends_all_of_it_in_time(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    family = parts(worker)

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(within_s=5) == 0
    assert gone(family)


def test_after_its_first_jobs_it_works_on_and_ends_in_time(
    crossline_process: StartProcess, environ: dict[str, str], valkey: ValkeyProcess
) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    with valkey.client() as client:
        for _ in range(3):
            ring(client)
            wait_until(lambda: not client.keys("rq:job:*"), within_s=5, what="an end of the job")

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(within_s=5) == 0
    assert "screener_stopped" in worker.log()
    assert "unhandled" not in worker.log()


def test_sigkill_of_the_supervisor_ends_all_of_it(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    family = parts(worker)

    os.kill(worker.pid, signal.SIGKILL)

    wait_until(lambda: gone(family), within_s=2, what="no process left")


def test_a_screener_that_is_killed_is_replaced(crossline_process: StartProcess, environ: dict[str, str]) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    screener, keeper = parts(worker)

    screener.kill()

    assert "SIGKILL" in worker.wait_for_log("process_ended")
    wait_until(lambda: len(parts(worker)) == 2 and screener.pid not in [part.pid for part in parts(worker)], what="its successor")
    assert keeper.is_running()


def test_sigterm_ends_it_at_once_while_it_waits_for_its_stores(crossline_process: StartProcess, tmp_path: Path) -> None:
    environ = make_environ(database_url=f"sqlite:///{tmp_path / 'empty.db'}")
    worker = crossline_process("worker", environ=environ, until_log="waiting_for_stores")

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(within_s=3) == 0


def test_after_redis_was_away_for_long_the_next_job_does_not_wait_for_long(
    crossline_process: StartProcess, environ: dict[str, str], valkey: ValkeyProcess
) -> None:
    worker = crossline_process("worker", environ=environ, until_log="screener_started")
    with valkey.client() as client:
        wait_until(lambda: client.info("clients")["blocked_clients"] == 1, what="a screener that waits for a job")
    valkey.kill()
    wait_until(lambda: worker.log().count("could not connect to Redis") >= 4, within_s=20, what="tries to reach Redis")
    valkey.start()
    with valkey.client() as client:
        ring(client)

        wait_until(lambda: not client.keys("rq:job:*"), within_s=5, what="an end of the job")
