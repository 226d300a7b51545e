"""Opens the stores that a command works on, from its settings, and closes them behind it."""

import contextlib
from collections.abc import Iterator

from schemas.settings import Settings
from store.engine import Database
from store.redis_client import RedisClient, open_redis
from store.schema import require_schema
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring


@contextlib.contextmanager
def migrated_database(settings: Settings) -> Iterator[Database]:
    """The database, with the schema that this release needs. Raises SchemaMismatch or StoreError."""
    database = Database.open(settings.database_url.get_secret_value())
    try:
        require_schema(database)
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def redis_of(settings: Settings) -> Iterator[RedisClient]:
    """A client of Redis; nothing is connected yet."""
    client = open_redis(settings.redis_url.get_secret_value(), tls_verify=settings.redis_tls_verify)
    try:
        yield client
    finally:
        client.close()


def keyring_of(settings: Settings) -> Keyring:
    """The encryption keys."""
    return Keyring([key.get_secret_value() for key in settings.encryption_keys])


def digests_of(settings: Settings) -> Digests:
    """The digests under the index key."""
    return Digests(settings.index_key.get_secret_value())
