"""`crossline inbox`: what was accepted and is not in the transcript yet, in both stores."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any, Final

import click
import orjson

from crossline.context import data_dir_option, load_settings
from crossline.stores import migrated_database, redis_of
from crossline.transcript_forms.text_form import instant
from schemas.clock import utcnow
from schemas.errors import SchemaMismatch, StoreError
from schemas.settings import Settings
from store.inbox.batches import Backlog, StoreName
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox

EVERY_S: Final = 2.0
_UNREACHABLE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits in one store. `trouble`: why it cannot be said; then the figures are None. `due`: batches that no worker has taken."""

    store: StoreName
    messages: int | None = None
    batches: int | None = None
    due: int | None = None
    oldest_s: float | None = None
    trouble: str | None = None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with --watch, one a line.")
@click.option("--watch", is_flag=True, help="Look again until Ctrl-C.")
@click.option("--every", "every_s", type=click.FloatRange(min=0.1), default=EVERY_S, show_default=True, help="Seconds between two looks.")
@data_dir_option
def inbox(*, as_json: bool, watch: bool, every_s: float, data_dir: Path | None) -> None:
    """Show what waits in Redis and in the database, and how long the oldest has waited.

    Normally nothing waits longer than a second. What stays due means that no worker runs: `crossline doctor` looks closer.
    Exits with 1 when a store cannot be asked.
    """
    settings = load_settings(data_dir)
    while True:
        looked = look(settings)
        _show(looked, as_json=as_json, with_time=watch)
        if not watch:
            break
        sleep(every_s)
    if any(one.trouble for one in looked):
        sys.exit(_UNREACHABLE)


def look(settings: Settings) -> tuple[Waiting, ...]:
    """What waits in each store at this moment; a store that cannot be asked says why."""
    return (
        _waiting(StoreName.REDIS, partial(_in_redis, settings)),
        _waiting(StoreName.DATABASE, partial(_in_database, settings)),
    )


def _in_redis(settings: Settings) -> Backlog:
    with redis_of(settings) as client:
        return RedisInbox(client).backlog()


def _in_database(settings: Settings) -> Backlog:
    with migrated_database(settings) as database:
        return DatabaseInbox(database).backlog()


def _waiting(store: StoreName, ask: Callable[[], Backlog]) -> Waiting:
    try:
        backlog = ask()
    except (StoreError, SchemaMismatch) as error:
        return Waiting(store=store, trouble=error.message)
    return Waiting(
        store=store,
        messages=backlog.messages,
        batches=backlog.batches,
        due=backlog.due,
        oldest_s=backlog.oldest_age_ms / 1000,
    )


def _show(looked: tuple[Waiting, ...], *, as_json: bool, with_time: bool) -> None:
    if as_json:
        document: dict[str, Any] = {"at": instant(utcnow(), local=False)} | {one.store.value: asdict(one) for one in looked}
        click.echo(orjson.dumps(document).decode())
        return
    if with_time:
        click.echo(instant(utcnow().replace(microsecond=0), local=False))
    for one in looked:
        click.echo(f"{one.store.value:<10}{_words(one)}")


def _words(one: Waiting) -> str:
    if one.trouble is not None:
        return f"cannot be asked: {one.trouble}"
    if not one.batches:
        return "nothing waits"
    held = (one.batches or 0) - (one.due or 0)
    return (
        f"{_count(one.messages, 'message')} in {_count(one.batches, 'batch', 'batches')} "
        f"({one.due} due, {held} with a worker or set back), the oldest for {one.oldest_s:.1f} s"
    )


def _count(number: int | None, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
