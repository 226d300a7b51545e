"""The web process's application, as uvicorn makes it: `crossline.web:create_app`."""

import gc
import multiprocessing
import os
from functools import partial
from typing import Final

from starlette.types import ASGIApp

from crossline.logs import configure_logs
from crossline.opening import open_door
from crossline.processes import end_with_parent
from receiver.app import build_app
from receiver.metrics import DoorMetrics
from schemas.settings import Settings
from store.sealing.digests import Digests

_LOOK_FOR_CYCLES_EVERY: Final = (50_000, 20, 20)
"""New objects between two looks, and how the older generations follow. At Python's own 700, looking is a tenth of the way to a 200."""


def create_app() -> ASGIApp:
    """The application under the environment's settings. Raises SettingsError naming every problem."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        # One of several server processes: uvicorn's own watch over them ends with uvicorn.
        end_with_parent(parent.pid)
    settings = Settings.load(os.environ)
    configure_logs(settings.log_format, settings.log_level)
    metrics = DoorMetrics(multiprocess_dir=os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
    digests = Digests(settings.index_key.get_secret_value())
    app = build_app(settings, digests=digests, metrics=metrics, open_door=partial(open_door, settings, metrics))
    # What is loaded by now stays: it need not be looked at again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_LOOK_FOR_CYCLES_EVERY)
    return app
