"""What `crossline up` starts, in which order, and when it is ready."""

import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import click

from crossline import datadir
from crossline.address import in_url, is_ready, loopback
from crossline.commands.web import server
from crossline.embedded import Valkey, wait_until_ready
from crossline.processes import Family, Fork, spawn
from crossline.stopping import StopRequest
from schemas.clock import monotonic_s
from schemas.errors import CrosslineError, UserError
from schemas.settings import Settings

READY_WITHIN_S: Final = 60.0
SCREENER_WITHIN_S: Final = 5.0
_READY_POLL_S: Final = 0.02
_HOPELESS: Final = 3
"""A process that ended so often before anything was ready will not start."""
_STOP_ORDER: Final = ("demo", "web", "worker", "migrate", "valkey")
"""First what takes messages in, last what keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything under one `up`. `environment`: what its processes see. `valkey`: None where Redis is somebody else's."""

    directory: Path
    environment: dict[str, str]
    settings: Settings
    valkey: Valkey | None
    family: Family
    stop: StopRequest
    earlier_screeners: set[bytes] = field(default_factory=set)

    def start(self) -> bool:
        """Start everything and wait until a message would be accepted. False when stopped meanwhile. Raises UserError."""
        if self.valkey is not None:
            process = self.family.start("valkey", partial(self.valkey.start, self.environment))
            if not wait_until_ready(self.valkey, process, self.stop, _say):
                return False
            self.earlier_screeners.update(self.valkey.screeners())
        # All at once: web and worker load while the migrations run, and wait for them.
        # The server itself, not `crossline web`: what that checks is checked, and a Python less has to start.
        command, additions = server(self.settings)
        self.family.start("web", partial(spawn, command, self.environment | additions))
        # -P: a folder called `store` in the current directory must not be taken for ours.
        worker = [sys.executable, "-P", "-m", "crossline", "worker", "--data-dir", str(self.directory)]
        self.family.start("worker", partial(spawn, worker, self.environment))
        self.family.start("migrate", partial(Fork, partial(_migrate, self.settings.database_url.get_secret_value())), again=False)
        return self._wait_until_ready()

    def play_demo(self) -> None:
        """Play the demonstration beside everything else, once."""
        self.family.start(
            "demo", partial(Fork, partial(_play_demo, self.runtime().private_uri, self.settings, self.directory)), again=False
        )

    def watch(self) -> None:
        """Keep everything running until this process is asked to stop."""
        while not self.stop.wait(self.family.tend()):
            pass

    def runtime(self) -> datadir.Runtime:
        """Where everything runs."""
        address = f"{in_url(loopback(self.settings.host))}:{self.settings.port}"
        return datadir.Runtime(
            pid=os.getpid(),
            port=self.settings.port,
            redis_url=self.settings.redis_url.get_secret_value(),
            database_url=self.settings.database_url.get_secret_value(),
            private_uri=f"http://{address}/callbacks/telesign/{self.settings.callback_tokens[0].get_secret_value()}",
        )

    def _wait_until_ready(self) -> bool:
        deadline_s = monotonic_s() + READY_WITHIN_S
        while not self.stop.wait(_READY_POLL_S):
            self.family.tend()
            if self.family.poll("migrate"):
                raise UserError("The schema could not be brought up to date; the lines above say why.")
            if self.family.deaths("web") >= _HOPELESS:
                raise UserError("The web process does not start; the lines above say why.")
            if self.family.poll("migrate") == 0 and is_ready(self.settings.host, self.settings.port):
                return self._wait_for_screener()
            if monotonic_s() > deadline_s:
                raise UserError(f"Nothing was ready after {READY_WITHIN_S:.0f} s; `crossline doctor` looks for the cause.")
        return False

    def _wait_for_screener(self) -> bool:
        """What is accepted is safe without a screener, so that none is waited for long."""
        deadline_s = monotonic_s() + SCREENER_WITHIN_S
        while self.valkey is not None and monotonic_s() < deadline_s and self.valkey.screeners() <= self.earlier_screeners:
            if self.stop.wait(_READY_POLL_S):
                return False
            self.family.tend()
        return True


def stop_house(family: Family, stop: StopRequest) -> None:
    """Stop everything in its order."""
    for name in _STOP_ORDER:
        family.stop([name], stop)


def _play_demo(private_uri: str, settings: Settings, directory: Path) -> None:
    from crossline.demo import play_demo

    play_demo(private_uri, settings, directory)


def _migrate(database_url: str) -> None:
    from crossline.schema import bring_up_to_date

    try:
        bring_up_to_date(database_url, say=_say)
    except CrosslineError as error:
        _say(error.message)
        sys.exit(1)


def _say(line: str) -> None:
    click.echo(line, err=True)
