"""`python -m bench`: measures Crossline against what it is compared with. Ratios from one run mean something; single figures do not."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from bench.children import Failed

_MOST_LOADED_S: Final = 500.0
_SERVERS: Final = 4
F = TypeVar("F", bound=Callable[..., Any])


def common_options(command: F) -> F:
    """The options that every measurement takes."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else, to standard output.")
    quick = click.option("--quick", is_flag=True, help="A short run that shows that everything works; its figures are noise.")
    return as_json(quick(command))


@click.group(help=__doc__)
def main() -> None:
    """See the module."""


@main.command()
@common_options
@click.option("--rounds", type=click.IntRange(min=1), help="How often each server is measured.  [default: 11, quick: 3]")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="For how long, each time.  [default: 3, quick: 1]")
def ack(*, as_json: bool, quick: bool, rounds: int | None, seconds: float | None) -> None:
    """How fast a callback is acknowledged: bare Starlette, the usual way in two forms, and Crossline, side by side."""
    from bench.ack.rounds import measure_acknowledgement
    from bench.ack.summary import table

    rounds = rounds or (3 if quick else 11)
    seconds = seconds or (1.0 if quick else 3.0)
    if rounds * seconds * _SERVERS > _MOST_LOADED_S:
        raise click.UsageError("That would take longer than 10 minutes.")
    _show(lambda: measure_acknowledgement(rounds=rounds, seconds=seconds), table, as_json=as_json)


@main.command()
@common_options
@click.option("--rounds", type=click.IntRange(min=1), help="How often each worker is measured.  [default: 3, quick: 1]")
def pipeline(*, as_json: bool, quick: bool, rounds: int | None) -> None:
    """How fast accepted messages get into the transcript, against RQ's default worker with one message and one insert a job."""
    from bench.pipeline.measure import FULL, QUICK, measure_pipeline, table

    amounts, rounds = (QUICK, rounds or 1) if quick else (FULL, rounds or 3)
    _show(lambda: measure_pipeline(amounts, rounds=rounds), table, as_json=as_json)


@main.command()
@common_options
def memory(*, as_json: bool, quick: bool) -> None:
    """What an idle receiver holds, and what a message costs Redis while it waits and while it is remembered."""
    from bench.memory.measure import measure_memory, table

    _show(lambda: measure_memory(messages=2_000 if quick else 20_000), table, as_json=as_json)


def _show(measure: Callable[[], dict[str, Any]], table: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    try:
        result = measure()
    except Failed as failure:
        raise click.ClickException(str(failure)) from None
    click.echo(json.dumps(result, indent=2) if as_json else table(result))


if __name__ == "__main__":
    main(prog_name="bench")
    sys.exit()
