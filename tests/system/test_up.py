"""`crossline up`: what it prints works, what it started ends with it, and what was acknowledged survives it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from crossline.embedded import valkey_on
from tests.support.crossline import run_crossline
from tests.support.polling import wait_until
from tests.support.valkey import ValkeyProcess
from tests.system.conftest import StartUp, Up, gone

EXAMPLE_TEXT = "I am standing at the corner wearing a blue shirt"


def shows_the_example(up: Up) -> bool:
    """Whether the printed transcript line shows the message of the printed curl line."""
    return EXAMPLE_TEXT in up.sh(up.transcript_line).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_lines_send_a_message_and_show_it(up: StartUp) -> None:
    running = up()

    sent = running.sh(running.curl_line)

    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "200\n", "")
    wait_until(lambda: shows_the_example(running), within_s=10, what="the message in the transcript")


def test_what_is_printed_stands_whole_on_its_lines_without_colours(up: StartUp) -> None:
    printed = up().log()

    assert "\x1b" not in printed
    assert sum("/callbacks/telesign/" in line for line in printed.splitlines()) == 2


@pytest.mark.parametrize("number, exit_code", [pytest.param(signal.SIGINT, 130, id="ctrl-c"), pytest.param(signal.SIGTERM, 0, id="sigterm")])
def test_a_request_to_stop_stops_everything_that_was_started(up: StartUp, number: signal.Signals, exit_code: int) -> None:
    running = up("--demo")
    family = running.family()

    os.kill(running.pid, number)

    assert running.wait(within_s=10) == exit_code
    assert gone(family)
    assert len(family) >= 6
    assert "Traceback" not in running.log()


def test_stopping_while_it_starts_stops_everything_too(up: StartUp) -> None:
    running = up(ready=False)
    wait_until(lambda: len(running.family()) >= 3, what="the first children")
    family = running.family()

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(within_s=10) == 130
    assert gone(family)


def test_killed_with_sigkill_it_leaves_no_process_and_loses_no_message(up: StartUp) -> None:
    running = up()
    for process in psutil.Process(running.child("worker").pid).children():
        process.suspend()
    callback = {
        "submit_timestamp": "2026-03-04T05:06:07.000008",
        "from_phone_number": "15550100",
        "mo_message": "the side entrance, please",
        "mo_reference_id": "A" * 32,
        "session_reference_id": "B" * 32,
        "to_phone_number": "15550101",
    }
    answer = httpx.post(running.private_uri, json=callback, trust_env=False)
    family = running.family()

    os.kill(running.pid, signal.SIGKILL)

    assert answer.status_code == 200
    wait_until(lambda: gone(family), within_s=2, what="no process left")
    again = up()
    transcript = again.transcript_line.replace("B5862A14363C016C8832D53625270015", "B" * 32)
    wait_until(lambda: "the side entrance, please" in again.sh(transcript).stdout, within_s=60, what="the message in the transcript")


def test_a_second_one_in_the_same_data_dir_is_refused(up: StartUp) -> None:
    running = up()

    second = up(ready=False)

    assert second.wait(within_s=15) == 2
    assert f"process {running.pid}" in second.log()
    assert "--data-dir" in second.log()
    assert httpx.get(f"{json.loads((running.directory / '.crossline/runtime.json').read_text())['private_uri']}", trust_env=False)
    assert running.is_running


def test_a_port_that_is_taken_is_named_and_nothing_is_left_running(up: StartUp, short_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_crossline("up", "--port", str(port), environ={}, cwd=short_dir)

    assert refused.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in refused.stderr
    assert "--port" in refused.stderr
    assert not (short_dir / ".crossline" / "valkey").exists()


def test_token_and_keys_are_private_and_kept_over_restarts(up: StartUp) -> None:
    first = up()
    uri = first.private_uri
    directory = first.directory / ".crossline"
    secrets = (directory / "secrets.json").read_bytes()
    first.stop()

    second = up()

    assert second.private_uri.rpartition("/")[2] == uri.rpartition("/")[2]
    assert (directory / "secrets.json").read_bytes() == secrets
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE((directory / name).stat().st_mode) for name in ("secrets.json", "runtime.json")} == {0o600}


@pytest.mark.parametrize("word", ["uvicorn", "worker", "valkey-server"])
def test_a_child_that_dies_is_started_again(up: StartUp, word: str) -> None:
    running = up()
    child = running.child(word)

    child.kill()

    wait_until(lambda: "process_ended" in running.log(), what="the line about it")
    wait_until(lambda: any(word in " ".join(one.cmdline()) for one in psutil.Process(running.pid).children()), what="its successor")
    wait_until(lambda: _answers(running), within_s=20, what="200 again")
    assert gone([child])


def _answers(running: Up) -> bool:
    try:
        return httpx.get(f"{running.url}/readyz", trust_env=False).json()["status"] == "up"
    except httpx.HTTPError:
        return False


def test_a_valkey_that_an_earlier_one_left_is_found_and_stopped(up: StartUp) -> None:
    first = up()
    directory = first.directory / ".crossline" / "valkey"
    first.stop()
    with valkey_on(directory) as valkey:
        command = [str(valkey.binary), "--port", "0", "--unixsocket", str(valkey.socket), "--dir", str(directory)]
        command += ["--pidfile", str(directory / "valkey.pid"), "--set-proc-title", "no", "--appendonly", "yes"]
        orphan = subprocess.Popen(command, pass_fds=[valkey.lock_fd], stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: (directory / "valkey.pid").exists(), what="the orphan's pid file")

    up()

    assert orphan.wait(5) is not None


def test_a_stranger_on_the_valkey_directory_is_not_joined(up: StartUp, short_dir: Path) -> None:
    first = up()
    first.stop()
    stranger = ValkeyProcess(short_dir / ".crossline" / "valkey")
    stranger.start()
    try:
        refused = run_crossline("up", "--port", "0", environ={}, cwd=short_dir)
    finally:
        stranger.stop()

    assert refused.returncode == 2
    assert f"Process {stranger.pid}" in refused.stderr


def test_data_without_its_keys_is_not_touched(up: StartUp, short_dir: Path) -> None:
    up().stop()
    (short_dir / ".crossline" / "secrets.json").unlink()

    refused = run_crossline("up", "--port", "0", environ={}, cwd=short_dir)

    assert refused.returncode == 2
    assert "secrets.json" in refused.stderr


def test_folders_named_like_ours_in_the_current_directory_are_not_ours(up: StartUp, short_dir: Path) -> None:
    for name in ("store", "schemas", "workers"):
        (short_dir / name).mkdir()
        (short_dir / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")

    running = up()

    assert httpx.get(f"{running.url}/readyz", trust_env=False).status_code == 200


def test_a_data_dir_with_a_long_path_works(up: StartUp, tmp_path: Path) -> None:
    running = up("--data-dir", str(tmp_path / ("long-" * 20)))

    assert httpx.get(f"{running.url}/readyz", trust_env=False).json()["status"] == "up"
    assert "--data-dir" in running.transcript_line


def test_stores_of_ones_own_are_used_instead_of_the_embedded_ones(up: StartUp, valkey_url: str, database_url: str) -> None:
    running = up(environ={"REDIS_URL": valkey_url, "DATABASE_URL": database_url})

    assert httpx.get(f"{running.url}/readyz", trust_env=False).json()["status"] == "up"
    assert not (running.directory / ".crossline" / "crossline.db").exists()
    assert not (running.directory / ".crossline" / "valkey").exists()


def test_the_demo_is_signed_and_accepted(up: StartUp) -> None:
    running = up("--demo")

    assert "The demo plays 48 conversations" in wait_until(lambda: "The demo plays" in running.log() and running.log(), what="the demo")
    wait_until(lambda: "crossline_callbacks_accepted_total" in _metrics(running), what="accepted messages")
    assert "crossline_callbacks_refused_total{" not in _metrics(running)


def _metrics(running: Up) -> str:
    return httpx.get(f"{running.url}/metrics", trust_env=False).text
