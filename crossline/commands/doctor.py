"""`crossline doctor`: says what is wrong with an installation, and how to mend it."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import orjson

from crossline.context import data_dir_option, load_settings
from crossline.doctor.verdicts import Level, Verdict, fail, ok
from schemas.clock import utcnow
from schemas.errors import SettingsError
from schemas.settings import Settings

BROKEN: Final = 1
_COLOURS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command()
@click.option("--url", metavar="https://…", help="Also send a signed test callback to this front door, and find it in the transcript.")
@click.option("--web-processes", type=click.IntRange(0), help="Web processes of the whole fleet.  [WEB_CONCURRENCY]")
@click.option("--worker-processes", type=click.IntRange(0), default=1, show_default=True, help="Screeners of the whole fleet.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="`crossline worker` commands of the whole fleet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def doctor(
    *, url: str | None, web_processes: int | None, worker_processes: int, workers: int, as_json: bool, data_dir: Path | None
) -> None:
    """Check stores, durability, schema, keys, clocks, connections, the door and the workers; say what to do.

    Changes nothing, except that --url leaves one test message in a session of its own. Exits with 1 when anything failed.
    """
    from crossline.doctor.catalogue import judge
    from crossline.doctor.facts import Plan, gather

    verdicts: list[Verdict] = []
    settings = _settings(data_dir, verdicts)
    if settings is not None:
        plan = Plan(web_processes if web_processes is not None else settings.web_concurrency, worker_processes, workers)
        verdicts += judge(gather(settings, plan, clock=utcnow))
        if url is not None:
            from crossline.doctor.front_door import through_the_front_door

            verdicts += through_the_front_door(settings, url)
    _show(verdicts, as_json=as_json)
    if any(verdict.level is Level.FAIL for verdict in verdicts):
        sys.exit(BROKEN)


def _settings(data_dir: Path | None, verdicts: list[Verdict]) -> Settings | None:
    try:
        settings = load_settings(data_dir)
    except SettingsError as error:
        remedy = error.hint or "Set it in the environment; nothing else can be checked before."
        verdicts += [fail("settings", problem, remedy) for problem in error.problems]
        return None
    verdicts.append(ok("settings", "They are valid."))
    return settings


def _show(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    counts = {level: sum(verdict.level is level for verdict in verdicts) for level in Level}
    if as_json:
        document = {"ok": not counts[Level.FAIL], "counts": counts, "verdicts": [asdict(verdict) for verdict in verdicts]}
        click.echo(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS).decode())
        return
    width = max(len(verdict.name) for verdict in verdicts)
    for verdict in verdicts:
        level = click.style(f"{verdict.level.value.upper():<4}", fg=_COLOURS[verdict.level], bold=verdict.level is not Level.OK)
        click.echo(f"{level}  {verdict.name:<{width}}  {verdict.finding}")
        if verdict.remedy:
            click.echo(f"      {'':<{width}}  → {verdict.remedy}")
    click.echo(f"\n{counts[Level.FAIL]} failed, {counts[Level.WARN]} to look at, {counts[Level.OK]} in order.")
