"""A whole Crossline with keys of its own, as an operator sets it up, for a measurement to run."""

import base64
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.children import run
from schemas.settings import Settings

COMMAND: Final = str(Path(sys.executable).parent / "crossline")
_CUSTOMER_ID: Final = "FFFFFFFF-0000-4000-8000-0123456789AB"


@dataclass(frozen=True, slots=True)
class Installation:
    """The environment that every process of it gets."""

    environ: dict[str, str]

    @classmethod
    def new(cls, redis_url: str, database_url: str) -> Self:
        """New keys and a new token on these stores; callbacks must be signed."""
        environ = {
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            "HOST": "127.0.0.1",
            "CROSSLINE_CALLBACK_TOKENS": secrets.token_urlsafe(24),
            "CROSSLINE_SIGNATURE": "require",
            "CROSSLINE_ENCRYPTION_KEYS": secrets.token_hex(32),
            "CROSSLINE_INDEX_KEY": secrets.token_hex(32),
            "CROSSLINE_TELESIGN_CUSTOMER_ID": _CUSTOMER_ID,
            "CROSSLINE_TELESIGN_API_KEYS": base64.b64encode(secrets.token_bytes(64)).decode(),
        }
        return cls(environ)

    @property
    def settings(self) -> Settings:
        """What its processes read from that environment."""
        return Settings.load(self.environ)

    @property
    def private_path(self) -> str:
        """The private URI's path, token and all."""
        return f"/callbacks/telesign/{self.environ['CROSSLINE_CALLBACK_TOKENS']}"

    def migrate(self, directory: Path) -> None:
        """Bring the database's schema up to date. Raises Failed."""
        run([COMMAND, "migrate"], self.environ, directory / "migrate.log")
