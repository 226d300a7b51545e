"""`crossline worker`: supervises the screeners and the keeper, each a fork of this process."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import click

from crossline.context import data_dir_option, load_settings
from schemas.settings import Settings

STOP_WITHIN_S: Final = 4.0
"""Less than what the supervisor itself is given."""


@click.command()
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="How many screeners work side by side.")
@data_dir_option
def worker(data_dir: Path | None, processes: int) -> None:
    """Screen what was accepted, and keep house, as a PaaS's worker process.

    Runs screeners, and one keeper that sweeps, and starts each again should it end. Waits for the schema, and says so.
    """
    from crossline.logs import configure_logs
    from crossline.processes import Family, Fork
    from crossline.stopping import StopRequest

    settings = load_settings(data_dir)
    configure_logs(settings.log_format, settings.log_level)
    parts = _parts(settings, processes)
    with StopRequest() as stop:
        family = Family()
        for name, run in parts.items():
            family.start(name, partial(Fork, run))
        while not stop.wait(family.tend()):
            pass
        family.stop(list(parts), stop, within_s=STOP_WITHIN_S)
    sys.exit(stop.exit_code)


def _parts(settings: Settings, processes: int) -> dict[str, Callable[[], None]]:
    """What runs in each process. Everything is imported here, before the first fork, so that the processes share it."""
    from workers import keeper, screener

    parts: dict[str, Callable[[], None]] = {f"screener-{number}": partial(screener.run, settings) for number in range(1, processes + 1)}
    parts["keeper"] = partial(keeper.run, settings)
    # Objects that the collector never looks at again stay on pages that all processes share.
    gc.collect()
    gc.freeze()
    return parts
