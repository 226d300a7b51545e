"""The environment of a Crossline under test: made-up keys and tokens, and the stores that a test was given."""

import base64
import secrets

from schemas.settings import Settings


def make_environ(*, redis_url: str = "redis://127.0.0.1:1/0", database_url: str = "sqlite://", **overrides: str | None) -> dict[str, str]:
    """Environment variables of a whole installation, keys and token new. An override of None leaves a variable out.

    Unless stores are given, they name nothing that answers: for tests that need settings and no store.
    """
    environ: dict[str, str | None] = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "HOST": "127.0.0.1",
        "CROSSLINE_CALLBACK_TOKENS": secrets.token_urlsafe(24),
        "CROSSLINE_ENCRYPTION_KEYS": secrets.token_hex(32),
        "CROSSLINE_INDEX_KEY": secrets.token_hex(32),
        "CROSSLINE_TELESIGN_CUSTOMER_ID": "FFFFFFFF-0000-4000-8000-0123456789AB",
        "CROSSLINE_TELESIGN_API_KEYS": base64.b64encode(secrets.token_bytes(48)).decode(),
    }
    return {name: value for name, value in (environ | overrides).items() if value is not None}


def make_settings(*, redis_url: str = "redis://127.0.0.1:1/0", database_url: str = "sqlite://", **overrides: str | None) -> Settings:
    """The settings that `make_environ` makes, as a process would load them."""
    return Settings.load(make_environ(redis_url=redis_url, database_url=database_url, **overrides))
