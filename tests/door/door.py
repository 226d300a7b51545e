"""The door of a real `crossline web`, and what it let into the stores."""

import base64
from dataclasses import dataclass

import redis

from schemas.batches import BatchItem, ItemKind
from schemas.errors import MalformedCallback
from schemas.settings import Settings
from schemas.signatures import authorization
from store.inbox.redis import RedisInbox
from store.inbox.sealed import open_batch
from store.sealing.keyring import Keyring
from tests.door.wire import Connection, Response, connected, request
from tests.support.crossline import CrosslineProcess
from tests.support.valkey import ValkeyProcess

QUARANTINED = MalformedCallback.code


@dataclass(frozen=True, slots=True)
class Door:
    """One running receiver. What it keeps lies in the inbox of `valkey`: no worker runs."""

    process: CrosslineProcess
    valkey: ValkeyProcess
    settings: Settings

    @property
    def port(self) -> int:
        """Where the door listens, on 127.0.0.1."""
        return self.process.port

    @property
    def path(self) -> str:
        """The private path, under the first token."""
        return self.path_of(0)

    def path_of(self, token: int) -> str:
        """The private path under one of the tokens."""
        return f"/callbacks/telesign/{self.settings.callback_tokens[token].get_secret_value()}"

    @property
    def api_key(self) -> bytes:
        """The key that signs callbacks."""
        return self.settings.telesign_api_keys[0].get_secret_value()

    def signed(self, body: bytes) -> str:
        """The header that signs a body."""
        return f"Authorization: {authorization('CUSTOMER', self.api_key, body)}"

    def send(self, *requests: bytes) -> list[Response]:
        """Send requests in one go over one connection; their responses."""
        with connected(self.port) as connection:
            connection.send(b"".join(requests))
            return [connection.response() for _ in requests]

    def post(self, body: bytes, *headers: str) -> Response:
        """Send one callback."""
        return self.send(request(self.path, body, *headers))[0]

    def connect(self) -> Connection:
        """A connection of one's own."""
        return Connection(self.port)

    def kept(self) -> list[BatchItem]:
        """What was accepted since this was asked last, in order."""
        keyring = Keyring([key.get_secret_value() for key in self.settings.encryption_keys])
        client = redis.Redis(unix_socket_path=str(self.valkey.socket_path), socket_timeout=5)
        try:
            inbox = RedisInbox(client)
            batches = inbox.claim()
            inbox.done(batches)
        finally:
            client.close()
        return [item for batch in batches for item in open_batch(batch.id, batch.sealed, keyring)]

    def kept_bodies(self) -> list[bytes]:
        """The bodies of the messages among what was kept; fails when anything else was."""
        kept = self.kept()
        assert all(item.kind is ItemKind.MESSAGE for item in kept)
        return [item.body for item in kept]

    def count(self, name: str) -> float:
        """A counter at `/metrics`, by its whole name with labels; 0 where it has not counted yet."""
        text = self.send(request("/metrics", b"", method="GET"))[0].body.decode()
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)


def made_up_key() -> str:
    """An API key as TeleSign's portal shows one."""
    return base64.b64encode(bytes(range(48))).decode()
