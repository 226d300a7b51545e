"""Crossline's own processes, run as an operator runs them: the installed command, an environment, signals."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import httpx

from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.process import ServerProcess

COMMAND: Final = Path(sys.executable).parent / "crossline"
READY_WITHIN_S: Final = 30.0
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_INHERITED_PREFIX: Final = "COV"  # how coverage reaches the processes that tests start


def process_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What a process gets: the given environment and nothing else of ours but where programs are and how coverage is counted."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIX)}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(environ)


class CrosslineProcess(ServerProcess):
    """One long-running `crossline …` process on a loopback port of its own."""

    def __init__(self, directory: Path, arguments: list[str], environ: Mapping[str, str]) -> None:
        self.port = int(environ.get("PORT") or free_port())
        super().__init__(directory / f"{arguments[0]}-{self.port}.log")
        self.directory = directory
        self.arguments = arguments
        self.environ = {"PORT": str(self.port)} | dict(environ)

    @property
    def url(self) -> str:
        """Where the process answers HTTP, if it does."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; returns at once."""
        self.spawn([str(COMMAND), *self.arguments], env=process_environ(self.environ), cwd=self.directory)

    def wait_ready(self, *, path: str = "/healthz", within_s: float = READY_WITHIN_S) -> None:
        """Return when the process answers 200 at a path. Fails with its log when it ends or does not in time."""
        with httpx.Client(trust_env=False, timeout=2) as client:
            wait_until(lambda: self._answers(client, path), within_s=within_s, what=f"200 from {path}")

    def wait_for_log(self, text: str, *, within_s: float = READY_WITHIN_S) -> str:
        """The first log line that holds a text. Fails with the log when the process ends without it, or does not write it in time."""
        return wait_until(lambda: self._line_with(text), within_s=within_s, what=f"a log line with {text!r}")

    def _answers(self, client: httpx.Client, path: str) -> bool:
        assert self.is_running, f"the process ended with {self.exit_code}: {self.log()[-4000:]}"
        try:
            return client.get(self.url + path).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _line_with(self, text: str) -> str:
        line = next((line for line in self.log().splitlines() if text in line), "")
        assert line or self.is_running, f"the process ended with {self.exit_code}: {self.log()[-4000:]}"
        return line


class StartProcess(Protocol):
    """What the fixture `crossline_process` gives."""

    def __call__(self, *arguments: str, environ: Mapping[str, str], until_log: str | None = None, ready: bool = True) -> CrosslineProcess:
        """Start `crossline` with these arguments; see the fixture for when it returns."""


def run_crossline(
    *arguments: str, environ: Mapping[str, str], cwd: Path, stdin: str = "", within_s: float = 60.0
) -> "subprocess.CompletedProcess[str]":
    """Run one `crossline …` command to its end: exit code, standard output, standard error."""
    command = [str(COMMAND), *arguments]
    env = process_environ(environ)
    return subprocess.run(command, env=env, cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=within_s)
