"""`crossline up`: what it prints works, what it started ends with it, and what was acknowledged survives it."""

import os
import shutil
import signal
import socket
import stat
import subprocess
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from crossline import datadir
from crossline.embedded import valkey_on
from tests.support.crossline import run_crossline
from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.valkey import ValkeyProcess
from tests.system.conftest import StartUp, Up, gone

EXAMPLE_TEXT = "I am standing at the corner wearing a blue shirt"


def shows_the_example(up: Up) -> bool:
    """Whether the printed transcript line shows the message of the printed curl line."""
    return EXAMPLE_TEXT in up.sh(up.transcript_line).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_lines_stand_whole_and_send_a_message_and_show_it(up: StartUp) -> None:
    running = up()

    sent = running.sh(running.curl_line)

    assert "\x1b" not in running.log()
    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "200\n", "")
    wait_until(lambda: shows_the_example(running), within_s=10, what="the message in the transcript")


def test_ctrl_c_stops_everything_that_was_started(up: StartUp) -> None:
    running = up()
    family = running.family()

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(within_s=10) == 130
    assert gone(family)
    assert len(family) == 6
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
    assert httpx.get(f"{running.url}/readyz", trust_env=False).status_code == 200


def test_a_port_that_is_taken_is_named_and_nothing_is_started(short_dir: Path) -> None:
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


def test_a_child_that_dies_is_started_again(up: StartUp) -> None:
    running = up()

    for word in ("uvicorn", "worker", "valkey-server"):
        child = running.child(word)
        child.kill()
        wait_until(partial(was_replaced, running, child, word), what="its successor")
        wait_until(partial(all_is_well, running), within_s=20, what="readiness")

    assert running.log().count("process_ended") >= 3


def was_replaced(running: Up, child: psutil.Process, word: str) -> bool:
    """Whether another child with that word in its command line runs."""
    others = [other for other in psutil.Process(running.pid).children() if other.pid != child.pid]
    return any(word in " ".join(other.cmdline()) for other in others)


def all_is_well(running: Up) -> bool:
    """Whether every store accepts."""
    try:
        return bool(httpx.get(f"{running.url}/readyz", trust_env=False).json()["status"] == "up")
    except httpx.HTTPError:
        return False


def test_a_valkey_that_an_earlier_one_left_is_found_and_stopped(up: StartUp, short_dir: Path) -> None:
    directory = earlier_run(short_dir)
    with valkey_on(directory) as valkey:
        command = [str(valkey.binary), "--port", "0", "--unixsocket", str(valkey.socket), "--dir", str(directory)]
        command += ["--pidfile", str(directory / "valkey.pid"), "--set-proc-title", "no", "--appendonly", "yes"]
        orphan = subprocess.Popen(command, pass_fds=[valkey.lock_fd], stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until((directory / "valkey.pid").exists, what="the orphan's pid file")

    up()

    assert orphan.wait(5) is not None


def test_a_stranger_on_the_valkey_directory_is_not_joined(short_dir: Path) -> None:
    stranger = ValkeyProcess(earlier_run(short_dir))
    stranger.start()
    try:
        refused = run_crossline("up", "--port", "0", environ={}, cwd=short_dir)
    finally:
        stranger.stop()

    assert refused.returncode == 2
    assert f"Process {stranger.pid}" in refused.stderr


def test_data_without_its_keys_is_not_touched(short_dir: Path) -> None:
    earlier_run(short_dir)
    (short_dir / ".crossline" / "secrets.json").unlink()

    refused = run_crossline("up", "--port", "0", environ={}, cwd=short_dir)

    assert refused.returncode == 2
    assert "secrets.json" in refused.stderr


def earlier_run(directory: Path) -> Path:
    """What an earlier `up` left, as far as a later one looks at it first; the directory of its Valkey."""
    data_dir = directory / ".crossline"
    datadir.prepare(data_dir)
    datadir.make_secrets(data_dir)
    (data_dir / "valkey").mkdir()
    return data_dir / "valkey"


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


def test_stores_of_ones_own_are_used_instead_of_the_embedded_ones(up: StartUp, valkey_url: str, postgresql_url: str) -> None:
    running = up(environ={"REDIS_URL": valkey_url, "DATABASE_URL": postgresql_url})

    assert httpx.get(f"{running.url}/readyz", trust_env=False).json()["status"] == "up"
    assert not (running.directory / ".crossline" / "crossline.db").exists()
    assert not (running.directory / ".crossline" / "valkey").exists()


def test_the_demo_is_signed_and_accepted_and_stops_with_the_rest(up: StartUp) -> None:
    running = up("--demo")
    wait_until(lambda: "The demo plays" in running.log(), what="the demo")
    wait_until(lambda: "crossline_callbacks_accepted_total" in _metrics(running), what="accepted messages")
    refused = "crossline_callbacks_refused_total{" in _metrics(running)
    family = running.family()

    os.kill(running.pid, signal.SIGTERM)

    assert running.wait(within_s=10) == 0
    assert gone(family)
    assert not refused


def _metrics(running: Up) -> str:
    return httpx.get(f"{running.url}/metrics", trust_env=False).text


def test_a_database_that_is_not_there_is_waited_for_and_ctrl_c_still_stops(up: StartUp) -> None:
    running = up(environ={"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}, ready=False)
    wait_until(lambda: "Waiting for the database" in running.log(), within_s=20, what="the line about it")
    family = running.family()

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(within_s=15) == 130
    assert gone(family)


def test_a_schema_that_cannot_be_made_ends_it_with_the_reason(up: StartUp, short_dir: Path) -> None:
    (short_dir / "no-database").write_text("something else altogether, and long enough to be looked at as a header\n" * 50)

    running = up(environ={"DATABASE_URL": f"sqlite:///{short_dir / 'no-database'}"}, ready=False)

    assert running.wait(within_s=60) == 2
    assert "schema could not be brought up to date" in running.log()
