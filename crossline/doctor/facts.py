"""Everything that the checks judge, gathered in one visit to each store. A store that cannot be asked is a fact like any other."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossline.doctor.addresses import is_local
from crossline.stores import keyring_of
from schemas.errors import StoreError
from schemas.settings import Settings
from store.database_facts import DatabaseFacts, examine_database
from store.redis_facts import RedisFacts, examine_redis
from store.sealing.keyring import index_key_id


@dataclass(frozen=True, slots=True)
class Plan:
    """How many processes the whole fleet runs: uvicorn's, the screeners, and the `crossline worker` commands (one keeper each)."""

    web_processes: int
    worker_processes: int
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a store on this machine writes to."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The settings, the plan, and what the stores said; a StoreError says why one said nothing. Disks: None where not on this machine."""

    settings: Settings
    plan: Plan
    redis: RedisFacts | StoreError
    database: DatabaseFacts | StoreError
    redis_disk: Disk | None = None
    database_disk: Disk | None = None
    database_directory_writable: bool = True


def gather(settings: Settings, plan: Plan, *, clock: Callable[[], datetime]) -> Facts:
    """Visit both stores. Raises nothing that a store can cause. `clock`: this machine's, aware UTC."""
    redis, database = _redis(settings, clock), _database(settings, clock)
    file = database.file if isinstance(database, DatabaseFacts) else None
    directory = redis.directory if isinstance(redis, RedisFacts) and is_local(settings.redis_url.get_secret_value()) else None
    return Facts(
        settings=settings,
        plan=plan,
        redis=redis,
        database=database,
        redis_disk=None if directory is None else _disk(Path(directory)),
        database_disk=None if file is None else _disk(file.parent),
        database_directory_writable=file is None or _is_writable(file),
    )


def _redis(settings: Settings, clock: Callable[[], datetime]) -> RedisFacts | StoreError:
    try:
        return examine_redis(settings.redis_url.get_secret_value(), tls_verify=settings.redis_tls_verify, clock=clock)
    except StoreError as error:
        return error


def _database(settings: Settings, clock: Callable[[], datetime]) -> DatabaseFacts | StoreError:
    index_id = index_key_id(settings.index_key.get_secret_value())
    try:
        return examine_database(settings.database_url.get_secret_value(), keyring_of(settings), index_id, clock=clock)
    except StoreError as error:
        return error


def _disk(directory: Path) -> Disk | None:
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _is_writable(file: Path) -> bool:
    return all(os.access(path, os.W_OK) for path in (file.parent, file) if path.exists())
