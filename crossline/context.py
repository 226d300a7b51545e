"""What a command needs before it can start: its data dir, and the settings found in the environment or beside a running `up`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from crossline import datadir
from schemas.errors import SettingsError
from schemas.settings import Settings


def data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option `--data-dir`, as the argument `data_dir: Path | None`."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where `crossline up` keeps its stores and keys.  [CROSSLINE_DATA_DIR, or ./.crossline]",
    )(command)


def load_settings(data_dir: Path | None = None) -> Settings:
    """The settings of the environment, completed from the data dir. Raises SettingsError naming every problem."""
    directory = datadir.chosen(data_dir)
    try:
        return Settings.load(datadir.environment(directory))
    except SettingsError as error:
        if directory.exists() or not error.lacks_some:
            raise
        hint = f"There is no data dir {directory} either: run `crossline up`, name its data dir with --data-dir, or set the variables."
        raise SettingsError(error.problems, hint=hint) from None
