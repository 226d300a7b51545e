"""`crossline up`: the whole product from one command, and everything it started ends with it."""

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from crossline import datadir
from crossline.context import data_dir_option
from schemas.clock import monotonic_s
from schemas.settings import Settings


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Where to listen; 0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@data_dir_option
@click.option("--demo", is_flag=True, help="Play conversations, sent and signed as the provider would.")
def up(port: int, host: str, data_dir: Path | None, demo: bool) -> None:
    """Start the whole product here: stores, schema, web and worker.

    Valkey and SQLite live in the data dir, unless REDIS_URL or DATABASE_URL name stores of yours. Keys and a token are made on the first
    run and kept. Prints the private URI and a first message to send. Ctrl-C stops everything; what was acknowledged is kept, also when
    this is killed.
    """
    began_s = monotonic_s()
    from crossline.address import free_port
    from crossline.embedded import valkey_on
    from crossline.house import House, stop_house
    from crossline.logs import configure_logs
    from crossline.processes import Family
    from crossline.stopping import StopRequest
    from crossline.welcome import say_ready

    directory = datadir.chosen(data_dir)
    with ExitStack() as stack:
        datadir.prepare(directory)
        stack.enter_context(datadir.locked(directory))
        datadir.make_secrets(directory)
        environment = _environment(directory, host, free_port(host, port))
        stop = stack.enter_context(StopRequest())
        valkey = None
        if not datadir.is_set("REDIS_URL", environment):
            valkey = stack.enter_context(valkey_on(directory / "valkey"))
            environment["REDIS_URL"] = valkey.url
        settings = Settings.load(environment)
        configure_logs(settings.log_format, settings.log_level)
        family = Family()
        # Entered last, so left first: the children end while their sockets and locks are still ours.
        stack.callback(stop_house, family, stop)
        house = House(directory=directory, environment=environment, settings=settings, valkey=valkey, family=family, stop=stop)
        if house.start():
            datadir.write_runtime(directory, house.runtime())
            say_ready(house.runtime(), directory, took_s=monotonic_s() - began_s)
            if demo:
                house.play_demo()
            house.watch()
        click.echo("\nStopping.", err=True)
    sys.exit(stop.exit_code)


def _environment(directory: Path, host: str, port: int) -> dict[str, str]:
    """What the processes see. On a terminal of one's own, only what is out of order is worth a line."""
    environment = datadir.with_secrets(directory)
    if not datadir.is_set("DATABASE_URL", environment):
        environment["DATABASE_URL"] = f"sqlite:///{directory / 'crossline.db'}"
    environment |= {"HOST": host, "PORT": str(port), "CROSSLINE_DATA_DIR": str(directory)}
    environment.setdefault("LOG_FORMAT", "console")
    environment.setdefault("LOG_LEVEL", "warning")
    return environment
