"""The benchmark runs, and says what it promises to say. Nothing here judges a figure: a test machine is no place to measure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SERVERS = {"bare_starlette", "usual_way", "asyncio_pipeline", "crossline"}


def run_bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """One `python -m bench …` to its end, in an environment without this test's own settings."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)


def test_the_acknowledgement_of_every_server_is_measured_in_one_run() -> None:
    ended = run_bench("ack", "--quick", "--rounds", "1", "--seconds", "0.5", "--json")

    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    ratios = [result[name] for name in ("vs_bare_starlette", "vs_usual_way", "vs_asyncio_pipeline")]
    assert all(isinstance(ratio, float) and ratio > 0 for ratio in ratios)
    assert result["connections"] == 64
    assert set(result["machine"]) == {"cores", "system", "python", "valkey"}
    assert result["machine"]["valkey"].endswith("appendfsync always")
    assert set(result["servers"]) == SERVERS
    for server in result["servers"].values():
        assert server["answers"] > 0
        assert server["requests_per_s"] > 0
        assert 0 < server["p50_ms"] <= server["p99_ms"]
        assert len(server["requests_per_s_by_round"]) == result["rounds"] == 1


@pytest.mark.parametrize(
    "arguments, word",
    [
        pytest.param(["ack", "--rounds", "1000", "--seconds", "60"], "10 minutes", id="a run that would take too long"),
        pytest.param(["ack", "--rounds", "0"], "--rounds", id="no round"),
        pytest.param(["speed"], "speed", id="a measurement that there is not"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_a_reason(arguments: list[str], word: str) -> None:
    ended = run_bench(*arguments)

    assert ended.returncode == 2
    assert word in ended.stderr
    assert ended.stdout == ""
