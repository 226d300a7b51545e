"""One Valkey, one SQLite file and one receiver a set of settings, for each xdist worker: starting them is what takes the time."""

import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from schemas.settings import Settings
from tests.door.door import Door
from tests.support.crossline import CrosslineProcess
from tests.support.environment import make_environ
from tests.support.valkey import ValkeyProcess

OpenDoor = Callable[..., Door]
OPEN_FILES: Final = 4096


@pytest.fixture(scope="session")
def doors(_migrated_sqlite: Path) -> Iterator[OpenDoor]:
    """The receiver with these settings, as in `doors(CROSSLINE_SIGNATURE="require")`; started when it is first asked for."""
    # Inherited by the receivers: what a service manager gives them is more than what a shell does.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, OPEN_FILES) if most > 0 else OPEN_FILES, most))
    directory = Path(tempfile.mkdtemp(prefix="cl-", dir="/tmp"))
    valkey = ValkeyProcess(directory)
    valkey.start()
    database = directory / "crossline.db"
    shutil.copyfile(_migrated_sqlite, database)
    environ = make_environ(redis_url=valkey.url, database_url=f"sqlite:///{database}")
    opened: dict[tuple[tuple[str, str], ...], Door] = {}

    def open_door(**overrides: str) -> Door:
        which = tuple(sorted(overrides.items()))
        if which not in opened:
            process = CrosslineProcess(directory, ["web"], environ | overrides)
            process.start()
            opened[which] = Door(process, valkey, Settings.load(environ | overrides))
            process.wait_ready(path="/healthz")
        return opened[which]

    yield open_door
    for door in opened.values():
        door.process.stop()
    valkey.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def door(doors: OpenDoor) -> Door:
    """The receiver with the default settings, and nothing in its inbox nor among its duplicate marks."""
    door = doors()
    door.valkey.empty()
    return door
