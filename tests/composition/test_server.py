"""What `crossline web` starts: uvicorn's flags, and what the settings look like in a log."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crossline.commands.web import effective, server
from tests.support.environment import make_environ, make_settings


def test_the_server_is_told_where_to_listen_and_to_keep_to_itself() -> None:
    command, additions = server(make_settings(HOST="192.0.2.1", PORT="8123"))

    assert command[:4] == [sys.executable, "-P", "-m", "uvicorn"]
    assert command[-1] == "crossline.web:create_app"
    assert " ".join(command[command.index("--host") :]).startswith("--host 192.0.2.1 --port 8123 --workers 1")
    assert [flag for flag in ("--no-access-log", "--no-server-header", "--no-proxy-headers") if flag not in command] == []
    assert additions == {}


def test_several_processes_get_a_fresh_private_directory_and_old_ones_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used, other = (tmp_path / f"crossline-metrics-{name}" for name in (f"{ended.pid}-x", f"{os.getppid()}-x", "else"))
    for directory in (left, used, other):
        directory.mkdir()

    _command, additions = server(make_settings(WEB_CONCURRENCY="2"))

    fresh = Path(additions["PROMETHEUS_MULTIPROC_DIR"])
    assert fresh.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, used.name, other.name}


def test_no_secret_stands_in_the_effective_settings() -> None:
    environ = make_environ(CROSSLINE_METRICS_TOKEN="a-token-that-nobody-sees", CROSSLINE_ALLOWED_NETWORKS="192.0.2.0/24 198.51.100.0/24")
    shown = effective(make_settings(**environ))
    secret_names = ("REDIS_URL", "DATABASE_URL", "CROSSLINE_CALLBACK_TOKENS", "CROSSLINE_ENCRYPTION_KEYS", "CROSSLINE_INDEX_KEY")

    assert [name for name in secret_names if environ[name] in " ".join(shown.values())] == []
    assert "nobody-sees" not in " ".join(shown.values())
    assert shown["metrics_token"] == "set"
    assert shown["default_region"] == "unset"
    assert shown["encryption_keys"] == "1 set"
    assert shown["allowed_networks"] == "192.0.2.0/24 198.51.100.0/24"
    assert shown["signature"] == "if-present"
